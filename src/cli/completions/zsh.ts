import { quoteWord } from "../../base/shell_words.ts";
import { type CommandSpec, type Offer, placePattern, places, steps, valueFlags, type Word } from "./spec.ts";

/** The completion script for zsh: to be sourced after compinit, or put into $fpath as `_tine`. */
export function zshScript(specs: readonly CommandSpec[]): string {
  const stepCases = steps(specs).map(({ from, word, to }) =>
    `${quoteWord(`${from} ${word}`)}) command=${quoteWord(to)} ;;`
  );
  const valued = valueFlags(specs).map(({ command, name }) => quoteWord(`${command} ${name}`));
  const valueCases = valueFlags(specs).map(({ command, name, value }) =>
    `${quoteWord(`${command} ${name}`)}) ${set(value)} ;;`
  );
  const flagCases = specs.map(({ name, flags }) => {
    const words = flags.flatMap(({ names, help }) => names.map((word): Word => ({ word, help })));
    return `${quoteWord(name)}) offers=(${words.map(described).join(" ")}) ;;`;
  });
  const placeCases = places(specs).map((place) => `${placePattern(place)}) ${set(place.offer)} ;;`);
  return `#compdef tine
# zsh completion for tine
_tine() {
  local prev= command= place=0 i word paths=
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if [[ $word == -- ]]; then
      shift $i words
      ((CURRENT -= i))
      _normal
      return
    fi
    case "$command $word" in
      ${stepCases.join("\n      ")}
      ${valued.join(" |\\\n      ")})
        ((i++))
        ((i >= CURRENT)) && prev=$word
        ;;
      *' -'*) ;;
      *) ((place++)) ;;
    esac
  done
  if [[ -z $prev && $PREFIX == --*=* ]]; then
    prev=\${PREFIX%%=*}
    compset -P 1 '*='
  fi
  if [[ -n $prev ]]; then
    case "$command $prev" in
      ${valueCases.join("\n      ")}
    esac
  elif [[ $PREFIX == -* ]]; then
    case "$command" in
      ${flagCases.join("\n      ")}
    esac
  else
    case "$command $place" in
      ${placeCases.join("\n      ")}
    esac
  fi
  local found=1
  (($#offers)) && _describe -t values 'tine' offers && found=0
  case $paths in
    file) _files && found=0 ;;
    directory) _files -/ && found=0 ;;
  esac
  return found
}
# In $fpath, this file is the function's body.
if [[ $funcstack[1] == _tine ]]; then _tine "$@"; else compdef _tine tine; fi
`;
}

function set({ words, paths }: Offer): string {
  return `offers=(${words.map(described).join(" ")}) paths=${paths ?? ""}`;
}

/** A word and its meaning as _describe reads them. */
function described({ word, help }: Word): string {
  const escaped = word.replaceAll(":", "\\:");
  return quoteWord(help === undefined ? escaped : `${escaped}:${help}`);
}
