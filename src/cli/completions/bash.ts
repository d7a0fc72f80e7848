import { quoteWord } from "../../base/shell_words.ts";
import { type CommandSpec, type Offer, placePattern, places, steps, valueFlags } from "./spec.ts";

/** The completion script for bash 3.2 and later; it needs no bash-completion package. */
export function bashScript(specs: readonly CommandSpec[]): string {
  const stepCases = steps(specs).map(({ from, word, to }) =>
    `${quoteWord(`${from} ${word}`)}) command=${quoteWord(to)} ;;`
  );
  const valued = valueFlags(specs).map(({ command, name }) => quoteWord(`${command} ${name}`));
  const valueCases = valueFlags(specs).map(({ command, name, value }) =>
    `${quoteWord(`${command} ${name}`)}) ${set(value)} ;;`
  );
  const flagCases = specs.map(({ name, flags }) => {
    const words = flags.flatMap(({ names }) => names.filter((name) => name.startsWith("--"))).join(" ");
    return `${quoteWord(name)}) words=${quoteWord(words)} ;;`;
  });
  const placeCases = places(specs).map((place) => `${placePattern(place)}) ${set(place.offer)} ;;`);
  return `# bash completion for tine
_tine() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev= command= place=0 i word words= paths= line IFS=$' \\t\\n'
  COMPREPLY=()
  # bash splits --flag=value at the sign.
  [[ $cur == "=" ]] && cur=
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == -- ]]; then
      [[ $((i + 1)) == "$COMP_CWORD" && $cur != */* ]] && paths=command || paths=file
      break
    fi
    case "$command $word" in
      ${stepCases.join("\n      ")}
      ${valued.join(" |\\\n      ")})
        ((i++))
        [[ \${COMP_WORDS[i]} == "=" ]] && ((i++))
        ((i >= COMP_CWORD)) && prev=$word
        ;;
      *' -'*) ;;
      *) ((place++)) ;;
    esac
  done
  if [[ $paths ]]; then
    :
  elif [[ $prev ]]; then
    case "$command $prev" in
      ${valueCases.join("\n      ")}
    esac
  elif [[ $cur == -* ]]; then
    case "$command" in
      ${flagCases.join("\n      ")}
    esac
  else
    case "$command $place" in
      ${placeCases.join("\n      ")}
    esac
  fi
  # Line by line: names of files may contain spaces.
  while IFS= read -r line; do
    [[ $line ]] && COMPREPLY+=("$line")
  done < <(
    [[ $words ]] && compgen -W "$words" -- "$cur"
    [[ $paths ]] && compgen -A "$paths" -- "$cur"
  )
  [[ $paths == file || $paths == directory ]] && compopt -o filenames 2>/dev/null
  return 0
}
complete -F _tine tine
`;
}

function set({ words, paths }: Offer): string {
  return `words=${quoteWord(words.map(({ word }) => word).join(" "))} paths=${paths ?? ""}`;
}
