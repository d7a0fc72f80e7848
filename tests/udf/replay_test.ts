import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { CreateHandler, Handler, Output } from "../../src/udf/handler.ts";
import { createHandler as mirror } from "../../src/udf/handlers/mirror.ts";
import { createHandler as movingAvg } from "../../src/udf/handlers/moving_avg.ts";
import { createHandler as outliers } from "../../src/udf/handlers/outliers.ts";
import { Host } from "../../src/udf/host.ts";
import { type RunningUdf, startInProcess } from "../../src/udf/running_udf.ts";
import type { Option } from "../../src/udf/messages.ts";
import { Point } from "../../src/udf/point.ts";
import { startProcess } from "../../src/udf/udf_process.ts";
import type { Difference } from "../../src/udf/recording/comparison.ts";
import { sameValue } from "../../src/udf/recording/difference.ts";
import { openRecorder, recordUdf } from "../../src/udf/recording/recorder.ts";
import { openRecording } from "../../src/udf/recording/recording.ts";
import { replay, type ReplayOptions, type ReplayReport } from "../../src/udf/replay.ts";
import { named } from "../support/peers.ts";
import { hasPythonAgent, preparePythonAgent, pythonAgentPeers } from "../support/python_agent.ts";

const path = await Deno.makeTempFile({ prefix: "tine-replay-" });
globalThis.addEventListener("unload", () => Deno.removeSync(path));

const options = (given: Record<string, string | bigint>): Option[] =>
  Object.entries(given).map(([name, value]) => ({
    name,
    values: [typeof value === "string" ? { type: "string", value } : { type: "int", value }],
  }));

function point(time: number, value = time, group = "a"): Point {
  const tags = new Map([["host", group]]);
  const fieldsDouble = new Map([["v", value]]);
  return new Point({ time: BigInt(time), name: "m", group: `host=${group}`, dimensions: ["host"], tags, fieldsDouble });
}

/** Records what a host does with a UDF. */
async function record(peer: RunningUdf, drive: (host: Host) => Promise<void>, init: Option[] = []): Promise<void> {
  const recorder = openRecorder(path, { side: "host", udf: peer.name, tine: "0", warn: console.error });
  const host = new Host(recordUdf(peer, recorder), { point() {}, batch() {} });
  host.start();
  try {
    await host.info();
    await host.init(init);
    await drive(host);
  } finally {
    await host.stop();
  }
}

/** Records points of two groups through a handler. */
const recordPoints = (createHandler: CreateHandler, init: Option[] = []) =>
  record(startInProcess("udf", createHandler), async (host) => {
    for (let i = 1; i <= 20; i++) await host.point(point(i, i, i % 2 === 0 ? "a" : "b"));
    await host.snapshot();
    for (let i = 21; i <= 40; i++) await host.point(point(i, i, i % 2 === 0 ? "a" : "b"));
  }, init);

async function compare(
  udf: RunningUdf | CreateHandler,
  replayOptions?: ReplayOptions,
): Promise<ReplayReport & { differences: Difference[] }> {
  using recording = await openRecording(path);
  const differences: Difference[] = [];
  const peer = typeof udf === "function" ? startInProcess("udf", udf) : udf;
  const report = await replay(recording, peer, (difference) => differences.push(difference), replayOptions);
  return { ...report, differences };
}

const counts = ({ same, changed, missing, extra }: ReplayReport) => ({ same, changed, missing, extra });

/** A mirror that does something else with each point. */
const changedMirror =
  (change: (point: Point, agent: Output) => void, more: Partial<Handler> = {}): CreateHandler => (agent) => ({
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    point: (point: Point) => change(point, agent),
    ...more,
  });

Deno.test("replay() finds nothing where the UDF answers as recorded", async () => {
  await recordPoints(movingAvg, options({ field: "v", size: 3n }));
  const report = await compare(movingAvg);
  assertEquals(counts(report), { same: 43, changed: 0, missing: 0, extra: 0 });
  assertEquals([report.requests, report.cut, report.endedEarly, report.failure], [43, false, false, undefined]);
});

Deno.test("replay() reports a changed point by group, place and field", async () => {
  await recordPoints(mirror);
  const report = await compare(changedMirror((point, agent) => {
    if (point.time === 6n) point.fieldsDouble.set("v", 6.5);
    void agent.point(point);
  }));
  assertEquals(counts(report), { same: 42, changed: 1, missing: 0, extra: 0 });
  assertEquals(report.differences, [{
    change: "changed",
    what: "point",
    group: "host=a",
    index: 2,
    expected: "m,host=a v=6 6",
    actual: "m,host=a v=6.5 6",
    details: ["v: 6 -> 6.5"],
  }]);
});

Deno.test("replay() reports a point that is missing or new, and none that follows", async () => {
  await recordPoints(mirror);
  const report = await compare(changedMirror((point, agent) => {
    if (point.time === 4n) return;
    void agent.point(point);
    if (point.time === 9n) {
      void agent.point({ name: "m", time: 1000n, group: "host=b", fieldsInt: new Map([["n", 1n]]) });
    }
  }));
  assertEquals(counts(report), { same: 42, changed: 0, missing: 1, extra: 1 });
  const texts = report.differences.map(({ change, index, expected, actual }) => [change, index, expected ?? actual]);
  assertEquals(texts.sort(), [["extra", 5, "m n=1i 1000"], ["missing", 1, "m,host=a v=4 4"]]);
});

Deno.test("replay() does not mind the order between groups, but minds it within one", async () => {
  await recordPoints(mirror);
  const held: Point[] = [];
  const byGroup = changedMirror((point) => void held.push(point.copy()), {});
  const sorted = (reverse: boolean): CreateHandler => (agent) => ({
    ...byGroup(agent) as Handler,
    stop() {
      const points = [...held.splice(0)];
      for (const group of ["host=a", "host=b"]) {
        const own = points.filter((point) => point.group === group);
        for (const point of reverse ? own.reverse() : own) void agent.point(point);
      }
    },
  });
  assertEquals(counts(await compare(sorted(false))), { same: 43, changed: 0, missing: 0, extra: 0 });
  const reversed = await compare(sorted(true));
  assert(reversed.changed + reversed.missing + reversed.extra > 0);
});

Deno.test("replay() allows numbers to differ within the tolerance, and nothing else", async () => {
  await recordPoints(mirror);
  const rounding = changedMirror((point, agent) => {
    point.fieldsDouble.set("v", point.fieldsDouble.get("v")! * (1 + 1e-12));
    void agent.point(point);
  });
  assertEquals((await compare(rounding)).changed, 40);
  assertEquals((await compare(rounding, { tolerance: 1e-9 })).changed, 0);
  const late = changedMirror((point, agent) => {
    point.time += 1n;
    void agent.point(point);
  });
  assert(counts(await compare(late, { tolerance: 100 })).same < 10);
});

Deno.test("sameValue() is exact, or within an absolute or relative distance", () => {
  const same: [number | bigint, number | bigint, number][] = [
    [NaN, NaN, 0],
    [1, 1.05, 0.1],
    [1000, 1090, 0.1],
    [-0, 0, 1e-300],
    [10n, 11n, 1],
    [2n ** 62n, 2n ** 62n + 1n, 1e-9],
    [Infinity, Infinity, 1],
  ];
  const different: [number | bigint | string, number | bigint | string, number][] = [
    [-0, 0, 0],
    [1, 1 + Number.EPSILON, 0],
    [2n ** 62n, 2n ** 62n + 1n, 0],
    [1, 1n, 10],
    [1, NaN, 1e9],
    [NaN, Infinity, 1e9],
    [Infinity, -Infinity, 1e9],
    [Infinity, 1, 1e9],
    ["1", "2", 10],
  ];
  for (const [a, b, tolerance] of same) assert(sameValue(a, b, tolerance), `${a} ${b} ${tolerance}`);
  for (const [a, b, tolerance] of different) assert(!sameValue(a, b, tolerance), `${a} ${b} ${tolerance}`);
});

Deno.test("replay() compares snapshots by their bytes, by default", async () => {
  await recordPoints(mirror);
  const other = changedMirror((point, agent) => agent.point(point), { snapshot: () => new Uint8Array([1, 2]) });
  const report = await compare(other);
  assertEquals(report.differences.map(({ what, details }) => [what, details]), [
    ["snapshot", ["the first 0 bytes are the same, of 0 before and 2 now"]],
  ]);
  assertEquals((await compare(other, { ignoreSnapshots: true })).differences, []);
});

Deno.test("replay() compares info, init and errors", async () => {
  await recordPoints(mirror);
  const report = await compare(changedMirror(() => {
    throw new Error("no more");
  }, {
    info: () => ({ wants: "stream", provides: "stream", options: { size: ["int"] } }),
    init: () => ({ success: false, error: "no size" }),
  }));
  const told = report.differences.filter(({ change }) => change !== "missing");
  assertEquals(told.map(({ change, what, details, actual }) => [change, what, details[0] ?? actual]), [
    ["changed", "info", 'options.size: (none) -> "(int)"'],
    ["changed", "init", 'init: init {"success":true,"error":""} -> init {"success":false,"error":"no size"}'],
    ["extra", "error", 'error {"error":"no more"}'],
  ]);
  assertEquals(report.failure, undefined);
});

Deno.test("replay() compares batches as a whole, and says which of their points differ", async () => {
  const tags = new Map([["host", "a"]]);
  await record(startInProcess("outliers", outliers), async (host) => {
    for (let b = 0; b < 3; b++) {
      const values = [1, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 90];
      const begin = { name: "m", group: "host=a", tags, size: BigInt(values.length), byName: false };
      const points = values.map((value, i) => point(100 * b + i, value));
      await host.batch({
        begin,
        points,
        end: { name: "m", group: "host=a", tags, tmax: BigInt(100 * b + 99), byName: false },
      });
    }
  }, options({ field: "v" }));
  assertEquals(counts(await compare(outliers)), { same: 5, changed: 0, missing: 0, extra: 0 });

  const off: CreateHandler = async (agent) => {
    const inner = await outliers({
      point: (
        point,
      ) => (point.time === 111n && point instanceof Point ? point.fieldsDouble.set("v", 91) : 0, agent.point(point)),
      beginBatch: (begin) => agent.beginBatch(begin),
      endBatch: (end) => agent.endBatch(end),
    });
    return inner;
  };
  const { differences } = await compare(off);
  assertEquals(differences.map(({ what, group, index, details }) => ({ what, group, index, details })), [{
    what: "batch",
    group: "host=a",
    index: 1,
    details: ["point 1: - m,host=a v=90 111", "point 1: + m,host=a v=91 111", "point 1: v: 90 -> 91"],
  }]);
});

Deno.test("replay() at the recorded pace takes as long as the recording", async () => {
  await record(startInProcess("mirror", mirror), async (host) => {
    await host.point(point(1));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await host.point(point(2));
  });
  const started = performance.now();
  assertEquals((await compare(mirror)).changed, 0);
  const fast = performance.now() - started;
  assertEquals((await compare(mirror, { pace: true })).changed, 0);
  const paced = performance.now() - started - fast;
  assert(paced >= 295, `took ${paced} ms`);
  assert(fast < paced, `took ${fast} ms`);
});

Deno.test("replay() of a recording that was cut compares as far as it goes", async () => {
  await recordPoints(mirror);
  const bytes = await Deno.readFile(path);
  const header = bytes.indexOf(10, bytes.indexOf(10) + 1) + 1;
  for (let length = header; length < bytes.length - 13; length += 97) {
    await Deno.writeFile(path, bytes.subarray(0, length));
    const report = await compare(mirror);
    const { changed, missing, extra, cut, failure } = report;
    assertEquals({ changed, missing, extra, cut, failure }, {
      changed: 0,
      missing: 0,
      extra: 0,
      cut: true,
      failure: undefined,
    });
  }
});

Deno.test("replay() says how a UDF died, and keeps what it compared until then", async () => {
  await recordPoints(mirror);
  const report = await compare(startProcess(["sh", "-c", "echo cannot go on >&2; exit 3"], () => {}));
  assertEquals(report.failure?.message, "the UDF exited with status 3; its last line on stderr: cannot go on");
  assertEquals(counts(report), { same: 0, changed: 0, missing: 0, extra: 0 });
  const garbage = await compare(startProcess(["sh", "-c", "echo hello world; cat >/dev/null"], () => {}));
  assertStringIncludes(garbage.failure!.message, "wrote text to its standard output");
});

Deno.test("replay() gives up a UDF that is silent, and ends at a signal", async () => {
  await recordPoints(mirror);
  const silent = await compare(startProcess(["sleep", "60"], () => {}), { timeoutMs: 300 });
  assertStringIncludes(silent.failure!.message, "no sign of life for 0.3 s");
  const stopping = new AbortController();
  setTimeout(() => stopping.abort(), 100);
  const stopped = await compare(startProcess(["sleep", "60"], () => {}), { signal: stopping.signal });
  assertEquals(stopped.failure?.message, "the replay was interrupted");
  const late = await compare(startProcess(["sleep", "60"], () => {}), { signal: AbortSignal.abort() });
  assertEquals(late.failure?.message, "the replay was interrupted");
});

Deno.test("a recorded UDF that ended early may do so again", async () => {
  const failing = changedMirror((point, agent) => {
    if (point.time === 3n) throw new Error("three is too many");
    void agent.point(point);
  });
  await record(startInProcess("failing", failing), async (host) => {
    for (let i = 1; i <= 3; i++) await host.point(point(i));
    await host.snapshot();
  }).catch(() => {});
  const again = await compare(failing);
  assertEquals(counts(again), { same: 5, changed: 0, missing: 0, extra: 0 });
  assertEquals([again.endedEarly, again.failure], [true, undefined]);
  const mended = await compare(mirror);
  assertEquals(mended.differences.map(({ change, what }) => `${change} ${what}`).sort(), [
    "extra point",
    "extra snapshot",
    "missing error",
  ]);
});

Deno.test({
  name: named("a UDF in Python is recorded and replayed, also one that buffers or dies", ...pythonAgentPeers),
  ignore: !hasPythonAgent,
  async fn() {
    await using agent = await preparePythonAgent();
    const start = (...flags: string[]) => startProcess(agent.command("moving-sum", ...flags), () => {});
    const init = options({ field: "v", size: 3n });
    const drive = async (host: Host) => {
      for (let i = 1; i <= 200; i++) await host.point(point(i, i / 7, i % 3 === 0 ? "a" : "b"));
      await host.snapshot();
    };
    await record(start(), drive, init);
    assertEquals(counts(await compare(start())), { same: 203, changed: 0, missing: 0, extra: 0 });
    assertEquals(counts(await compare(start("--buffered"))), { same: 203, changed: 0, missing: 0, extra: 0 });
    const died = await compare(start("--die-after", "100"));
    assertStringIncludes(died.failure!.message, "the UDF exited with status 3");

    await record(start("--die-after", "100"), drive, init).catch(() => {});
    const again = await compare(start("--die-after", "100"));
    assertEquals([again.failure, again.endedEarly], [undefined, true]);
  },
});
