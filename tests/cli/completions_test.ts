import { assertEquals, assertThrows } from "@std/assert";
import { completionScript } from "../../src/cli/completions/completions.ts";
import { UsageError } from "../../src/cli/errors.ts";
import { topics } from "../../src/cli/help/topics.ts";
import { registry } from "../../src/cli/registry.ts";
import { demo, nested } from "./demo_command.ts";

/** Command lines with the cursor at their end, and what every shell must offer there. */
const cases: [line: string, offered: string[]][] = [
  ["tine ", ["demo", "group", "help"]],
  ["tine d", ["demo"]],
  ["tine --v", ["--version"]],
  ["tine help ", ["demo", "group", ...topics.keys()].sort()],
  ["tine demo ", ["mirror", "outliers", "some-folder", "some-points.csv"]],
  ["tine demo mi", ["mirror"]],
  ["tine demo --fo", ["--format"]],
  ["tine demo --handler-t", ["--handler-timeout"]],
  ["tine demo --format ", ["csv", "json"]],
  ["tine demo --format=c", ["csv"]],
  ["tine demo --handler mo", ["moving-avg"]],
  ["tine demo --socket some-p", ["some-points.csv"]],
  ["tine demo --json --workers 3 -s a out", ["outliers"]],
  ["tine demo mirror ", []],
  ["tine demo --every --js", ["--json"]],
  ["tine demo --every --format c", ["csv"]],
  ["tine demo --every 5s out", ["outliers"]],
  ["tine demo --every=5s --format c", ["csv"]],
  ["tine demo --json -- some-comm", ["some-command"]],
  ["tine group ", ["member"]],
  ["tine group member ", ["known", "pipe", "unknown"]],
  ["tine group member known some", ["some-folder"]],
  ["tine group member known x y some", ["some-folder"]],
];

const bash = `
source "$1"
line=$2
# Splits the line as readline does: at blanks and at equals signs.
spaced=\${line//=/ = }
read -ra COMP_WORDS <<<"$spaced"
[[ $line == *[' ='] ]] && COMP_WORDS+=("")
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_tine
printf '%s\\n' "\${COMPREPLY[@]}"
`;

const fish = `
source $argv[1]
complete -C $argv[2]
`;

// An interactive zsh in a terminal of its own, in which compadd also prints what it adds.
const zsh = `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PROMPT=; unsetopt zle_bracketed_paste; TERM=dumb'
zpty -w z "autoload -Uz compinit; compinit -u -D; source $1"
zpty -w z 'compadd() {
  if [[ \${@[(I)-[OAD]]} -gt 0 ]]; then builtin compadd "$@"; return; fi
  local -a hits; builtin compadd -A hits "$@"
  local hit; for hit in $hits; do print -r -- "<$hit>"; done
  builtin compadd "$@"
}'
zpty -w z 'finish() { print -r -- "<"END">"; exit }; comppostfuncs=(finish); print RE""ADY'
zpty -r z out '*READY*'
zpty -n -w z "$2"$'\\t'
zpty -r z out '*<END>*'
print -r -- $out
`;

const shells: { name: string; args: string[]; read(output: string): string[] }[] = [
  { name: "bash", args: ["-c", bash, "bash"], read: (output) => output.split("\n") },
  {
    name: "zsh",
    args: ["-f", "-c", zsh, "zsh"],
    read: (output) => [...output.matchAll(/<([^<>\s]+)>/g)].map(([, word]) => word).filter((word) => word !== "END"),
  },
  {
    name: "fish",
    args: ["-N", "-c", fish],
    read: (output) => output.split("\n").map((line) => line.split("\t")[0].replace(/^--[\w-]+=/, "")),
  },
];

function isInstalled(name: string): boolean {
  try {
    return new Deno.Command(name, { args: ["-c", ":"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** The script to test, a command for after --, and a folder to complete in with a file and a folder. */
async function prepare(folder: string, shell: string): Promise<{ script: string; bin: string; cwd: string }> {
  const [script, bin, cwd] = [`${folder}/script`, `${folder}/bin`, `${folder}/cwd`];
  await Deno.mkdir(bin);
  await Deno.mkdir(`${cwd}/some-folder`, { recursive: true });
  await Deno.writeTextFile(`${cwd}/some-points.csv`, "");
  await Deno.writeTextFile(`${bin}/some-command`, "#!/bin/sh\n", { mode: 0o755 });
  await Deno.writeTextFile(script, completionScript(shell, [demo, nested]));
  return { script, bin, cwd };
}

for (const { name, args, read } of shells) {
  const installed = isInstalled(name);
  Deno.test({
    name: `${name} completes commands, flags, values, handlers and files` +
      (installed ? "" : ` (${name} is not installed)`),
    ignore: !installed,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "tine-completions-" });
      try {
        const { script, bin, cwd } = await prepare(folder, name);
        for (const [line, offered] of cases) {
          const { stdout, stderr } = await new Deno.Command(name, {
            args: [...args, script, line],
            cwd,
            env: { PATH: `${bin}:${Deno.env.get("PATH")}`, HOME: folder, LC_ALL: "C.UTF-8" },
            stdin: "null",
            signal: AbortSignal.timeout(30_000),
          }).output();
          const words = read(new TextDecoder().decode(stdout)).map((word) => word.replace(/\/$/, "")).filter(Boolean);
          const said = new TextDecoder().decode(stderr);
          assertEquals([...new Set(words)].sort(), offered, `${name}: ${line}| ${said}`);
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });

  Deno.test({
    name: `${name} accepts the script for tine's own commands` + (installed ? "" : ` (${name} is not installed)`),
    ignore: !installed,
    async fn() {
      const commands = await Promise.all([...registry.values()].map(async ({ load }) => (await load()).command));
      const file = await Deno.makeTempFile();
      try {
        await Deno.writeTextFile(file, completionScript(name, commands));
        const { success, stderr } = await new Deno.Command(name, { args: ["-n", file] }).output();
        assertEquals([success, new TextDecoder().decode(stderr)], [true, ""]);
      } finally {
        await Deno.remove(file);
      }
    },
  });
}

Deno.test("completionScript() refuses other shells", () => {
  const { message } = assertThrows(() => completionScript("fsih", []), UsageError);
  assertEquals(message, 'SHELL: expected bash, zsh or fish, not "fsih", did you mean fish?');
});
