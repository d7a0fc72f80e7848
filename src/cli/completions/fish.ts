import { type CommandSpec, type FlagSpec, type Offer, places, steps, valueFlags } from "./spec.ts";

/** The completion script for fish 3 and later. */
export function fishScript(specs: readonly CommandSpec[]): string {
  const stepCases = steps(specs).map(({ from, word, to }) =>
    `case ${quoted(`${from} ${word}`)}\n                set command ${quoted(to)}`
  );
  const valued = valueFlags(specs).map(({ command, name }) => quoted(`${command} ${name}`));
  return `# fish completion for tine
# Prints the command of the line so far and how many arguments it has, or -- where another command line has begun.
function __tine_line
    set -l command ''
    set -l place 0
    set -l skip 0
    set -l tokens (commandline -opc)
    for word in $tokens[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        if test "$word" = --
            printf '%s\\n' --
            return
        end
        switch "$command $word"
            ${stepCases.join("\n            ")}
            case ${valued.join(" ")}
                set skip 1
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

function flagLine(command: string, { names, help, value }: FlagSpec): string {
  const parts = [`complete -c tine -n ${quoted(`__tine_at ${quoted(command)}`)}`];
  for (const name of names) parts.push(name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`);
  if (value !== undefined) parts.push(`-r ${offer(value)}`);
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
