import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { help, overview } from "../../../src/cli/help/command_help.ts";
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

Deno.test("overview() lists the commands with their summaries", () => {
  assertStringIncludes(overview(commands, file), "  demo          Show what a declaration makes\n");
});

Deno.test("help() of every command fits the width, has examples and only flags with a meaning", async () => {
  for (const [name, entry] of registry) {
    const { command } = await entry.load();
    assertEquals(command.name, name);
    assertEquals(command.summary, entry.summary, `${name}: the list of commands has another summary`);
    assert(command.examples.length > 0, `${name} has no examples`);
    for (const line of help(command, file).split("\n")) {
      assert(line.length <= 100 || line.startsWith("  tine "), `${name}: ${line}`);
    }
    for (const [key, { help }] of Object.entries(command.flags)) assert(help !== "", `${name} ${key}`);
  }
});

Deno.test("help() names the pages of the manual for a command, and pages name commands that there are", async () => {
  const { command } = await registry.get("check")!.load();
  assertStringIncludes(
    help(command, file),
    "\nThe manual:\n  tine help check    What tine check looks at, and how to read what it prints\n",
  );
  for (const [name, { commands }] of topics) {
    for (const command of commands) assert(registry.has(command), `${name}: ${command}`);
  }
});

Deno.test("help() defines the figures that a command prints", async () => {
  const { command } = await registry.get("tcp client")!.load();
  assertStringIncludes(
    help(command, file),
    "\n\nFigures:\n  received        Bytes of the application that the receiver counted.",
  );
});
