import { nearest } from "../../base/nearest.ts";
import {
  type CommandSpec,
  type FlagSpec,
  type Offer,
  placePattern,
  places,
  specs,
  steps,
  type ValueFlag,
  valueFlags,
  type Word,
} from "./spec.ts";
import { type AnyCommand, defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { registry } from "../registry.ts";
import { escape, writeStdout } from "../terminal.ts";
import { quoteWord } from "../../base/shell_words.ts";

const scripts: ReadonlyMap<string, (specs: readonly CommandSpec[]) => string> = new Map([
  ["bash", bashScript],
  ["zsh", zshScript],
  ["fish", fishScript],
]);

/** `tine completions SHELL`: a script that completes tine's command line, made from the declarations. */
export const command = defineCommand({
  name: "completions",
  summary: "Print a completion script for bash, zsh or fish",
  usage: ["bash | zsh | fish"],
  flags: {},
  positionals: [{ name: "SHELL", help: "bash, zsh or fish", words: [...scripts.keys()] }],
  examples: [
    { command: "source <(tine completions bash)", what: "in this bash; put the line into ~/.bashrc to keep it" },
    { command: "source <(tine completions zsh)", what: "in this zsh; put the line into ~/.zshrc, after compinit" },
    { command: "tine completions fish > ~/.config/fish/completions/tine.fish", what: "in every fish from now on" },
  ],
  async run({ positionals: [shell] }) {
    const commands = await Promise.all([...registry.values()].map(async ({ load }) => (await load()).command));
    await writeStdout(completionScript(shell, commands));
    return 0;
  },
});

/**
 * The completion script for a shell.
 *
 * @param shell bash, zsh or fish
 * @param commands the declarations of all commands
 * @throws {UsageError} for another shell
 */
export function completionScript(shell: string, commands: readonly AnyCommand[]): string {
  const script = scripts.get(shell);
  if (script === undefined) {
    const guess = nearest(shell, scripts.keys());
    const hint = guess ? `, did you mean ${guess}?` : "";
    throw new UsageError(`SHELL: expected bash, zsh or fish, not "${escape(shell)}"${hint}`);
  }
  return script(specs(commands));
}

/** The completion script for bash 3.2 and later; it needs no bash-completion package. */
export function bashScript(specs: readonly CommandSpec[]): string {
  const { stepCases, valued, bare, valueCases, placeCases } = casesOf(specs, setBash);
  const flagCases = specs.map(({ name, flags }) => {
    const words = flags.flatMap(({ names }) => names.filter((name) => name.startsWith("--"))).join(" ");
    return `${quoteWord(name)}) words=${quoteWord(words)} ;;`;
  });
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
    case "$command $word\${COMP_WORDS[i + 1]:0:1}" in
      ${bare.join(" |\\\n      ")}) continue ;;
    esac
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

function setBash({ words, paths }: Offer): string {
  return `words=${quoteWord(words.map(({ word }) => word).join(" "))} paths=${paths ?? ""}`;
}

/** The branches of `case` that scripts for bash and zsh have in common. */
function casesOf(specs: readonly CommandSpec[], assign: (offer: Offer) => string) {
  return {
    /** From a command and a word of it to the subcommand. */
    stepCases: steps(specs).map(({ from, word, to }) => `${quoteWord(`${from} ${word}`)}) command=${quoteWord(to)} ;;`),
    /** Patterns of the flags that take a value. */
    valued: valueFlags(specs).map(({ command, name }) => quoteWord(`${command} ${name}`)),
    /** Patterns of those that stand without one before a word that begins with a dash. */
    bare: [
      "''",
      ...valueFlags(specs).filter(({ bare }) => bare).map(({ command, name }) => quoteWord(`${command} ${name}-`)),
    ],
    /** What is offered as a value of these flags. */
    valueCases: valueFlags(specs).map(({ command, name, value }) =>
      `${quoteWord(`${command} ${name}`)}) ${assign(value)} ;;`
    ),
    /** What is offered for positional arguments. */
    placeCases: places(specs).map((place) => `${placePattern(place)}) ${assign(place.offer)} ;;`),
  };
}

/** The completion script for zsh: to be sourced after compinit, or put into $fpath as `_tine`. */
export function zshScript(specs: readonly CommandSpec[]): string {
  const { stepCases, valued, bare, valueCases, placeCases } = casesOf(specs, setZsh);
  const flagCases = specs.map(({ name, flags }) => {
    const words = flags.flatMap(({ names, help }) => names.map((word): Word => ({ word, help })));
    return `${quoteWord(name)}) offers=(${words.map(described).join(" ")}) ;;`;
  });
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
    case "$command $word\${words[i + 1][1]}" in
      ${bare.join(" |\\\n      ")}) continue ;;
    esac
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

function setZsh({ words, paths }: Offer): string {
  return `offers=(${words.map(described).join(" ")}) paths=${paths ?? ""}`;
}

/** A word and its meaning as _describe reads them. */
function described({ word, help }: Word): string {
  const escaped = word.replaceAll(":", "\\:");
  return quoteWord(help === undefined ? escaped : `${escaped}:${help}`);
}

/** The completion script for fish 3 and later. */
export function fishScript(specs: readonly CommandSpec[]): string {
  const stepCases = steps(specs).map(({ from, word, to }) =>
    `case ${quoted(`${from} ${word}`)}\n                set command ${quoted(to)}`
  );
  const patterns = (flags: readonly ValueFlag[]) => flags.map(({ command, name }) => quoted(`${command} ${name}`));
  const flags = valueFlags(specs);
  const valued = patterns(flags.filter(({ bare }) => !bare)), bare = patterns(flags.filter(({ bare }) => bare));
  return `# fish completion for tine
# Prints the command of the line so far and how many arguments it has, or -- where another command line has begun.
function __tine_line
    set -l command ''
    set -l place 0
    set -l skip no
    set -l tokens (commandline -opc)
    for word in $tokens[2..-1]
        set -l skipped $skip
        set skip no
        if test $skipped = always; or begin
                test $skipped = value; and not string match -q -- '-*' $word
            end
            continue
        end
        if test "$word" = --
            printf '%s\\n' --
            return
        end
        switch "$command $word"
            ${stepCases.join("\n            ")}
            case ${valued.join(" ")}
                set skip always
            case ${["''", ...bare].join(" ")}
                set skip value
            case '* -*'
            case '*'
                set place (math $place + 1)
        end
    end
    printf '%s\\n' "$command" $place
end
function __tine_at
    set -l line (__tine_line)
    test "$line[1]" = $argv[1]
end
# Whether an argument of command 1 begins at place 2; with a third argument, there or later.
function __tine_place
    set -l line (__tine_line)
    test "$line[1]" = $argv[1]; or return
    test "$line[2]" = $argv[2]; or begin
        set -q argv[3]; and test "$line[2]" -gt $argv[2]
    end
end
# Completes the command line behind -- as if it stood alone.
function __tine_trailing
    set -l tokens (commandline -opc)
    set -l mark (contains -i -- -- $tokens); or return
    set -e tokens[1..$mark]
    complete -C (string join ' ' -- (string escape -- $tokens) (commandline -ct))
end
complete -c tine -f
complete -c tine -n '__tine_at --' -x -a '(__tine_trailing)'
${specs.flatMap(({ name, flags }) => flags.map((flag) => flagLine(name, flag))).join("\n")}
${placeLines(specs).join("\n")}
`;
}

function flagLine(command: string, { names, help, value, bare }: FlagSpec): string {
  const parts = [`complete -c tine -n ${quoted(`__tine_at ${quoted(command)}`)}`];
  for (const name of names) parts.push(name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`);
  const isOffered = value !== undefined && (value.words.length > 0 || value.paths !== undefined);
  if (value !== undefined && (isOffered || !bare)) parts.push(`-r ${offer(value)}`);
  return `${parts.join(" ")} -d ${quoted(help)}`;
}

/** One line for each word, since a description belongs to all words of a line. */
function placeLines(specs: readonly CommandSpec[]): string[] {
  return places(specs).flatMap(({ command, place, last, offer: { words, paths } }) => {
    const condition = `__tine_place ${quoted(command)} ${place}${last ? " or-later" : ""}`;
    const start = `complete -c tine -n ${quoted(condition)}`;
    const lines = words.map(({ word, help }) =>
      `${start} -a ${quoted(word)}` + (help === undefined ? "" : ` -d ${quoted(help)}`)
    );
    return paths === undefined ? lines : [...lines, `${start} ${offer({ words: [], paths })}`];
  });
}

function offer({ words, paths }: Offer): string {
  const list = words.length > 0 ? ` -a ${quoted(words.map(({ word }) => word).join(" "))}` : "";
  if (paths === "file") return `-F${list}`;
  if (paths === "directory") return `-f -a '(__fish_complete_directories)'${list}`;
  return `-f${list}`;
}

/** A text as one word of fish. */
function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
