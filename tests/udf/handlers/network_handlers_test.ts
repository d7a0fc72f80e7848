import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type CreateHandler, toPoint } from "../../../src/udf/handler.ts";
import { loadBundledHandler } from "../../../src/udf/handlers/mod.ts";
import type { Request } from "../../../src/udf/messages.ts";
import { type FieldValue, Point } from "../../../src/udf/point.ts";
import { describePoint } from "../../support/describe.ts";
import { fieldsAmong, initOf, pointsAmong, runHandler, snapshotAmong, stderrOf } from "../../support/handler_driver.ts";
import { Random } from "../../support/random.ts";
import { lastError, OK, SNAPSHOT } from "../../support/udf_driver.ts";

const [ewma, quantile, rate, anomaly, join] = await Promise.all(
  ["ewma", "quantile", "rate", "anomaly", "join"].map(async (name) => (await loadBundledHandler(name))!),
);

const SECOND = 1_000_000_000n;

/** Options with which each handler keeps as much as it can. */
const KEEPING: readonly [name: string, CreateHandler, settings: string[]][] = [
  ["ewma by points", ewma, ["field=v", "alpha=0.3", "deviation=dev"]],
  ["ewma by time", ewma, ["field=v", "halfLife=1s"]],
  ["quantile by count", quantile, ["field=v", "p=0.7", "size=5"]],
  ["quantile by time", quantile, ["field=v", "p=0.7", "window=3s"]],
  ["rate of a counter", rate, ["field=v"]],
  ["rate of a gauge", rate, ["field=v", "of=gauge"]],
  ["anomaly by count", anomaly, ["field=v", "size=6", "warmUp=2"]],
  ["anomaly by time", anomaly, ["field=v", "window=4s", "warmUp=2"]],
  ["join", join, ["left=v", "right=w", "tolerance=2s"]],
];

function request(fields: Record<string, FieldValue>, time = 0n, group = ""): Request & { kind: "point" } {
  const tags = new Map([["host", group], ["odd", '\n"ü']]);
  const point = new Point({ name: "cpu", group, time, tags, dimensions: ["host"], database: "db", byName: true });
  point.setFields(Object.entries(fields));
  return { kind: "point", point };
}

/** Values one second apart. */
function series(...values: FieldValue[]): Request[] {
  return values.map((v, i) => request({ v }, BigInt(i) * SECOND));
}

async function run(createHandler: CreateHandler, settings: string[], ...requests: Request[]) {
  return await runHandler(createHandler, [await initOf(createHandler, ...settings), ...requests]);
}

/** The snapshot after these points. */
async function snapshotOf(createHandler: CreateHandler, settings: string[], ...points: Request[]) {
  const responses = await run(createHandler, settings, ...points, SNAPSHOT);
  // What waits is answered behind it.
  return snapshotAmong(responses.slice(0, 1 + responses.findIndex(({ kind }) => kind === "snapshot")));
}

/** The error of init with these settings; empty where it succeeds. */
async function initError(createHandler: CreateHandler, ...settings: string[]): Promise<string> {
  const [response] = await run(createHandler, settings);
  assert(response.kind === "init");
  return response.outcome.error;
}

for (const [name, createHandler, settings] of KEEPING) {
  Deno.test(`${name} goes on from a snapshot, taken anywhere, as if nothing had happened`, async () => {
    const random = new Random(154);
    let time = -3n * SECOND;
    const requests = Array.from({ length: 30 }, () => {
      time += BigInt(random.below(1_200_000_000) - 200_000_000) * (random.oneIn(5) ? 0n : 1n);
      const value = () => random.oneIn(4) ? BigInt(random.below(40)) : random.oneIn(6) ? -0 : random.uint32() / 7e7;
      const fields: Record<string, FieldValue> = {};
      if (!random.oneIn(5)) fields.v = value();
      if (random.oneIn(3)) fields.w = random.oneIn(4) ? random.pick(["text", true, NaN, -0, 2n ** 62n]) : value();
      return request(fields, time, random.pick(["a", "b", '\n"ü']));
    });
    const whole = pointsAmong(await run(createHandler, settings, ...requests)).map(describePoint);
    assert(whole.length > 4);
    for (let cut = 0; cut <= requests.length; cut++) {
      const before = await run(createHandler, settings, ...requests.slice(0, cut), SNAPSHOT);
      const at = before.findIndex(({ kind }) => kind === "snapshot"); // what waits is answered behind it
      const snapshot = snapshotAmong(before.slice(0, at + 1));
      const after = await run(createHandler, settings, { kind: "restore", snapshot }, ...requests.slice(cut));
      assertEquals(after[1], { kind: "restore", outcome: OK });
      assertEquals(
        [...pointsAmong(before.slice(0, at)), ...pointsAmong(after)].map(describePoint).toSorted(),
        whole.toSorted(),
      );
    }
  });

  Deno.test(`${name} refuses what is no snapshot of its own, and goes on`, async () => {
    const texts = ["", "no JSON", "null", "7", "{}", '{"of":{}}', '{"of":{},"groups":7}'];
    const own = JSON.parse(new TextDecoder().decode(await snapshotOf(createHandler, settings, ...series(1, 2))));
    for (const states of [[], [[], [["g", null]]], [[], [["g", 7]]], [[["g", {}]], []]]) {
      texts.push(JSON.stringify({ ...own, groups: states }));
    }
    for (const text of texts) {
      const restore: Request = { kind: "restore", snapshot: new TextEncoder().encode(text) };
      const responses = await run(createHandler, settings, restore, ...series(1, 2, 3));
      assert(responses[1].kind === "restore");
      assert(!responses[1].outcome.success, `${text} was taken`);
      assertStringIncludes(responses[1].outcome.error, "this is no snapshot of");
      assertEquals(
        pointsAmong(responses).map(describePoint),
        pointsAmong(await run(createHandler, settings, ...series(1, 2, 3))).map(describePoint),
      );
    }
  });

  Deno.test(`${name} starts empty from a snapshot of something else, and reports that`, async () => {
    const other = settings.map((setting) => setting.replace(/^(field|left)=v/, "$1=other"));
    const snapshot = await snapshotOf(createHandler, other, request({ other: 5 }));
    const restore: Request = { kind: "restore", snapshot };
    const { lines, result } = await stderrOf(() => run(createHandler, settings, restore, ...series(1, 2, 3)));
    assertEquals(result[1], { kind: "restore", outcome: OK });
    assertStringIncludes(lines[0], "starting empty");
    assertEquals(fieldsAmong(result), fieldsAmong(await run(createHandler, settings, ...series(1, 2, 3))));
  });

  Deno.test(`${name} refuses points before init, and after one that failed`, async () => {
    const early = "a point came before a successful init";
    assertEquals(lastError(await runHandler(createHandler, [request({ v: 1 })])), early);
    const failed = await initOf(createHandler, settings[1] ?? "as=x");
    assertEquals(lastError(await runHandler(createHandler, [failed, request({ v: 1 })])), early);
  });
}

Deno.test("handlers keep the state of 100,000 groups, and forget those that were not seen for longest", async () => {
  const groups = Array.from({ length: 100_000 }, (_, i) => `g${i}`);
  const expected: [CreateHandler, string[], name: string, value: number][] = [
    [ewma, ["field=v", "alpha=0.5"], "ewma", 2],
    [quantile, ["field=v", "p=0.5", "size=9"], "quantile", 2],
  ];
  for (const [createHandler, settings, name, value] of expected) {
    const answers: unknown[] = [];
    const handler = await createHandler({
      point: (point) => void answers.push(new Map(toPoint(point).fields()).get(name)),
      beginBatch() {},
      endBatch() {},
    });
    const init = await initOf(createHandler, ...settings);
    assert(init.kind === "init");
    await handler.init(init.init);
    const { lines } = await stderrOf(async () => {
      for (const v of [1, 3]) {
        for (const group of groups) await handler.point!(request({ v }, BigInt(v) * SECOND, group).point);
      }
    });
    assertEquals(lines, []);
    assertEquals(answers.length, 200_000);
    assert(answers.slice(-100_000).every((answer) => answer === value));
  }
  const touched = ["a", "b", "a", "c", "a", "d", "a", "e", "a", "b"].map((group) => request({ v: 1 }, 0n, group));
  const { lines, result } = await stderrOf(() =>
    run(anomaly, ["field=v", "size=9", "warmUp=1", "groups=2"], ...touched)
  );
  // The group a, which is seen again and again, stays; b is forgotten before it comes again.
  assertEquals(
    pointsAmong(result).map((point) => [point.group, point.field("anomaly_median")]),
    ["a", "b", "a", "c", "a", "d", "a", "e", "a", "b"].map((
      group,
      i,
    ) => [group, i > 0 && group === "a" ? 1 : undefined]),
  );
  assertEquals(lines.length, 2);
  assertStringIncludes(lines[0], "anomaly: more than 2 groups: those not seen for longest are forgotten");
  assertStringIncludes(lines[1], "times a group was forgotten");
});

Deno.test("handlers report the first point without a finite number and count them all", async () => {
  for (const [name, createHandler, settings] of KEEPING.slice(0, -1)) {
    const odd = [request({ v: "12" }), request({ u: 1, t: 2 }), request({ v: NaN }), request({ v: true })];
    const { lines, result } = await stderrOf(() => run(createHandler, settings, ...odd));
    assertEquals(pointsAmong(result), []);
    const handler = name.split(" ")[0];
    assertEquals(lines, [
      `${handler}: a point of "cpu" has a field "v" that is no number; such points are dropped`,
      `${handler}: dropped 4 points without a number in the field v`,
    ]);
    const first = await stderrOf(() => run(createHandler, settings, request({ v: Infinity })));
    assertEquals(first.lines[0], `${handler}: a point of "cpu" has Infinity in the field "v"; such points are dropped`);
  }
});

Deno.test("init names what is missing, and what is out of range", async () => {
  const cases: [CreateHandler, string[], string][] = [
    [ewma, [], "missing option: field, alpha or halfLife"],
    [ewma, ["field=v", "alpha=0"], "option alpha must be above 0.0 and at most 1.0, got 0"],
    [ewma, ["field=v", "alpha=1.5"], "option alpha must be above 0.0 and at most 1.0, got 1.5"],
    [ewma, ["field=v", "alpha=NaN"], "option alpha must be above 0.0 and at most 1.0, got NaN"],
    [ewma, ["field=v", "halfLife=0s"], "option halfLife must be at least 1 ns, got 0 ns"],
    [ewma, ["field=v", "alpha=1", "halfLife=1s"], "options alpha and halfLife exclude each other"],
    [ewma, ["field=v", "halfLife=1s", "deviation=d"], "option deviation goes with alpha"],
    [ewma, ["field=v", "alpha=1", "deviation=x", "as=x"], 'options as and deviation are both "x"'],
    [ewma, ["field=v", "alpha=1", "groups=0"], "option groups must be from 1 to 10000000, got 0"],
    [quantile, [], "missing option: field, p, size or window"],
    [quantile, ["field=v", "p=0.5"], "missing option: size or window"],
    [quantile, ["field=v", "p=1.01", "size=1"], "option p must be from 0.0 to 1.0, got 1.01"],
    [quantile, ["field=v", "p=1", "size=0"], "option size must be from 1 to 10000000, got 0"],
    [quantile, ["field=v", "p=1", "window=-1s"], "option window must be at least 1 ns, got -1000000000 ns"],
    [quantile, ["field=", "p=1", "size=1"], "missing option: field"],
    [rate, ["field=v", "of=sum"], 'option of must be "counter" or "gauge", got "sum"'],
    [rate, ["field=v", "unit=0s"], "option unit must be at least 1 ns, got 0 ns"],
    [anomaly, ["field=v"], "missing option: size or window"],
    [anomaly, ["field=v", "size=5", "threshold=0"], "option threshold must be above 0.0, got 0"],
    [anomaly, ["field=v", "size=5", "floor=-1"], "option floor must be at least 0.0, got -1"],
    [anomaly, ["field=v", "size=5", "warmUp=6"], "option warmUp must be from 1 to 5, got 6"],
    [join, [], "missing option: left, right"],
    [join, ["left=v", "right=w", "tolerance=-1s"], "option tolerance must be at least 0 ns, got -1000000000 ns"],
    [join, ["left=v", "right=w", "leftAs=x", "rightAs=x"], 'options leftAs and rightAs are both "x"'],
    [join, ["left=v", "right=w", "leftFrom="], "missing option: leftFrom"],
    [join, ["left=v", "right=w", "buffer=0"], "option buffer must be from 1 to 1000000, got 0"],
  ];
  for (const [createHandler, settings, error] of cases) {
    assertEquals(await initError(createHandler, ...settings), error);
  }
});

Deno.test("ewma smooths as the RTT estimator of RFC 6298, and by time as values of half the weight", async () => {
  const srtt = await run(ewma, ["field=v", "alpha=0.125", "as=srtt", "deviation=rttvar"], ...series(100, 200n));
  assertEquals(fieldsAmong(srtt), [{ srtt: 100, rttvar: 50 }, { srtt: 112.5, rttvar: 0.75 * 50 + 0.25 * 100 }]);
  const halves = await run(
    ewma,
    ["field=v", "halfLife=1s"],
    request({ v: 6 }, 0n),
    request({ v: 0 }, SECOND), // weighs 1, the other 1/2
    request({ v: 2 }, SECOND), // at the same time: as much
    request({ v: 12 }, 0n), // late: 1/2
    request({ v: 7 }, 4000n * SECOND), // the others weigh nothing
  );
  const means = fieldsAmong(halves).map((fields) => Number(Number(fields.ewma).toFixed(12)));
  assertEquals(means, [6, 2, 2, Number((11 / 3).toFixed(12)), 7]);
  const huge = await run(ewma, ["field=v", "alpha=0.5"], ...series(-1.7e308, 1.7e308));
  assertEquals(fieldsAmong(huge).at(-1), { ewma: 0 });
});

Deno.test("quantile by time drops a point that is late for its window, and takes one that is not", async () => {
  const { lines, result } = await stderrOf(() =>
    run(
      quantile,
      ["field=v", "p=0", "window=2s", "as=least"],
      request({ v: 5 }, 10n * SECOND),
      request({ v: 3 }, 8n * SECOND + 1n), // in the window to its last nanosecond
      request({ v: 1 }, 8n * SECOND), // out of it
      request({ v: 6 }, 10n * SECOND + 1n), // the one of 8 s + 1 ns leaves
    )
  );
  assertEquals(fieldsAmong(result), [{ least: 5 }, { least: 3 }, { least: 5 }]);
  assertEquals(lines, ["quantile: dropped 1 point that came later than their window"]);
});

Deno.test("quantile goes on from a snapshot of another window with what that allows", async () => {
  const values = series(1, 2, 3, 4, 5, 6);
  const restored = async (before: string, after: string) => {
    const snapshot = await snapshotOf(quantile, ["field=v", "p=0", before], ...values);
    const restore: Request = { kind: "restore", snapshot };
    return fieldsAmong(await run(quantile, ["field=v", "p=0", after], restore, request({ v: 9 }, 6n * SECOND)));
  };
  assertEquals(await restored("size=4", "size=2"), [{ quantile: 6 }]);
  assertEquals(await restored("size=4", "size=9"), [{ quantile: 3 }]);
  assertEquals(await restored("window=4s", "size=9"), [{ quantile: 3 }]);
  assertEquals(await restored("window=9s", "window=2s"), [{ quantile: 6 }]);
  assertEquals(await restored("size=4", "window=9s"), [{ quantile: 9 }]); // it has no times
});

Deno.test("rate counts a counter from zero after a reset, exactly where doubles are too coarse", async () => {
  const big = 2n ** 60n;
  assertEquals(
    fieldsAmong(await run(rate, ["field=v"], ...series(big, big + 7n, 3n, 10))).map(({ rate }) => rate),
    [7, 3, 7],
  );
  assertEquals(
    fieldsAmong(await run(rate, ["field=v", "of=gauge", "unit=1m", "as=slope"], ...series(5, 2.5))),
    [{ slope: -150 }],
  );
  // Points of one time count in the rate that follows, and an older one is dropped.
  const { lines, result } = await stderrOf(() =>
    run(
      rate,
      ["field=v"],
      request({ v: 10 }, SECOND),
      request({ v: 16 }, SECOND),
      request({ v: 4 }, SECOND), // a reset
      request({ v: 99 }, 0n),
      request({ v: -1 }, 2n * SECOND), // no counter
      request({ v: 6 }, 3n * SECOND),
    )
  );
  assertEquals(fieldsAmong(result), [{ rate: (6 + 4 + 2) / 2 }]);
  assertEquals(lines, [
    'rate: a point of "cpu" has -1 in the field "v"; such points are dropped',
    "rate: dropped 1 point without a number in the field v",
    "rate: dropped 1 point older than one before",
  ]);
});

Deno.test("anomaly marks what is far from the median, keeps the point, and has no verdict while it warms up", async () => {
  const settings = ["field=v", "size=5", "warmUp=3"];
  const point = (v: FieldValue) => request({ v, state: "up", n: 3n, up: false });
  const marked = fieldsAmong(await run(anomaly, settings, ...[10, 12, 11n, 10, 40].map(point)));
  const kept = { state: "up", n: 3n, up: false };
  assertEquals(marked.slice(2), [
    { v: 11n, ...kept, anomaly: false },
    { v: 10, ...kept, anomaly: false, anomaly_median: 11, anomaly_deviation: 1.4826 },
    { v: 40, ...kept, anomaly: true, anomaly_median: 10.5, anomaly_deviation: 1.4826 * 0.5 },
  ]);
  // Of values that are alike, any other one is far, unless a floor says how much is nothing.
  const alike = series(5, 5, 5, 5, 5.01, 5);
  const verdicts = async (...more: string[]) =>
    fieldsAmong(await run(anomaly, [...settings, ...more], ...alike)).map(({ anomaly }) => anomaly);
  assertEquals(await verdicts(), [false, false, false, false, true, false]);
  assertEquals(await verdicts("floor=0.1"), [false, false, false, false, false, false]);
});

Deno.test("join waits for the other side, whichever comes first, and answers what waits at the end", async () => {
  const left = (v: FieldValue, t: bigint) => request({ v }, t * SECOND);
  const right = (w: FieldValue, t: bigint) => request({ w }, t * SECOND);
  const joined = async (tolerance: string, ...requests: Request[]) =>
    pointsAmong(await run(join, ["left=v", "right=w", `tolerance=${tolerance}`], ...requests))
      .map((point) => [point.time / SECOND, point.field("left"), point.field("right")]);
  const lefts = [left("a", 1n), left("b", 5n), left("c", 9n)];
  const rights = [right(1n, 2n), right(true, 3n), right(7, 6n)];
  const expected = [[1n, "a", 1n], [5n, "b", 7]];
  assertEquals(await joined("1s", ...lefts, ...rights), expected);
  assertEquals(await joined("1s", ...rights, ...lefts), expected);
  // Of two as near the earlier; of one time the first; the last point is joined at the end.
  assertEquals(await joined("2s", right("x", 3n), right("late", 3n), right("y", 7n), left(1, 5n), left(2, 9n)), [
    [5n, 1, "x"],
    [9n, 2, "y"],
  ]);
  assertEquals(await joined("0s", right(1, 1n), left(2, 1n), left(3, 2n)), [[1n, 2, 1]]);
});

Deno.test("join tells sides apart by measurement and tags", async () => {
  const point = (name: string, flow: string, v: number, time: bigint): Request => {
    const made = new Point({ name, time, tags: new Map([["flow", flow]]) });
    made.setFields([["rtt", v]]);
    return { kind: "point", point: made };
  };
  const list = [
    point("round_trips", "call", 1, 1n),
    point("round_trips", "upload", 2, 1n),
    point("other", "upload", 3, 1n),
    point("other", "none", 4, 1n),
  ];
  const byTag = ["left=rtt", "right=rtt", "leftTag=flow,call", "rightTag=flow,upload", "rightFrom=other"];
  const { lines, result } = await stderrOf(() => run(join, [...byTag, "leftAs=call", "rightAs=upload"], ...list));
  assertEquals(fieldsAmong(result), [{ call: 1, upload: 3 }]);
  assertEquals(pointsAmong(result)[0].tags, new Map([["flow", "call"]]));
  assertEquals(lines, [
    'join: a point of "round_trips" is of neither side, the field "rtt" of flow=call and the field "rtt" of ' +
    "measurement other, flow=upload; such points are dropped",
    "join: dropped 2 points of neither side",
  ]);
});

Deno.test("join keeps no more than its buffer, and reports that", async () => {
  const settings = ["left=v", "right=w", "tolerance=1s", "buffer=3"];
  const lefts = Array.from({ length: 10 }, (_, i) => request({ v: i }, BigInt(i) * SECOND));
  const { lines, result } = await stderrOf(() => run(join, settings, ...lefts, request({ w: 1 }, 9n * SECOND)));
  assertEquals(fieldsAmong(result), [{ left: 8, right: 1 }, { left: 9, right: 1 }]);
  assertEquals(lines, [
    "join: more than 3 points of a group wait for the other side: the oldest go; the option buffer allows more",
    "join: dropped 8 points without a partner within 1000000000 ns",
  ]);
  const rights = Array.from({ length: 10 }, (_, i) => request({ w: i }, BigInt(i) * SECOND));
  const late = await run(join, settings, ...rights, request({ v: 1 }, 2n * SECOND), request({ v: 2 }, 8n * SECOND));
  assertEquals(fieldsAmong(late), [{ left: 2, right: 8 }]);
});
