import { assertEquals, assertRejects } from "@std/assert";
import type { Display, TestEnd } from "../../../src/cli/run/display.ts";
import { JsonDisplay } from "../../../src/cli/run/json_display.ts";
import { LineDisplay, type TextDisplayOptions } from "../../../src/cli/run/line_display.ts";
import { TerminalDisplay } from "../../../src/cli/run/terminal_display.ts";
import { FakeTerminal } from "./fake_terminal.ts";
import { activity, error, log, nodeInfo, PLAIN, progress } from "./samples.ts";
import { packetReport, streamProgress, streamReport } from "../../flow/reports.ts";

const SUMMARY = {
  ok: 1,
  failed: 1,
  canceled: 0,
  kept: 1,
  notRun: 1,
  notNeeded: 0,
  durationMs: 12_000,
  folder: "out/now",
};

/** Shows a plan of three tests: one kept, one that is fine, one that fails. */
function showPlan(display: Display): void {
  const end = (name: string, number: number, status: TestEnd, messages: string[] = []) => {
    const errors = messages.map((message) => ({ nodeId: "left", tag: "system", code: "command-failed", message }));
    display.testEnds({ id: { name }, number, status, durationMs: 1234, errors, folder: `out/${name}` });
  };
  display.planStarts({ plan: "p.yaml", folder: "out", tests: 4, kept: 1 });
  end("old", 1, "kept");
  display.testStarts({ id: { name: "fine" }, number: 2, expectedMs: 1500, timeoutMs: 60_000 });
  display.item(nodeInfo("left"));
  display.item(activity("left", ["sleep 1s"]));
  display.item(log("left", "\x1b[2Jhello\n"));
  end("fine", 2, "ok");
  display.testStarts({ id: { name: "bad" }, number: 3, expectedMs: 0, timeoutMs: 0 });
  display.item(error("left", "ping: exited with status 1"));
  display.note("canceling");
  end("bad", 3, "failed", ["ping: exited with status 1", "the disk is full"]);
}

function options(verbose = false): TextDisplayOptions & { stderr: FakeTerminal; stdout: string[] } {
  const stderr = new FakeTerminal();
  const stdout: string[] = [];
  return {
    verbose,
    style: PLAIN,
    stderr,
    stdout,
    write: (text) => Promise.resolve(stderr.write(text)),
    writeResult: (text) => Promise.resolve(void stdout.push(text)),
  };
}

Deno.test("LineDisplay shows a line for each event, and the folder of results alone on standard output", async () => {
  const given = options();
  await using display = new LineDisplay(given);
  showPlan(display);
  await display.planEnds(SUMMARY);
  assertEquals(given.stderr.lines, [
    "p.yaml: 4 tests, 1 kept from before",
    "name=old: kept",
    "name=fine: started (timeout 1m, at least 1s500ms)",
    "  node left: linux-x64 on lab, pid 42",
    "name=fine: ok in 1.2s",
    "name=bad: started (no timeout)",
    "  error left system: ping: exited with status 1",
    "canceling",
    "name=bad: failed in 1.2s",
    "  error left system: the disk is full",
    "  results: out/bad",
    "4 tests: 1 ok, 1 failed, 1 kept, 1 not run; 12s",
  ]);
  assertEquals(given.stdout, ["out/now\n"]);
});

Deno.test("LineDisplay shows entries of logs when it is verbose", async () => {
  const given = options(true);
  await using display = new LineDisplay(given);
  showPlan(display);
  await display.planEnds(SUMMARY);
  assertEquals(given.stderr.lines[4], "  left system: \\x1b[2Jhello");
});

Deno.test("TerminalDisplay leaves a line for each test, with its errors, and takes down the rest", async () => {
  const given = options();
  await using display = new TerminalDisplay({ ...given, unicode: true, size: () => ({ columns: 80, rows: 24 }) });
  showPlan(display);
  await display.planEnds(SUMMARY);
  assertEquals(given.stderr.lines, [
    "p.yaml: 4 tests, 1 kept from before",
    "kept      name=old",
    "ok        name=fine  1.2s",
    "canceling",
    "failed    name=bad  1.2s",
    "          error left system: ping: exited with status 1",
    "          error left system: the disk is full",
    "          results: out/bad",
    "4 tests: 1 ok, 1 failed, 1 kept, 1 not run; 12s",
  ]);
  assertEquals(given.stdout, ["out/now\n"]);
});

Deno.test("TerminalDisplay shows the running test, and nothing of it once it is disposed", async () => {
  const given = options(true);
  const drawn = Promise.withResolvers<void>();
  const write = (text: string) => {
    given.stderr.write(text);
    return Promise.resolve(drawn.resolve());
  };
  {
    await using display = new TerminalDisplay({
      ...given,
      write,
      unicode: true,
      size: () => ({ columns: 80, rows: 24 }),
    });
    display.planStarts({ plan: "p.yaml", folder: "out", tests: 1, kept: 0 });
    display.testStarts({ id: { name: "a" }, number: 1, expectedMs: 0, timeoutMs: 0 });
    display.item(activity("left", ["sleep 1s"]));
    display.item(log("left", "hello"));
    const alive = setInterval(() => {}, 1000); // the display's own timer keeps no process alive
    await drawn.promise;
    clearInterval(alive);
    assertEquals(given.stderr.lines, [
      "p.yaml: 1 test",
      "  left system: hello",
      "test 1 of 1: name=a",
      "  0s",
      "  left  sleep 1s",
      "  log left system: hello",
    ]);
  }
  assertEquals(given.stderr.lines, ["p.yaml: 1 test", "  left system: hello"]);
  assertEquals(given.stderr.cursor, { row: 2, column: 0 });
});

Deno.test("displays for people go on where standard error is gone", async () => {
  const gone = () => Promise.reject(new Deno.errors.BrokenPipe("gone"));
  for (const create of [LineDisplay, TerminalDisplay]) {
    const given = options();
    await using display = new create({ ...given, write: gone, unicode: true, size: () => ({ columns: 80, rows: 24 }) });
    showPlan(display);
    await display.planEnds(SUMMARY);
    assertEquals(given.stdout, ["out/now\n"]);
  }
});

async function jsonLines(verbose: boolean): Promise<unknown[]> {
  let text = "";
  await using display = new JsonDisplay({ verbose, write: (more) => Promise.resolve(void (text += more)) });
  showPlan(display);
  await display.planEnds(SUMMARY);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("JsonDisplay writes an object a line", async () => {
  const { type: _, ...node } = nodeInfo("left");
  const ended = { errors: [], moreErrors: 0, missing: [] };
  const errors = ["ping: exited with status 1", "the disk is full"]
    .map((message) => ({ nodeId: "left", tag: "system", code: "command-failed", message }));
  assertEquals(await jsonLines(false), [
    { type: "plan", plan: "p.yaml", folder: "out", tests: 4, kept: 1 },
    { type: "test-end", test: 1, id: { name: "old" }, status: "kept", durationMs: 1234, ...ended, folder: "out/old" },
    { type: "test-start", test: 2, id: { name: "fine" }, expectedMs: 1500, timeoutMs: 60_000 },
    { type: "node", test: 2, ...node },
    { type: "test-end", test: 2, id: { name: "fine" }, status: "ok", durationMs: 1234, ...ended, folder: "out/fine" },
    { type: "test-start", test: 3, id: { name: "bad" }, expectedMs: 0, timeoutMs: 0 },
    {
      type: "error",
      test: 3,
      nodeId: "left",
      timeNs: "1700000000000000001",
      tag: "system",
      code: "command-failed",
      message: "ping: exited with status 1",
    },
    { type: "note", text: "canceling" },
    {
      type: "test-end",
      test: 3,
      id: { name: "bad" },
      status: "failed",
      durationMs: 1234,
      ...ended,
      errors,
      folder: "out/bad",
    },
    { type: "summary", ...SUMMARY },
  ]);
});

Deno.test("JsonDisplay writes entries of logs and activities as well when it is verbose", async () => {
  assertEquals((await jsonLines(true)).slice(4, 6), [
    { type: "activity", test: 2, nodeId: "left", running: ["sleep 1s"], more: 0, ended: 0 },
    { type: "log", test: 2, nodeId: "left", timeNs: "1700000000000000001", tag: "system", text: "\x1b[2Jhello\n" },
  ]);
});

Deno.test("JsonDisplay.planEnds() throws what kept data from being written, and not before", async () => {
  const gone = () => Promise.reject(new Deno.errors.BrokenPipe("gone"));
  await using display = new JsonDisplay({ verbose: false, write: gone });
  showPlan(display);
  await assertRejects(() => display.planEnds(SUMMARY), Deno.errors.BrokenPipe, "gone");
});

Deno.test("displays tell what flows have measured when their test ends", async () => {
  const ended = progress("bulk", streamReport({ bytes: 1e6, goodputBitsPerSecond: 8e6, fctNanos: 1e9 }));
  const show = async (display: Display) => {
    display.testStarts({ id: { name: "a" }, number: 1, expectedMs: 0, timeoutMs: 0 });
    display.item(progress("bulk", streamProgress({ role: "receiver", bytes: 5e5, goodputBitsPerSecond: 8e6 })));
    display.item(progress("bulk", streamProgress({ role: "receiver", bytes: 6e5, goodputBitsPerSecond: 8e6 })));
    display.item(ended);
    display.testEnds({ id: { name: "a" }, number: 1, status: "ok", durationMs: 1234, errors: [], folder: "out/a" });
    display.testEnds({ id: { name: "b" }, number: 2, status: "kept", durationMs: 0, errors: [], folder: "out/b" });
    await display.planEnds(SUMMARY);
  };
  const lines = options(true);
  await show(new LineDisplay(lines));
  assertEquals(lines.stderr.lines.slice(1, -1), [
    "  bulk: 8.00 Mbit/s, 500 kB so far",
    "name=a: ok in 1.2s",
    "  bulk: 8.00 Mbit/s, 1.00 MB in 1.0s",
    "name=b: kept",
  ]);
  const terminal = options();
  await show(new TerminalDisplay({ ...terminal, unicode: true, size: () => ({ columns: 80, rows: 24 }) }));
  assertEquals(terminal.stderr.lines.slice(0, 3), [
    "ok        name=a  1.2s",
    "          bulk: 8.00 Mbit/s, 1.00 MB in 1.0s",
    "kept      name=b",
  ]);
  let text = "";
  await show(new JsonDisplay({ verbose: false, write: (more) => Promise.resolve(void (text += more)) }));
  const objects = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(objects.map(({ type }) => type), ["test-start", "flow", "test-end", "test-end", "summary"]);
  const { flow, bytes, completionNanos, ended: over } = objects[1];
  assertEquals([flow, bytes, completionNanos, over], ["bulk", 1e6, 1e9, true]);
});

Deno.test("JsonDisplay has the figures of flows under the same keys as ever", async () => {
  let text = "";
  const display = new JsonDisplay({ verbose: false, write: (more) => Promise.resolve(void (text += more)) });
  const connection = { rttMicros: 1500, retransmits: 2 };
  display.item(progress("bulk", streamReport({ bytes: 1e6, goodputBitsPerSecond: 8e6, fctNanos: 1e9, ...connection })));
  const rtt = { smoothedMicros: 250, minMicros: 100, meanMicros: 200, maxMicros: 900, lastMicros: 150 };
  const rates = { sentBitsPerSecond: 64_000, receivedBitsPerSecond: 1 };
  const counts = { sent: 100, lostToServer: 3, serverSocketDrops: 1 };
  display.item(progress("voip", packetReport({ ...counts, rtt, rates, complete: false })));
  display.testEnds({ id: { name: "a" }, number: 7, status: "ok", durationMs: 1, errors: [], folder: "a" });
  await display[Symbol.asyncDispose]();
  const flows = text.trimEnd().split("\n").map((line) => JSON.parse(line)).filter(({ type }) => type === "flow");
  assertEquals(flows, [
    {
      ...{ type: "flow", test: 7, protocol: "tcp", flow: "bulk", bytes: 1e6, goodputBitsPerSecond: 8e6 },
      ...{ rttMicros: 1500, retransmits: 2, completionNanos: 1e9, ended: true },
    },
    {
      ...{
        type: "flow",
        test: 7,
        protocol: "udp",
        flow: "voip",
        packets: 100,
        lost: 2,
        dropped: 1,
        bitsPerSecond: 64_000,
      },
      ...{ rttMicros: 250, rttMinMicros: 100, rttMeanMicros: 200, rttMaxMicros: 900, ended: false },
    },
  ]);
});
