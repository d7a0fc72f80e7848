import { assert, assertEquals, assertThrows } from "@std/assert";
import { createProcesses } from "../../../src/node/process/node_processes.ts";
import { Watchdog } from "../../../src/node/process/watchdog.ts";
import type { ByteSource } from "../../../src/wire/connection.ts";
import { TineError } from "../../../src/base/errors.ts";
import { noLeftovers } from "../../support/leaks.ts";
import { processesWith } from "../../support/processes_with.ts";
import { testAsOrdinaryUser } from "../../support/ordinary_user.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";

function node() {
  const watchdog = new Watchdog();
  const processes = createProcesses(watchdog, { TINE_TEST: "1" });
  return {
    watchdog,
    start: (program: string, ...args: string[]) => processes.start({ program, args, stdout: false, stderr: false }),
    read: (...args: string[]) => processes.start({ program: "sh", args: ["-c", ...args], stdout: true, stderr: true }),
    sh: (script: string) => processes.start({ program: "sh", args: ["-c", script], stdout: true, stderr: false }),
    async [Symbol.asyncDispose]() {
      await processes[Symbol.asyncDispose]();
      await watchdog[Symbol.asyncDispose]();
      assertEquals(processesWith(watchdog.lineage.marker), []);
    },
  };
}

async function textOf(source: ByteSource): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(5);
  let text = "";
  for (let length; (length = await source.read(buffer)) !== null;) {
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
  return text;
}

/** Reads up to this text. */
async function until(source: ByteSource, text: string): Promise<void> {
  const byte = new Uint8Array(1);
  for (let read = ""; !read.endsWith(text);) {
    assert(await source.read(byte) !== null, `the output ended: ${read}`);
    read += String.fromCharCode(byte[0]);
  }
}

Deno.test("start() finds programs of administrators although PATH lacks their folders", async () => {
  const path = Deno.env.get("PATH")!;
  Deno.env.set("PATH", "/usr/bin:/bin");
  try {
    await using it = node();
    assertEquals(
      await textOf(it.sh("echo $PATH").stdout!),
      "/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin\n",
    );
  } finally {
    Deno.env.set("PATH", path);
  }
});

Deno.test("start() gives output, the end and the environment", async () => {
  await using _ = noLeftovers();
  await using it = node();
  const process = it.read('echo "$TINE_TEST $0"; echo oops >&2; exit 3', "a b");
  assertEquals(await Promise.all([textOf(process.stdout!), textOf(process.stderr!), process.ended]), [
    "1 a b\n",
    "oops\n",
    { success: false, how: "exited with status 3" },
  ]);
  await process.stop("interrupt");
});

Deno.test("start() says what is wrong with a command", async () => {
  await using it = node();
  const folder = await it.watchdog.makeFolder();
  await Deno.writeTextFile(`${folder}/plain`, "");
  await Deno.writeTextFile(`${folder}/script`, "#!/nonexistent/shell\n", { mode: 0o755 });
  const cases: [program: string, code: string, message: string][] = [
    ["nonexistent-x", "no-program", 'command "nonexistent-x" was not found in PATH'],
    ["/nonexistent/x", "no-program", 'command "/nonexistent/x" was not found, or what its first line names was not'],
    [`${folder}/script`, "no-program", "or what its first line names was not"],
    [`${folder}/plain`, "not-permitted", `command "${folder}/plain" may not be executed`],
  ];
  for (const [program, code, message] of cases) {
    assertEquals(assertThrows(() => it.start(program), TineError, message).code, code);
  }
  const tooLong = assertThrows(() => it.start("true", "x".repeat(3_000_000)), TineError, 'command "true"');
  assertEquals(tooLong.code, "cannot-start");
});

Deno.test("stop() interrupts a command", async () => {
  await using _ = noLeftovers();
  await using it = node();
  const sleep = it.start("sleep", "1001");
  await sleep.stop("interrupt");
  assertEquals(await sleep.ended, { success: false, how: "was killed by SIGINT" });
  const shell = it.sh('trap "echo bye; exit 0" INT; echo on; while :; do sleep 0.01; done');
  await until(shell.stdout!, "on\n");
  await shell.stop("interrupt");
  assertEquals([await textOf(shell.stdout!), await shell.ended], ["bye\n", {
    success: true,
    how: "exited with status 0",
  }]);
});

Deno.test("stop() kills what ignores the interrupt, and is quicker when asked to kill", async () => {
  await using it = node();
  const shell = it.sh("trap '' INT; echo on; sleep 1002 & wait");
  await until(shell.stdout!, "on\n");
  const stopped = shell.stop("interrupt");
  await shell.stop("kill");
  await stopped;
  assertEquals((await shell.ended).how, "was killed by SIGKILL");
  assertEquals(processesWith(it.watchdog.lineage.command), []);
});

Deno.test("stop() wakes a stopped command, and kills one", async () => {
  await using it = node();
  for (const how of ["interrupt", "kill"] as const) {
    const shell = it.sh("echo on; kill -STOP $$; exec sleep 1003");
    await until(shell.stdout!, "on\n");
    await shell.stop(how);
    assertEquals((await shell.ended).how, how === "kill" ? "was killed by SIGKILL" : "was killed by SIGINT");
  }
});

Deno.test("stop() ends what a command left in its group", async () => {
  await using it = node();
  const shell = it.sh("sleep 1004 & echo $!");
  await shell.ended;
  assert(processesWith(it.watchdog.lineage.command).length === 1);
  await shell.stop("interrupt");
  assertEquals(processesWith(it.watchdog.lineage.command), []);
  assert(/^\d+\n$/.test(await textOf(shell.stdout!)));
});

Deno.test({
  ...unless(whyNotInstalled("setsid"), "stop() ends the output although something that left the group holds it"),
  async fn() {
    await using _ = noLeftovers();
    await using it = node();
    const shell = it.sh("setsid sleep 1005 & sleep 0; echo on; wait");
    await until(shell.stdout!, "on\n");
    const rest = textOf(shell.stdout!);
    await shell.stop("kill");
    assertEquals(await rest, "");
    // That is ended with the node.
  },
});

Deno.test("start() passes much output on as fast as it is read", async () => {
  await using it = node();
  const head = it.sh("head -c 50000000 /dev/zero");
  const buffer = new Uint8Array(64 * 1024);
  let total = 0;
  for (let length; (length = await head.stdout!.read(buffer)) !== null;) total += length;
  assertEquals([total, (await head.ended).success], [50_000_000, true]);
});

testAsOrdinaryUser(import.meta.filename!, "start() says that sudo wants a password", async () => {
  await using it = node();
  const processes = createProcesses(it.watchdog);
  assertThrows(
    () => processes.start({ program: "true", args: [], root: true, stdout: false, stderr: false }),
    TineError,
    "run tine as root",
  );
});
