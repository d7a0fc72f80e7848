import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { measure, type Measurement, type MeasureOptions } from "../../../src/udf/bench/mod.ts";
import type { CreateHandler } from "../../../src/udf/handler.ts";
import { createHandler as mirror } from "../../../src/udf/handlers/mirror.ts";
import { createHandler as movingAverage } from "../../../src/udf/handlers/moving_avg.ts";
import { createHandler as outliers } from "../../../src/udf/handlers/outliers.ts";
import { startInProcess } from "../../../src/udf/running_udf.ts";
import { startProcess } from "../../../src/udf/udf_process.ts";
import { hasPythonAgent, preparePythonAgent, pythonAgentPeers } from "../../support/python_agent.ts";
import { named } from "../../support/peers.ts";
import { streamHandler } from "../../support/udf_driver.ts";

function optionsFor(createHandler: CreateHandler, options: Partial<MeasureOptions> = {}): MeasureOptions {
  return {
    connect: () => Promise.resolve(startInProcess("udf", createHandler)),
    settings: [],
    groups: [1, 5],
    pointsPerGroup: 2,
    batchSize: 3,
    speedMs: 20,
    groupsMs: 60_000,
    timeoutMs: 60_000,
    ...options,
  };
}

async function measured(createHandler: CreateHandler, options: Partial<MeasureOptions> = {}): Promise<Measurement> {
  const result: Measurement = {};
  await measure(optionsFor(createHandler, options), result);
  return result;
}

Deno.test("measure() measures a UDF that answers each point; one in this process has no memory of its own", async () => {
  const phases: string[] = [];
  const result = await measured(mirror, { onPhase: (phase) => phases.push(phase) });
  assertEquals(result.answersEach, true);
  assert(result.pointsPerSecond! > 0 && result.startMs! > 0 && result.tripsMs!.length > 0);
  assert(result.tripsMs!.every((ms) => ms > 0));
  assertEquals([result.memory, result.missedGroups], [undefined, []]);
  // mirror has no state.
  assertEquals(result.snapshot?.bytes, 0);
  assertEquals(result.snapshot?.restoreMs, undefined);
  assertEquals(phases, [
    "start",
    "warm-up",
    "round trip",
    "points/s",
    "memory",
    "memory of 1 group",
    "memory of 5 groups",
    "snapshot",
  ]);
});

Deno.test("measure() follows a UDF that answers nothing by keepalives, and has no round trip of it", async () => {
  const result = await measured(streamHandler());
  assertEquals([result.answersEach, result.tripsMs], [false, undefined]);
  assert(result.pointsPerSecond! > 0);
});

Deno.test("measure() finds that not each point is answered where one has two answers", async () => {
  const twice = streamHandler((agent) => ({
    async point(point) {
      await agent.point(point);
      await agent.point(point);
    },
  }));
  assertEquals((await measured(twice)).answersEach, false);
});

Deno.test("measure() goes on where a UDF answers points for a while, and then not all of them", async () => {
  let points = 0;
  // Every answer is missing from some point on: in the warm-up, among single points, or in the flood.
  for (const last of [1, 3, 2_000]) {
    points = 0;
    const fading = streamHandler((agent) => ({ point: (point) => ++points > last ? undefined : agent.point(point) }));
    const result = await measured(fading, { groups: [1] });
    assert(result.answersEach === false || result.tripsMs !== undefined);
    assertEquals(result.snapshot?.bytes, 0);
  }
});

Deno.test("measure() sends batches where a UDF wants them, and counts whole batches as answers", async () => {
  const result = await measured(outliers, { settings: ["field=usage"] });
  assertEquals([result.info?.wants, result.answersEach], ["batch", true]);
  assert(result.pointsPerSecond! > 0 && result.tripsMs!.length > 0);
});

Deno.test("measure() saves the state after the last number of groups, and a fresh UDF restores it", async () => {
  const restored: Uint8Array[] = [];
  const watched: CreateHandler = async (agent) => {
    const handler = await movingAverage(agent);
    return {
      ...handler,
      restore(snapshot) {
        restored.push(snapshot.slice());
        return handler.restore!(snapshot);
      },
    };
  };
  const { snapshot } = await measured(watched, { settings: ["field=load", "size=3"] });
  assertEquals(snapshot!.groups, 5);
  assert(snapshot!.ms > 0 && snapshot!.restoreMs! > 0);
  assertEquals(restored.map(({ length }) => length), [snapshot!.bytes]);
  const { groups } = JSON.parse(new TextDecoder().decode(restored[0]));
  // Two points of each group, and of the first one two more before; the field that the option names is in them.
  assertEquals(groups.map(([, { values }]: [string, { values: string[] }]) => values.length), [3, 2, 2, 2, 2]);
});

Deno.test("measure() says which numbers of groups took too long, and takes the snapshot after the last one", async () => {
  const result = await measured(mirror, { groupsMs: 0, groups: [1, 5_000, 10_000], pointsPerGroup: 1 });
  assertEquals([result.missedGroups, result.snapshot?.groups], [[5_000], 1]);
});

Deno.test("measure() of a UDF that fails in the middle says what it did, and keeps what was measured before", async () => {
  let points = 0;
  const failing = streamHandler(() => ({
    point() {
      if (++points === 50) throw new Error("no more");
    },
  }));
  const result: Measurement = {};
  const error = await assertRejects(() => measure(optionsFor(failing, { speedMs: 60_000 }), result), TineError);
  assertEquals([error.code, error.message], ["udf-error", "warm-up: the UDF reported an error: no more"]);
  assert(result.startMs! > 0);
  assertEquals(result.pointsPerSecond, undefined);
});

Deno.test("measure() gives up a UDF that lives and handles nothing any more", async () => {
  const hanging = streamHandler(() => ({ point: () => new Promise(() => {}) }));
  const error = await assertRejects(() => measured(hanging, { timeoutMs: 1_500 }), TineError);
  assertEquals(error.code, "no-progress");
  assertStringIncludes(error.message, "the UDF answers keepalives, but has handled no point for 1.5 s");
});

Deno.test("measure() names what a UDF takes where it refuses its options", async () => {
  const error = await assertRejects(() => measured(movingAverage), TineError);
  assertEquals(error.code, "init-failed");
  assertStringIncludes(error.message, "it takes field=STRING, size=INT, as=STRING");
});

Deno.test("measure() ends with the signal's reason", async () => {
  const ending = new AbortController();
  const reason = new TineError("interrupted", "it was interrupted");
  const onPhase = (phase: string) => phase === "round trip" && ending.abort(reason);
  const result: Measurement = {};
  const options = optionsFor(mirror, { signal: ending.signal, onPhase });
  assertEquals(await assertRejects(() => measure(options, result), TineError), reason);
  assert(result.startMs! > 0);
});

Deno.test({
  name: named("measure() measures a UDF in Python, with its memory", ...pythonAgentPeers),
  ignore: !hasPythonAgent || Deno.build.os !== "linux",
  async fn() {
    await using agent = await preparePythonAgent();
    const connect = () => Promise.resolve(startProcess(agent.command("moving-sum"), () => {}));
    const result = await measured(mirror, { connect, settings: ["field=usage"] });
    assertEquals(result.answersEach, true);
    assertEquals(result.memory!.map(({ groups, points }) => [groups, points]), [[0, 0], [1, 2], [5, 12]]);
    assert(result.memory!.every(({ bytes }) => bytes > 1_000_000));
    assert(result.snapshot!.bytes > 0 && result.snapshot!.restoreMs! > 0);
  },
});
