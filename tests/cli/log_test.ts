import { assertEquals, assertStringIncludes } from "@std/assert";
import { errorMessage, inFolder, item, log, startRun, testNamed } from "../result/fixtures.ts";
import { tine } from "../support/tine.ts";

/** Logs of two tests; relative to what the summary says. */
async function aRun(out: string, finish = true): Promise<void> {
  await using run = await startRun(out);
  const first = await run.startTest(testNamed("one"));
  const versions = { tine: "1", deno: "2", kernel: "6" };
  await first.add(
    item({
      type: "nodeInfo",
      nodeId: "left",
      platform: "linux-x64",
      hostname: "h",
      bootId: "b",
      clock: { offsetNs: 0, errorNs: 0 },
      pid: 1,
      versions,
    }),
  );
  await first.add(log("left", 1_500_000_000, "two\nlines\x07\n"));
  await first.add(log("-", 1_000_000_000, "begins", "sleep"));
  await first.add(errorMessage("left", "it failed"));
  await first.finish({ status: "failed" });
  const second = await run.startTest(testNamed("two"));
  await second.add(log("left", 0, "other"));
  await second.finish({ status: "ok" });
  await (await run.startTest(testNamed("silent"))).finish({ status: "ok" });
  if (finish) await run.finish();
}

/** Times of day depend on the time zone. */
const withoutHours = (text: string) => text.replace(/^\d\d:\d\d:/gm, "HH:MM:");

Deno.test("tine log prints the logs of a run merged by time, a heading for each test", () =>
  inFolder(async (out) => {
    await aRun(out);
    const { code, stdout, stderr } = await tine(["log", out]);
    assertEquals(
      withoutHours(stdout),
      `== name=one
HH:MM:00.000001  left  system: ERROR it failed
HH:MM:01.000000  -     sleep: begins
HH:MM:01.500000  left  system: two
    lines\\x07
== name=two
HH:MM:00.000000  left  system: other
`,
    );
    assertEquals([code, stderr], [0, ""]);
  }));

Deno.test("tine log chooses by test, node and tag", () =>
  inFolder(async (out) => {
    await aRun(out);
    const text = async (...args: string[]) => withoutHours((await tine(["log", ...args, out])).stdout);
    assertEquals(await text("--test", "name=^tw"), "HH:MM:00.000000  left  system: other\n");
    assertEquals(
      await text("--node", "-", "--node", "right", "--test", "name=one"),
      "HH:MM:01.000000  -     sleep: begins\n",
    );
    assertEquals(await text("--tag", "sleep"), "== name=one\nHH:MM:01.000000  -     sleep: begins\n");
    const none = await tine(["log", "--tag", "slep", "--test", "name=one", out]);
    assertEquals([none.code, none.stdout], [1, ""]);
    assertEquals(
      none.stderr,
      `tine log: nothing in the logs of ${out} is chosen by --test name=one --tag slep\n`,
    );
    const wrong = await tine(["log", "--test", "nam=one", out]);
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.stderr, "did you mean name?");
  }));

Deno.test("tine log --relative counts from the start of the test", () =>
  inFolder(async (out) => {
    const run = await startRun(out);
    const store = await run.startTest(testNamed("one"));
    const started = Date.parse(JSON.parse(await Deno.readTextFile(`${store.folder}/test.json`)).started);
    await store.add(log("left", BigInt(started) * 1_000_000n + 1_234_567_890n, "after"));
    await store.add(log("left", BigInt(started) * 1_000_000n - 1_000_000n, "before"));
    await store.finish({ status: "ok" });
    await run.finish();
    const { stdout } = await tine(["log", "--relative", `${out}/latest/name=one`]);
    assertEquals(stdout, "    1.234567  left  system: after\n   -0.001000  left  system: before\n");
  }));

Deno.test("tine log --json prints an object a line", () =>
  inFolder(async (out) => {
    await aRun(out);
    const { stdout } = await tine(["log", "--json", "--test", "name=one", out]);
    assertEquals(stdout.trimEnd().split("\n").map((line) => JSON.parse(line)), [
      {
        test: { name: "one" },
        time: "1000",
        nodeId: "left",
        tag: "system",
        error: "command-failed",
        text: "it failed",
      },
      { test: { name: "one" }, time: "1000000000", nodeId: "-", tag: "sleep", text: "begins" },
      { test: { name: "one" }, time: "1500000000", nodeId: "left", tag: "system", text: "two\nlines\x07\n" },
    ]);
  }));

Deno.test("tine log says which run it is, and that it is not complete", () =>
  inFolder(async (out) => {
    await aRun(out);
    await aRun(out, false);
    const { code, stderr, stdout } = await tine(["log", "--test", "name=two", out]);
    assertEquals(
      stderr,
      "run 2026-11-21T02-55-00Z-2.work, which is not complete: it is still running, or was killed\n",
    );
    assertEquals([code, stdout.length > 0], [0, true]);
    const silent = await tine(["log", `${out}/latest/name=silent`]);
    assertEquals([silent.code, silent.stderr], [1, `tine log: nothing was logged in ${out}/latest/name=silent\n`]);
  }));
