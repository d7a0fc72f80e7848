import { constants, gunzipSync, zstdDecompressSync } from "node:zlib";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { system, type SystemConfig } from "../../../src/node/runners/system.ts";
import { TineError } from "../../../src/base/errors.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";
import { TestContext } from "./test_context.ts";

const sh = (script: string, config: Partial<SystemConfig> = {}): SystemConfig => ({
  command: "sh -c",
  args: [script],
  ...config,
});

async function failureOf(config: SystemConfig, context: TestContext): Promise<TineError> {
  return await assertRejects(() => system.run(config, context), TineError);
}

Deno.test("system gathers each output into one log entry", async () => {
  await using context = new TestContext();
  await system.run(sh("echo one; echo two; echo oops >&2"), context);
  assertEquals(context.logged, [{ text: "one\ntwo", tag: "sh" }, { text: "oops", tag: "sh" }]);
  assertEquals(context.sent, []);
});

Deno.test("system splits the command and takes further arguments as they are", async () => {
  await using context = new TestContext();
  await system.run({ command: "/usr/bin/printf '%s|' 'a b'", args: ["c  d", "$HOME"] }, context);
  assertEquals(context.logged, [{ text: "a b|c  d|$HOME|", tag: "printf" }]);
});

Deno.test("system logs nothing when there is no output", async () => {
  await using context = new TestContext();
  await system.run({ command: "true", stdout: "", stderr: "gather" }, context);
  assertEquals(context.logged, []);
});

Deno.test("system keeps a mebibyte of text and says how much is left out", async () => {
  await using context = new TestContext();
  await system.run({ command: "head -c 3000000 /dev/zero" }, context);
  const [{ text }] = context.logged;
  const kept = text.indexOf("\n");
  assertEquals(kept, 1024 * 1024 - 1024);
  assertEquals(
    text.slice(kept + 1),
    `(${3_000_000 - kept} bytes of stdout are left out; to keep all of it, give it a file: stdout: head.txt)`,
  );
});

Deno.test("system streams a log entry a line", async () => {
  await using context = new TestContext();
  const script = String.raw`printf 'one\r\n\ntwo \377\nlast'; printf 'err\n' >&2`;
  await system.run(sh(script, { stdout: "stream", stderr: "quiet" }), context);
  assertEquals(context.texts, ["one", "", "two \ufffd", "last"]);
});

Deno.test("system streams lines while the command runs", async () => {
  await using context = new TestContext();
  const running = system.run(sh("echo ready; exec sleep 60", { stdout: "stream" }), context);
  await context.entries(1);
  const reason = context.cancel();
  assertEquals(await running.catch((error) => error), reason);
  assertEquals(context.texts, ["ready"]);
});

Deno.test("system sends files, however they are kept, and empty ones too", async () => {
  for (const prefix of ["", "bufmem:", "buftmp:"]) {
    await using context = new TestContext();
    await system.run(sh("seq 1 50000", { stdout: `${prefix}a/out.txt`, stderr: `${prefix}err.txt` }), context);
    assertEquals(context.logged, []);
    const numbers = Array.from({ length: 50_000 }, (_, i) => `${i + 1}\n`).join("");
    assert(context.text("a/out.txt") === numbers, prefix);
    assertEquals(context.text("err.txt"), "", prefix);
    for (const item of context.sent) assert(item.type === "fileData" && item.data.length <= 60 * 1024);
    for await (const { name } of Deno.readDir(await context.temporaryFolder())) throw new Error(`${name} is left`);
  }
});

const DECOMPRESS = { gz: gunzipSync, zst: zstdDecompressSync };

for (const ending of ["gz", "zst"] as const) {
  const [program, decompress] = [ending === "gz" ? "gzip" : "zstd", DECOMPRESS[ending]];
  const numbers = Array.from({ length: 50_000 }, (_, i) => `${i + 1}\n`).join("");

  Deno.test(`system compresses files whose names end with .${ending}, and empty ones too`, async () => {
    for (const prefix of ["", "bufmem:", "buftmp:"]) {
      await using context = new TestContext();
      await system.run(
        sh("seq 1 50000", { stdout: `${prefix}a/out.${ending}`, stderr: `${prefix}e.${ending}` }),
        context,
      );
      assertEquals(context.logged, []);
      const sent = context.bytes(`a/out.${ending}`);
      assert(new TextDecoder().decode(decompress(sent)) === numbers, prefix);
      assert(sent.length < numbers.length / 2);
      assertEquals(decompress(context.bytes(`e.${ending}`)).length, 0, prefix);
      for await (const { name } of Deno.readDir(await context.temporaryFolder())) throw new Error(`${name} is left`);
    }
    // One byte is too short to show what it is.
    await using context = new TestContext();
    await system.run(sh("printf x", { stdout: `out.${ending}` }), context);
    assertEquals(new TextDecoder().decode(decompress(context.bytes(`out.${ending}`))), "x");
  });

  Deno.test(`system sends what .${ending} can be read of, also while the command runs`, async () => {
    await using context = new TestContext();
    let piece = Promise.withResolvers<void>();
    context.send = (item) => {
      context.sent.push(item);
      piece.resolve();
      return undefined;
    };
    const running = system.run(sh("echo ready; exec sleep 60", { stdout: `out.${ending}` }), context);
    const readable = () => {
      const sent = context.bytes(`out.${ending}`);
      const bytes = ending === "gz"
        ? gunzipSync(sent, { finishFlush: constants.Z_SYNC_FLUSH })
        : zstdDecompressSync(sent, { finishFlush: constants.ZSTD_e_flush });
      return new TextDecoder().decode(bytes);
    };
    do {
      await piece.promise;
      piece = Promise.withResolvers();
    } while (readable() !== "ready\n");
    context.cancel();
    await assertRejects(() => running, TineError, "canceled");
    assertEquals(new TextDecoder().decode(decompress(context.bytes(`out.${ending}`))), "ready\n");
  });

  Deno.test({
    ...unless(
      whyNotInstalled(program),
      `system compresses .${ending} for ${program}, and leaves alone what ${program} has compressed`,
    ),
    async fn() {
      await using context = new TestContext();
      await system.run(sh("seq 1 50000", { stdout: `ours.${ending}` }), context);
      await system.run(sh(`seq 1 50000 | ${program} -c`, { stdout: `theirs.${ending}` }), context);
      for (const name of ["ours", "theirs"]) {
        const child = new Deno.Command(program, { args: ["-dc"], stdin: "piped", stdout: "piped" }).spawn();
        const [{ success, stdout }] = await Promise.all([
          child.output(),
          new Blob([context.bytes(`${name}.${ending}`)]).stream().pipeTo(child.stdin),
        ]);
        assert(success && new TextDecoder().decode(stdout) === numbers, name);
      }
    },
  });
}

Deno.test("system sends the pieces of a file while the command runs", async () => {
  await using context = new TestContext();
  const sent = Promise.withResolvers<void>();
  context.send = (item) => {
    context.sent.push(item);
    sent.resolve();
    return undefined;
  };
  const running = system.run(sh("echo ready; exec sleep 60", { stdout: "out.txt" }), context);
  await sent.promise;
  assertEquals(context.text("out.txt"), "ready\n");
  context.cancel();
  await assertRejects(() => running, TineError, "canceled");
  assertEquals(context.text("out.txt"), "ready\n");
});

Deno.test("system reads no faster than a file is sent", async () => {
  await using context = new TestContext();
  const bytes = 64 * 1024 * 1024;
  let sum = 0;
  let inFlight = 0;
  context.send = async (item) => {
    assert(item.type === "fileData");
    assertEquals(++inFlight, 1);
    await Promise.resolve();
    sum += item.data.length;
    inFlight--;
  };
  await system.run({ command: `head -c ${bytes} /dev/zero`, stdout: "zeros" }, context);
  assertEquals(sum, bytes);
});

Deno.test("system fails when what it sends is not taken", async () => {
  for (const stdout of ["zeros", "bufmem:zeros", "buftmp:zeros"]) {
    await using context = new TestContext();
    context.send = () => Promise.reject(new TineError("connection-failed", "the parent is gone"));
    const error = await failureOf({ command: "head -c 1000000 /dev/zero", stdout }, context);
    assertEquals(error.code, "connection-failed");
  }
});

Deno.test("system ends a command that writes more than bufmem keeps, and sends what there is", async () => {
  await using context = new TestContext();
  const error = await failureOf({ command: "cat /dev/zero", stdout: "bufmem:zeros" }, context);
  assertEquals(error.code, "output-too-large");
  assertEquals(
    error.message,
    "stdout of cat is more than the 64 MiB that bufmem keeps in memory; use buftmp:zeros",
  );
  assertEquals(context.files.get("zeros")!.length, 64 * 1024 * 1024);
});

Deno.test("system reports what is wrong with a temporary file", async () => {
  await using context = new TestContext();
  context.temporaryFolder = () => Promise.resolve("/proc/no/such");
  const error = await failureOf(sh("echo x; sleep 60", { stdout: "buftmp:x" }), context);
  assertEquals(error.code, "temporary-file");
  assert(error.message.startsWith("the temporary file for stdout of sh cannot be written: "), error.message);
});

Deno.test("system fails with the command, its status and the last line of stderr", async () => {
  await using context = new TestContext();
  const error = await failureOf({ command: "sh -c 'echo first >&2; echo last >&2; exit 3'" }, context);
  assertEquals(error.code, "command-failed");
  assertEquals(error.message, "sh -c 'echo first >&2; echo last >&2; exit 3': exited with status 3: last");
  assertEquals(context.texts, ["first\nlast"]);
  const quiet = await failureOf({ command: "false" }, context);
  assertEquals(quiet.message, "false: exited with status 1");
});

Deno.test("system ignores a status when configured to, but not a missing program", async () => {
  await using context = new TestContext();
  await system.run({ command: "false", ignoreErrors: true }, context);
  const error = await failureOf({ command: "no-such-program", ignoreErrors: true }, context);
  assertEquals(error.code, "no-program");
});

Deno.test("system does not start a command when it is canceled before", async () => {
  await using context = new TestContext();
  context.cancel();
  assertEquals((await failureOf(sh("echo x"), context)).code, "canceled");
  assertEquals(context.logged, []);
});

Deno.test("system interrupts a canceled command, and delivers its output", async () => {
  await using context = new TestContext();
  const script = "trap 'echo interrupted >&2; exit 1' INT; echo started >&2; while :; do sleep 0.01; done";
  const running = system.run(sh(script, { stderr: "stream", stdout: "bufmem:out" }), context);
  await context.entries(1);
  const reason = context.cancel();
  assertEquals(await running.catch((error) => error), reason);
  assertEquals(context.texts, ["started", "interrupted"]);
  assertEquals(context.text("out"), "");
});

Deno.test("system kills a canceled command when configured to", async () => {
  await using context = new TestContext();
  const script = "trap '' INT; echo started; while :; do sleep 0.01; done";
  const running = system.run(sh(script, { stdout: "stream", kill: true }), context);
  await context.entries(1);
  context.cancel();
  assertEquals((await assertRejects(() => running, TineError)).code, "canceled");
});

Deno.test("system returns at once in the background, and ends the command with its node", async () => {
  await using context = new TestContext();
  const script = "trap 'echo interrupted; exit 1' INT; echo started; while :; do sleep 0.01; done";
  await system.run(sh(script, { background: true, stdout: "stream" }), context);
  await context.entries(1);
  await context.end();
  assertEquals(context.texts, ["started", "interrupted"]);
});

Deno.test("system logs when a command in the background fails by itself", async () => {
  await using context = new TestContext();
  await system.run({ command: "sh -c 'echo oops >&2; exit 3'", background: true }, context);
  await context.entries(2);
  await context.end();
  assertEquals(context.texts, [
    "oops",
    "in the background, sh -c 'echo oops >&2; exit 3': exited with status 3: oops",
  ]);
});

Deno.test("system reports at the end of the node when output in the background is too much", async () => {
  await using context = new TestContext();
  const cleanups: (() => void | Promise<void>)[] = [];
  context.onEnd = (cleanup) => void cleanups.push(cleanup);
  const whole = Promise.withResolvers<void>();
  context.send = () => {
    whole.resolve();
    return undefined;
  };
  await system.run({ command: "cat /dev/zero", stdout: "bufmem:zeros", background: true }, context);
  await whole.promise;
  const error = await assertRejects(async () => await cleanups[0](), TineError);
  assertEquals(error.code, "output-too-large");
});

Deno.test({
  ...unless(whyNotInstalled("setsid"), "system does not wait for what a command leaves behind"),
  async fn() {
    await using context = new TestContext();
    const script = "setsid sh -c 'echo $$; exec sleep 60' & exec 2>&-; sleep 0.1; echo done";
    await system.run(sh(script, { stdout: "stream" }), context);
    const [pid, done, remark] = context.texts;
    // What is no number would be 0: the group of this process.
    assertMatch(pid, /^\d+$/);
    Deno.kill(Number(pid), "SIGKILL");
    assertEquals(done, "done");
    assertEquals(
      remark,
      `sh -c ${script} has ended, but something that it started holds stdout open; what that writes is not kept`,
    );
  },
});
