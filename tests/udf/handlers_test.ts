import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { createHandler as mirror } from "../../src/udf/handlers/mirror.ts";
import { createHandler as movingAvg } from "../../src/udf/handlers/moving_avg.ts";
import { createHandler as outliers } from "../../src/udf/handlers/outliers.ts";
import { BUNDLED_HANDLERS, loadBundledHandler } from "../../src/udf/handlers/mod.ts";
import type { CreateHandler } from "../../src/udf/handler.ts";
import type { OptionValue, Request, Response } from "../../src/udf/messages.ts";
import { type FieldValue, Point } from "../../src/udf/point.ts";
import { describe, describePoint } from "../support/describe.ts";
import { Generator } from "../support/generate.ts";
import { Random } from "../support/random.ts";
import { AgentDriver, beginRequest, INFO, kinds, lastError, OK, SNAPSHOT } from "../support/udf_driver.ts";

type Plain = string | bigint | number;

function init(options: Record<string, Plain>): Request {
  const value = (plain: Plain): OptionValue =>
    typeof plain === "string"
      ? { type: "string", value: plain }
      : typeof plain === "bigint"
      ? { type: "int", value: plain }
      : { type: "double", value: plain };
  return {
    kind: "init",
    init: {
      taskId: "",
      nodeId: "",
      options: Object.entries(options).map(([name, plain]) => ({ name, values: [value(plain)] })),
    },
  };
}

function request(fields: Record<string, FieldValue>, group = "", time = 0n): Request & { kind: "point" } {
  const point = new Point({ name: "cpu", group, time, tags: new Map([["host", group]]) });
  point.setFields(Object.entries(fields));
  return { kind: "point", point };
}

async function run(createHandler: CreateHandler, ...requests: Request[]): Promise<Response[]> {
  const driver = new AgentDriver(createHandler).send(...requests).end();
  const responses = await driver.rest();
  await driver.ended;
  return responses;
}

/** The outcome of init with these options. */
async function initError(createHandler: CreateHandler, options: Record<string, Plain>): Promise<string> {
  const [response] = await run(createHandler, init(options));
  assert(response.kind === "init");
  assertEquals(response.outcome.success, response.outcome.error === "");
  return response.outcome.error;
}

const points = (responses: Response[]) => responses.flatMap((r) => r.kind === "point" ? [r.point] : []);

Deno.test("the bundled handlers are found by name, and no other name is", async () => {
  const names = ["mirror", "moving-avg", "ewma", "quantile", "rate", "anomaly", "outliers", "join"];
  assertEquals(BUNDLED_HANDLERS, names);
  for (const name of BUNDLED_HANDLERS) assertEquals(typeof await loadBundledHandler(name), "function");
  for (const name of ["", "constructor", "__proto__"]) assertEquals(await loadBundledHandler(name), undefined);
});

Deno.test("mirror sends back each point unchanged, and refuses batches", async () => {
  const generator = new Generator(new Random(9));
  const sent = Array.from({ length: 300 }, () => generator.request("point"));
  const responses = await run(mirror, INFO, init({}), ...sent);
  assertEquals(responses[0], { kind: "info", info: { wants: "stream", provides: "stream", options: new Map() } });
  assertEquals(responses.slice(2).map(describe), sent.map(describe));
  assertEquals(kinds(await run(mirror, init({}), beginRequest())), ["init", "error"]);
});

Deno.test("moving-avg reports its options, and names those that are missing or wrong", async () => {
  const [info] = await run(movingAvg, INFO);
  assertEquals(info.kind === "info" && [info.info.wants, info.info.provides, ...info.info.options], [
    "stream",
    "stream",
    ["field", ["string"]],
    ["size", ["int"]],
    ["as", ["string"]],
  ]);
  assertEquals(await initError(movingAvg, {}), "missing option: field, size");
  assertEquals(await initError(movingAvg, { size: 3n }), "missing option: field");
  assertEquals(await initError(movingAvg, { field: "v" }), "missing option: size");
  assertEquals(await initError(movingAvg, { field: "v", size: 1n }), "");
  for (const size of [0n, -1n, 2n ** 62n]) {
    assertStringIncludes(await initError(movingAvg, { field: "v", size }), `option size must be from 1 to`);
  }
  assertStringIncludes(await initError(movingAvg, { field: "v", size: 1.5 }), "option size is unknown, or its value");
  assertStringIncludes(await initError(movingAvg, { field: "v", size: 1n, speed: 1n }), "option speed is unknown");
  const [early] = await run(movingAvg, request({ v: 1 }));
  assertEquals(early, { kind: "error", error: "a point came before a successful init" });
});

Deno.test("moving-avg replaces the fields by one, and keeps the rest of the point", async () => {
  const [, avg] = await run(movingAvg, init({ field: "v", size: 2n, as: "mean" }), request({ v: 4n, w: "x" }, "g", 7n));
  assert(avg.kind === "point");
  const expected = new Point({
    name: "cpu",
    group: "g",
    time: 7n,
    tags: new Map([["host", "g"]]),
    fieldsDouble: new Map([["mean", 4]]),
  });
  assertEquals(describePoint(avg.point), describePoint(expected));
});

Deno.test("moving-avg drops points without the field, or where it is no number", async () => {
  const requests = [request({ v: 1 }), request({}), request({ v: "2" }), request({ v: true }), request({ v: 3n })];
  const found = points(await run(movingAvg, init({ field: "v", size: 5n }), ...requests));
  assertEquals(found.map((point) => point.field("avg")), [1, 2]);
});

Deno.test("moving-avg agrees with a plain mean of the last points of each group", async () => {
  const random = new Random(31);
  for (const size of [1, 2, 3, 7, 50]) {
    const series = Array.from({ length: 600 }, () => ({
      group: random.pick(["a", "b", "c=d,e", "", "__proto__"]),
      value: random.oneIn(3) ? BigInt(random.below(1000)) : random.uint32() / 1e6 - 2000,
    }));
    const windows = new Map<string, number[]>();
    const expected = series.map(({ group, value }) => {
      const window = [...windows.get(group) ?? [], Number(value)].slice(-size);
      windows.set(group, window);
      return window.reduce((sum, value) => sum + value, 0) / window.length;
    });
    const requests = series.map(({ group, value }) => request({ v: value }, group));
    const found = points(await run(movingAvg, init({ field: "v", size: BigInt(size) }), ...requests));
    assertEquals(found.length, expected.length);
    for (const [i, point] of found.entries()) assertAlmostEquals(point.field("avg") as number, expected[i], 1e-9);
  }
});

Deno.test("moving-avg recovers once a NaN, an infinity or a huge value has left the window", async () => {
  const means = async (...values: number[]) => {
    const requests = values.map((v) => request({ v }));
    return points(await run(movingAvg, init({ field: "v", size: 3n }), ...requests)).map((p) => p.field("avg"));
  };
  assertEquals(await means(1, NaN, 3, 4, 5), [1, NaN, NaN, NaN, 4]);
  assertEquals(await means(1, Infinity, 3, -Infinity, 2, 2, 2), [1, Infinity, Infinity, NaN, -Infinity, -Infinity, 2]);
  assertEquals(await means(1e308, 1e308, 1e308, 3, 3, 3), [1e308, Infinity, Infinity, Infinity, 1e308 / 3, 3]);
  assertEquals(await means(1e17, 1, 1, 1, 2, 3), [1e17, 5e16, 1e17 / 3, 1, 4 / 3, 2]);
});

Deno.test("moving-avg goes on from a snapshot bit for bit", async () => {
  const random = new Random(32);
  const options = init({ field: "v", size: 5n });
  const series = Array.from({ length: 60 }, () => {
    const value = random.oneIn(6) ? random.double() : random.uint32() / 7;
    return request({ v: value }, random.pick(["a", "b", '\n"ü']));
  });
  const whole = points(await run(movingAvg, options, ...series)).map(describePoint);
  for (let cut = 0; cut <= series.length; cut++) {
    const first = await run(movingAvg, options, ...series.slice(0, cut), SNAPSHOT);
    const saved = first.at(-1)!;
    assert(saved.kind === "snapshot");
    const second = await run(movingAvg, options, { ...saved, kind: "restore" }, ...series.slice(cut));
    assertEquals(second[1], { kind: "restore", outcome: OK });
    assertEquals([...points(first), ...points(second)].map(describePoint), whole);
  }
});

Deno.test("moving-avg refuses a snapshot that is not its own, and goes on", async () => {
  const options = init({ field: "v", size: 2n });
  const texts = [
    "",
    "no JSON",
    "null",
    "7",
    "{}",
    '{"size":2}',
    '{"size":2,"groups":[["g",{"values":["1","2","3"],"next":0}]]}',
    '{"groups":[["g",{"values":["1"],"next":0}]]}',
    '{"size":0,"groups":[["g",{"values":[],"next":0}]]}',
  ];
  const wrong = [...texts.map((text) => new TextEncoder().encode(text)), new Uint8Array([0xff, 0])];
  for (const snapshot of wrong) {
    const [, restored, point] = await run(movingAvg, options, { kind: "restore", snapshot }, request({ v: 5 }));
    assertEquals(restored.kind === "restore" && restored.outcome.success, false);
    assertEquals(point.kind === "point" && point.point.field("avg"), 5);
  }
});

/** The snapshot that comes last. */
function saved(responses: Response[]): Uint8Array {
  const last = responses.at(-1);
  assert(last?.kind === "snapshot");
  return last.snapshot;
}

Deno.test("moving-avg takes a snapshot of another size: a larger window gives its last values, a smaller one all", async () => {
  for (const [before, after] of [[5n, 3n], [3n, 5n], [5n, 1n], [1n, 5n], [4n, 4n]]) {
    for (let count = 0; count <= 12; count++) {
      const values = Array.from({ length: count }, (_, i) => 2 ** i);
      const first = await run(
        movingAvg,
        init({ field: "v", size: before }),
        ...values.map((v) => request({ v })),
        SNAPSHOT,
      );
      const restore: Request = { kind: "restore", snapshot: saved(first) };
      const later = [1000, 2000, 4000, 8000, 16000, 32000];
      const second = await run(
        movingAvg,
        init({ field: "v", size: after }),
        restore,
        ...later.map((v) => request({ v })),
      );
      assertEquals(second[1], { kind: "restore", outcome: OK });
      const known = values.slice(-Number(before));
      const expected = later.map((_, i) => {
        const window = [...known, ...later.slice(0, i + 1)].slice(-Number(after));
        return window.reduce((sum, v) => sum + v) / window.length;
      });
      assertEquals(points(second).map((point) => point.field("avg")), expected);
    }
  }
});

Deno.test("moving-avg starts empty from a snapshot of another field, and takes one that names none", async () => {
  const restored = async (snapshot: Uint8Array) => {
    const second = await run(
      movingAvg,
      init({ field: "v", size: 2n, as: "x" }),
      { kind: "restore", snapshot },
      request({ v: 4 }),
    );
    assertEquals(second[1], { kind: "restore", outcome: OK });
    return points(second)[0].field("x");
  };
  const first = await run(movingAvg, init({ field: "w", size: 2n }), request({ w: 2 }), SNAPSHOT);
  assertEquals(await restored(saved(first)), 4);
  const older = '{"size":2,"groups":[["",{"values":["2"],"next":0}]]}';
  assertEquals(await restored(new TextEncoder().encode(older)), 3);
});

Deno.test("mirror and outliers have no state, and take any snapshot that is left of another UDF", async () => {
  const restore: Request = { kind: "restore", snapshot: new Uint8Array([1, 2]) };
  for (const [handler, options] of [[mirror, {}], [outliers, { field: "v" }]] as const) {
    assertEquals((await run(handler, init(options), restore, SNAPSHOT)).slice(1), [
      { kind: "restore", outcome: OK },
      { kind: "snapshot", snapshot: new Uint8Array() },
    ]);
  }
});

Deno.test("moving-avg says at the first point it drops, and only then, which fields there are", async () => {
  const lines: string[] = [];
  const { error } = console;
  console.error = (line) => lines.push(line);
  try {
    const driver = new AgentDriver(movingAvg);
    await driver.send(init({ field: "usage", size: 2n }), request({ idle: 1, user: 2 }), request({ idle: 2 }), SNAPSHOT)
      .next();
    await driver.next();
    assertEquals(lines, [
      'moving-avg: a point of "cpu" has no field "usage", only "idle", "user"; such points are dropped',
    ]);
    await driver.end().rest();
    assertEquals(lines[1], "moving-avg: dropped 2 points without a number in the field usage");
  } finally {
    console.error = error;
  }
});

Deno.test("outliers reports its options, and names those that are missing or wrong", async () => {
  const [info] = await run(outliers, INFO);
  assertEquals(info.kind === "info" && [info.info.wants, info.info.provides, ...info.info.options], [
    "batch",
    "batch",
    ["field", ["string"]],
    ["scale", ["double"]],
    ["quartiles", ["string"]],
  ]);
  assertEquals(await initError(outliers, {}), "missing option: field");
  assertEquals(await initError(outliers, { field: "v" }), "");
  assertEquals(await initError(outliers, { field: "v", scale: 1 }), "");
  for (const scale of [0.99, -1, NaN]) {
    assertStringIncludes(await initError(outliers, { field: "v", scale }), "option scale must be at least 1.0, got");
  }
  for (const quartiles of ["kapacitor", "tukey"]) {
    assertEquals(await initError(outliers, { field: "v", quartiles }), "");
  }
  assertEquals(
    await initError(outliers, { field: "v", quartiles: "exact" }),
    'option quartiles must be "kapacitor" or "tukey", got "exact"',
  );
  assertStringIncludes(await initError(outliers, { field: "v", scale: 2n }), "option scale is unknown, or its value");
  const early = "came before a successful init";
  assertStringIncludes(lastError(await run(outliers, beginRequest())), early);
  assertStringIncludes(lastError(await run(outliers, request({ v: 1 }))), early);
});
