import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const root = new URL("../../", import.meta.url).pathname;
const decoder = new TextDecoder();

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(program: string, args: string[], env: Record<string, string> = {}): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, ...args],
    cwd: root,
    env: { TINE_DEBUG: "", ...env },
    stdin: "null",
  }).output();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

const tine = (...args: string[]) => run("main.ts", args);
const demo = (...args: string[]) => run("tests/cli/demo_command.ts", args);

Deno.test("tine --help prints the commands on stdout", async () => {
  const { code, stdout, stderr } = await tine("--help");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^Usage: tine COMMAND/);
  assertMatch(stdout, /\n {2}host +Drive a UDF/);
});

Deno.test("tine without arguments prints the help on stderr and ends with 2", async () => {
  const { code, stdout, stderr } = await tine();
  assertEquals([code, stdout], [2, ""]);
  assertMatch(stderr, /^Usage: tine COMMAND/);
});

Deno.test("tine help TOPIC prints a page of the manual, plain into a pipe", async () => {
  const { code, stdout, stderr } = await tine("help", "ssh");
  assertEquals([code, stderr], [0, ""]);
  assert(stdout.startsWith("NODES ON OTHER MACHINES\n\n"));
  for (const mark of ["\x1b", "**", "`ssh`"]) assert(!stdout.includes(mark), mark);
});

Deno.test("tine help of a word that is a topic and a command prints the page and where the flags are", async () => {
  const { stdout } = await tine("help", "check");
  assert(stdout.startsWith("CHECK A UDF\n"));
  assert(stdout.endsWith("\nFlags and examples of the command: tine check --help\n"));
});

Deno.test("tine help of an unknown word names the nearest command or topic", async () => {
  assertEquals(await tine("help", "trafic"), {
    code: 2,
    stdout: "",
    stderr: "tine: unknown command or topic trafic, did you mean traffic?\nTry: tine --help\n",
  });
  assertEquals(
    (await tine("help", "hsot")).stderr.split("\n")[0],
    "tine: unknown command or topic hsot, did you mean host?",
  );
  assertEquals((await tine("help", "")).stderr.split("\n")[0], 'tine: unknown command or topic ""');
  assertEquals((await tine("help", "nodes", "x")).stderr.split("\n")[0], 'tine: unexpected argument "x" after nodes');
  assertEquals((await tine("help", "vet", "x")).stderr.split("\n")[0], 'tine: unexpected argument "x" after vet');
  const page = "unknown command nodes; a page of the manual has this name: tine help nodes";
  assertEquals((await tine("nodes")).stderr.split("\n")[0], `tine: ${page}`);
  for (const word of ["help", "--help"]) assertEquals(await tine("help", word), await tine("--help"));
});

Deno.test("tine help COMMAND is tine COMMAND --help", async () => {
  const [one, other] = await Promise.all([tine("help", "host"), tine("host", "--help")]);
  assertEquals(one, other);
  assertMatch(one.stdout, /^Usage: tine host /);
});

Deno.test("tine --version names the version, the build, deno and the platform", async () => {
  const { code, stdout } = await tine("--version");
  assertEquals(code, 0);
  assertMatch(stdout, /^tine \d+\.\d+\.\d+ \(source, deno \d+\.\d+\.\d+, \w+ \w+\)\n$/);
});

Deno.test("a misspelt command is told the nearest one", async () => {
  assertEquals(await tine("hsot"), {
    code: 2,
    stdout: "",
    stderr: "tine: unknown command hsot, did you mean host?\nTry: tine --help\n",
  });
});

Deno.test("a wrong flag in place of a command is told the nearest one", async () => {
  assertStringIncludes((await tine("--vresion")).stderr, "unknown flag --vresion, did you mean --version?");
});

Deno.test("a command gets its arguments and ends with its own exit code", async () => {
  const { code, stdout } = await demo("demo", "mirror", "--set", "a=1", "--", "cat", "--help");
  assertEquals(code, 7);
  const { flags, positionals, trailing } = JSON.parse(stdout);
  assertEquals([flags.set, positionals, trailing], [["a=1"], ["mirror"], ["cat", "--help"]]);
});

Deno.test("wrong usage is one sentence, a pointer to the help, and exit code 2", async () => {
  assertEquals(await demo("demo", "--workers", "x"), {
    code: 2,
    stdout: "",
    stderr: 'tine demo: --workers N: expected a whole number from 1 to 64, not "x"\nTry: tine demo --help\n',
  });
});

Deno.test("an expected failure is one sentence that cannot control the terminal, and exit code 1", async () => {
  assertEquals(await demo("group", "member", "known"), {
    code: 1,
    stdout: "",
    stderr: "tine group member: no \\x1b[31mred\\x1b[0m here\n",
  });
});

Deno.test("an unexpected failure shows its stack only with TINE_DEBUG", async () => {
  const plain = await demo("group", "member", "unknown");
  assertEquals(plain.code, 1);
  assertEquals(
    plain.stderr,
    "tine group member: out of range\n" +
      "This is a mistake in tine. Set TINE_DEBUG=1 to see where it comes from.\n",
  );
  const debug = await run("tests/cli/demo_command.ts", ["group", "member", "unknown"], { TINE_DEBUG: "1" });
  assertMatch(debug.stderr, /\n {4}at .*demo_command\.ts/);
});

Deno.test("a group of commands without one of them lists them", async () => {
  assertStringIncludes((await demo("group")).stderr, "tine: group needs one of: group member\n");
  assertStringIncludes((await demo("group", "membre")).stderr, "did you mean group member?");
});

Deno.test("a group of commands has help, too", async () => {
  const help = await tine("tcp", "--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  assertMatch(help.stdout, /^Usage: tine tcp server \.\.\.\n {7}tine tcp client \.\.\.\n/);
  assertMatch(help.stdout, /\n {2}tcp client +Run TCP flows/);
  assertEquals([await tine("help", "tcp"), await tine("tcp", "-h")], [help, help]);
});

Deno.test("what the runtime forbids is told in one sentence, also without the environment", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-net",
      "--allow-ffi",
      "main.ts",
      "tcp",
      "client",
      "127.0.0.1:1",
    ],
    cwd: root,
    stdin: "null",
  }).output();
  assertEquals(code, 1);
  assertMatch(decoder.decode(stderr), /^tine tcp client: .*env access to "TINE_KEY".*\n$/);
});

Deno.test("a closed pipe ends a command without a word", async () => {
  const { code, stderr } = await demo("group", "member", "pipe");
  assertEquals([code, stderr], [141, ""]);
});

Deno.test("help into a pipe that nobody reads ends without a word", async () => {
  const child = new Deno.Command("sh", {
    args: ["-c", '{ "$0" run -A main.ts --help; echo "exit $?" >&2; } | exec true', Deno.execPath()],
    cwd: root,
    stdin: "null",
  });
  assertMatch(decoder.decode((await child.output()).stderr), /^exit (0|141)\n$/);
});
