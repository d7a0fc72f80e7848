import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { textWidth } from "../../../src/base/text.ts";
import { liveBlock, type LiveView, TestProgress } from "../../../src/cli/run/live_block.ts";
import { activity, error, log, nodeInfo, PLAIN, progress } from "./samples.ts";
import { streamProgress, streamReport } from "../../flow/reports.ts";

const ID = { name: "fct", cca: "bbr" };

function running(expectedMs = 0, timeoutMs = 0): TestProgress {
  return new TestProgress({ id: ID, number: 2, expectedMs, timeoutMs }, 1000);
}

function block(test: TestProgress, seconds: number, columns = 80, rows = 24): string[] {
  const view: LiveView = {
    size: { columns, rows },
    style: PLAIN,
    unicode: true,
    nowMs: 1000 + seconds * 1000,
    tests: 12,
    counts: { ok: 1, failed: 0, canceled: 0, kept: 0 },
  };
  return liveBlock(test, view);
}

Deno.test("liveBlock() shows the test, its time, and what each node does", () => {
  const test = running(20_000, 60_000);
  test.take(nodeInfo("-"));
  test.take(activity("left", ["sleep 1s", "system ip -br addr"], 3, 7));
  test.take(log("left", "first\nsecond\n"));
  assertEquals(block(test, 5.5), [
    "test 2 of 12: cca=bbr, name=fct",
    "  [########----------------------] 5s of 20s, timeout in 55s",
    "  -     waits",
    "  left  sleep 1s, system ip -br addr, +3 more; 7 done",
    "  log left system: first",
    "  so far: 1 ok",
  ]);
});

Deno.test("liveBlock() says that nodes are being launched until one reports itself", () => {
  assertEquals(block(running(), 0.3).slice(1), ["  0s", "  launching nodes", "  so far: 1 ok"]);
});

Deno.test("liveBlock() says when a test takes longer than expected", () => {
  assertEquals(block(running(20_000), 21)[1], `  [${"#".repeat(30)}] 20s of 20s`);
  assertStringIncludes(block(running(20_000, 60_000), 30.2)[1], "] 30s, 10s more than expected, timeout in 30s");
  assertEquals(block(running(0, 60_000), 30)[1], "  30s, timeout in 30s");
});

Deno.test("liveBlock() shows the first error: the others come from it", () => {
  const test = running();
  test.take(error("left", "ping: exited with status 1"));
  test.take(error("-", "canceled"));
  assertStringIncludes(block(test, 1).join("\n"), "  error left system: ping: exited with status 1\n");
});

Deno.test("liveBlock() fits any terminal", () => {
  const test = running(20_000, 60_000);
  for (let i = 0; i < 40; i++) {
    test.take(activity(`node${i}温度温度温度温度温度`, i < 30 ? [] : [`system ${"温".repeat(300)}`, "b"], 1, i));
  }
  test.take(log("left", "x".repeat(10_000)));
  test.take(error("left", "x".repeat(10_000)));
  for (const [columns, rows] of [[80, 24], [50, 24], [200, 100], [20, 10], [3, 3], [1, 1]]) {
    const lines = block(test, 5, columns, rows);
    assert(lines.length <= Math.max(1, rows - 2) && lines.length <= 24, `${lines.length} lines of ${rows}`);
    for (const line of lines) assert(textWidth(line) < Math.max(2, columns), `${columns}: ${line}`);
  }
});

Deno.test("liveBlock() shows nodes that do something where there is no room for all", () => {
  const test = running();
  for (let i = 0; i < 40; i++) test.take(activity(`n${i}`, i < 38 ? [] : ["sleep 1s"]));
  const lines = block(test, 5, 80, 10);
  assertEquals(lines.slice(2), [
    "  n38  sleep 1s",
    "  n39  sleep 1s",
    "  n0   waits",
    "  n1   waits",
    "  +36 more nodes",
    "  so far: 1 ok",
  ]);
});

Deno.test("liveBlock() makes visible what would act on the terminal", () => {
  const test = running();
  test.take(activity("le\x1b[2Jft", ["system \x1b]0;title\x07\n"]));
  test.take(log("\x9b", "\x1b[31m"));
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x1f\x7f-\x9f]/.test(block(test, 1).join("")));
});

Deno.test("liveBlock() shows flows below the nodes, those that run where there is no room for all", () => {
  const test = running();
  test.take(activity("left", ["upload bulk 2s"]));
  test.take(progress("bulk", streamProgress({ role: "receiver", bytes: 1e6, goodputBitsPerSecond: 8e6 })));
  test.take(progress("old", streamReport({ bytes: 1e6, goodputBitsPerSecond: 8e6, fctNanos: 1e9 })));
  assertEquals(block(test, 1).slice(2, 5), [
    "  left  upload bulk 2s",
    "  bulk  8.00 Mbit/s, 1.00 MB so far",
    "  old   8.00 Mbit/s, 1.00 MB in 1.0s",
  ]);
  for (let i = 0; i < 1000; i++) {
    test.take(progress(`f${i}`, streamReport({ bytes: 1, goodputBitsPerSecond: 1, fctNanos: 1 })));
  }
  assertEquals(block(test, 1, 80, 10).slice(2, 8), [
    "  left  upload bulk 2s",
    "  bulk  8.00 Mbit/s, 1.00 MB so far",
    "  f999  1.00 bit/s, 1 B in 0.00s",
    "  f998  1.00 bit/s, 1 B in 0.00s",
    "  +999 more flows",
    "  so far: 1 ok",
  ]);
});

Deno.test("TestProgress keeps what each node does, the last entry of a log and the first error", () => {
  const test = new TestProgress({ id: { name: "a" }, number: 1, expectedMs: 0, timeoutMs: 0 }, 0);
  test.take(activity("left", ["sleep 1s"]));
  test.take(nodeInfo("left"));
  test.take(nodeInfo("right"));
  for (const text of ["1", "2"]) {
    test.take(log("left", text));
    test.take(error("left", text));
  }
  assertEquals([...test.nodes].map(([id, { running }]) => [id, ...running]), [["left", "sleep 1s"], ["right"]]);
  assertEquals([test.log?.text, test.error?.message], ["2", "1"]);
});

Deno.test("TestProgress does not grow without end", () => {
  const test = new TestProgress({ id: { name: "a" }, number: 1, expectedMs: 0, timeoutMs: 0 }, 0);
  for (let i = 0; i < 20_000; i++) test.take(activity(`n${i}`, []));
  test.take(activity("n1", ["sleep 1s"]));
  assertEquals([test.nodes.size, test.nodes.get("n1")?.running.length], [10_000, 1]);
});

Deno.test("liveBlock() has small bars of the course of goodput and RTT where the terminal is wide enough", () => {
  const test = running();
  for (let i = 0; i <= 20; i++) {
    const report = { bytes: i * 1e6, goodputBitsPerSecond: i * 1e6, rttMicros: 4000 - i * 100 };
    if (i % 4 !== 3) test.take(progress("bulk", streamProgress(report)), 1000 + i * 500);
  }
  assertEquals(
    block(test, 11, 100).find((line) => line.includes("bulk")),
    "  bulk  ▃▃ ▄▄▅ ▅▆▆ ▇▇▇ █ 20.0 Mbit/s, 20.0 MB so far, ██ ▇▇▇ ▇▆▆ ▆▆▅ ▅ RTT 2.000 ms",
  );
});

Deno.test("liveBlock() has no bars where there is no room for them, and none of a flow that reported once", () => {
  const test = running();
  test.take(progress("once", streamProgress({ bytes: 1e6, goodputBitsPerSecond: 1e6 })), 1000);
  assert(!/[▁-█]/.test(block(test, 2, 200).join("\n")));
  for (let i = 0; i < 5; i++) {
    test.take(progress("bulk", streamProgress({ bytes: 1e6, goodputBitsPerSecond: 1e6 })), 1000 + i * 500);
  }
  assert(/[▁-█]{4}/.test(block(test, 3, 120).join("\n")));
  assert(!/[▁-█]/.test(block(test, 3, 40).join("\n")));
});
