import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { contents, help, overview } from "../../../src/cli/help/command_help.ts";
import { topics } from "../../../src/cli/help/topics.ts";
import { registry } from "../../../src/cli/registry.ts";
import { commands, demo } from "../demo_command.ts";

const file = { isTerminal: () => false };

Deno.test("help() shows usage, examples, then flags with defaults, aligned", () => {
  assertEquals(
    help(demo, file),
    `Usage: tine demo HANDLER [--socket PATH]
       tine demo [--json] -- CMD ARGS...

Show what a declaration makes.

Examples:
  # run the mirror
  tine demo mirror

Arguments:
  HANDLER  what to run

Flags:
      --socket PATH               listen on a Unix socket
      --handler HANDLER           run a bundled handler
  -s, --set NAME=VALUE            set an option of the handler [may be repeated]
      --format csv|json           how the input is written [default: csv]
      --workers N                 how many threads run handlers [default: 1]
      --speed X                   how fast
      --handler-timeout DURATION  give up on a call of the handler after this long [default: 1m]
      --keepalive DURATION        send keepalives this often (0: never) [default: 10s]
      --every [DURATION]          print a line this often
      --max-frame SIZE            the largest frame accepted [default: 64MiB]
  -j, --json                      print JSON lines
  -h, --help                      show this
`,
  );
});

Deno.test("overview() lists the commands with their summaries, and the pages of the manual by name", () => {
  const text = overview(commands, file);
  assertStringIncludes(text, "  demo          Show what a declaration makes\n");
  assertStringIncludes(text, "\n  Network tests  plans, nodes, ssh, library\n");
});

Deno.test("contents() lists each page of the manual with a line about it", () => {
  const lines = contents(file).split("\n");
  for (const [name, { summary }] of topics) {
    assertEquals(lines.filter((line) => line === `  ${name.padEnd(14)}  ${summary}`).length, 1, name);
  }
});

Deno.test("what a command or a page is about fits a line of 80 columns", () => {
  for (const entries of [registry, topics]) {
    const widest = Math.max(...entries.keys().map((name) => name.length));
    for (const [name, { summary }] of entries) assert(2 + widest + 2 + summary.length <= 80, `${name}: ${summary}`);
  }
});

Deno.test("help() of every command fits the width, has examples and only flags with a meaning", async () => {
  for (const [name, entry] of registry) {
    const { command } = await entry.load();
    assertEquals(command.name, name);
    assertEquals(command.summary, entry.summary, `${name}: the list of commands has another summary`);
    assert(command.examples.length > 0, `${name} has no examples`);
    for (const line of help(command, file).split("\n")) assert(line.length <= 100, `${name}: ${line}`);
    for (const line of command.examples.flatMap(({ command }) => command.split("\n"))) {
      assert(line.length <= 78, `${name}: ${line}`);
    }
    for (const [key, { help }] of Object.entries(command.flags)) assert(help !== "", `${name} ${key}`);
  }
});

Deno.test("help() names the pages of the manual for a command, and pages name commands that there are", async () => {
  const { command } = await registry.get("check")!.load();
  assertStringIncludes(
    help(command, file),
    "\nThe manual:\n  tine help check    What tine check looks at, and how to read its output\n",
  );
  for (const [name, { commands }] of topics) {
    for (const command of commands) assert(registry.has(command), `${name}: ${command}`);
  }
});
