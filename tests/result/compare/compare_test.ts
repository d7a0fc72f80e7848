import { assert, assertEquals, assertThrows } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import {
  compare,
  figureNamed,
  joinSamples,
  readSamples,
  type Samples,
  samplesBy,
} from "../../../src/result/compare/mod.ts";
import { remarksOn, rowText } from "../../../src/result/compare/text.ts";
import { Random } from "../../support/random.ts";
import { inFolder } from "../fixtures.ts";
import { repeats, type StoredTest, storeRun } from "./repeated_runs.ts";

/** Samples of one test and flow, with figures by their names. */
function side(name: string, values: Readonly<Record<string, readonly number[]>>, id = { name: "a" }): Samples {
  const [first] = Object.values(values);
  const flow = { flow: "bulk", protocol: "tcp" as const, limits: [], sized: false };
  return {
    name,
    tests: [{
      id,
      failed: 0,
      repeats: first.map((_, i) => ({
        path: String(i),
        flows: [{
          ...flow,
          values: Object.fromEntries(Object.entries(values).map(([name, values]) => [name, values[i]])),
        }],
        cut: [],
      })),
    }],
    conditions: {},
  };
}

/** A normal deviate, by the sum of twelve uniform ones. */
function deviate(random: Random): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random.uint32() / 2 ** 32;
  return sum;
}

/** Figures of repeats, `spread` being their standard deviation; skewed, as delays are. */
function figures(random: Random, factor: number, spread: number) {
  const draw = (mean: number, way: number) =>
    Array.from({ length: 10 }, () => mean * (1 + spread * deviate(random) + spread * Math.abs(deviate(random)) * way));
  return {
    goodputBitsPerSecond: draw(18.7e6 * factor, -1),
    rttMedianMicros: draw(90e3, 1),
    rttP99Micros: draw(110e3, 1),
    retransmits: Array.from({ length: 10 }, () => random.below(4)),
  };
}

Deno.test("compare() calls repeats of one thing different in no more than alpha of 200 simulations", () => {
  const random = new Random(16);
  const runs = 200, alpha = 0.05;
  let different = 0;
  for (let i = 0; i < runs; i++) {
    const { comparisons: [{ rows }] } = compare(side("a", figures(random, 1, 0.02)), [
      side("b", figures(random, 1, 0.02)),
    ]);
    assertEquals(rows.length, 4);
    if (rows.some(({ verdict }) => verdict !== "no difference seen")) different++;
  }
  // Within three deviations of the binomial distribution.
  const most = runs * alpha + 3 * Math.sqrt(runs * alpha * (1 - alpha));
  assert(different <= most, `${different} of ${runs}, not at most ${most}`);
  // A test that never finds anything would pass as well.
  assert(different > 0);
});

Deno.test("compare() finds a link that is 5% slower with ten repeats", () => {
  const random = new Random(5);
  // Repeats of a bulk flow over a shaped link differ by half a percent.
  let found = 0;
  for (let i = 0; i < 50; i++) {
    const { comparisons: [{ rows }] } = compare(
      side("a", figures(random, 1, 0.005)),
      [side("b", figures(random, 0.95, 0.005))],
    );
    const [goodput] = rows;
    assertEquals(goodput.figure.name, "goodputBitsPerSecond");
    if (goodput.verdict === "worse" && goodput.difference.high < 0) found++;
  }
  assertEquals(found, 50);
});

Deno.test("compare() knows of which figures more is better, and which are neither", () => {
  const values = (factor: number) => Array.from({ length: 8 }, (_, i) => (100 + i) * factor);
  const all = {
    goodputBitsPerSecond: values(1),
    rttP99Micros: values(1),
    cwndMedianBytes: values(1),
    bytes: values(1),
  };
  const lower = Object.fromEntries(Object.keys(all).map((name) => [name, values(0.5)]));
  const names = Object.keys(all).map(figureNamed);
  const verdicts = (a: Samples, b: Samples) =>
    compare(a, [b], { figures: names }).comparisons[0].rows.map(({ verdict }) => verdict);
  assertEquals(verdicts(side("a", all), side("b", lower)), ["worse", "better", "lower", "worse"]);
  assertEquals(verdicts(side("a", lower), side("b", all)), ["better", "worse", "higher", "better"]);
});

Deno.test("compare() has no verdict where too few repeats allow no verdict, and names the number that it takes", () => {
  const of = (n: number, from: number) => ({ goodputBitsPerSecond: Array.from({ length: n }, (_, i) => from + i) });
  const remarks = (n: number, m: number) => {
    const all = compare(side("a", of(n, 1)), [side("b", of(m, 100))]);
    return [all.comparisons[0].rows[0].verdict, remarksOn(all).at(-1)];
  };
  const needs = "it needs at least 4 repeats a side";
  assertEquals(remarks(1, 1), ["~", `~: no verdict: one repeat a side gives only a difference; ${needs}`]);
  assertEquals(remarks(3, 3), ["~", `~: no verdict: 3 against 3 cannot reach 0.05; ${needs}`]);
  assertEquals(remarks(4, 4)[0], "better");
  // Three against ten may reach it.
  assertEquals(remarks(3, 10)[0], "better");
  const four = (from: number) => ({ ...of(4, from), rttMedianMicros: [from, from + 1, from + 2, from + 3] });
  const two = compare(side("a", four(1)), [side("b", four(100))]);
  assertEquals(two.comparisons[0].rows.map(({ verdict }) => verdict), ["~", "~"]);
  assertEquals(
    remarksOn(two).at(-1),
    "~: no verdict: 4 against 4 cannot reach 0.05 for 2 rows; it needs at least 5 repeats a side",
  );
});

Deno.test("compare() leaves rows whose repeats are all equal out of the number that p values are adjusted for", () => {
  const base = { goodputBitsPerSecond: [1, 2, 3, 4], retransmits: [0, 0, 0, 0] };
  const other = { goodputBitsPerSecond: [5, 6, 7, 8], retransmits: [0, 0, 0, 0] };
  const { comparisons: [{ rows }], tested } = compare(side("a", base), [side("b", other)]);
  assertEquals([tested, rows.map(({ verdict }) => verdict)], [1, ["better", "no difference seen"]]);
});

Deno.test("compare() takes the way of a difference from the ranks where most values are equal", () => {
  const zeros = Array<number>(20).fill(0);
  const some = zeros.map((_, i) => i < 8 ? 3 : 0);
  const { comparisons: [{ rows: [row] }] } = compare(
    side("a", { retransmits: zeros }),
    [side("b", { retransmits: some })],
  );
  assertEquals([row.difference.shift, row.verdict], [0, "worse"]);
});

Deno.test("readSamples() takes ids that differ in repeat alone, and tests of several runs, for repeats", () =>
  inFolder(async (out) => {
    const test = (cca: string, goodputs: number[]): StoredTest[] =>
      repeats({ name: "fct", cca }, goodputs, (goodput) => ({ bulk: { goodput, rtt: 10 } }));
    const first = await storeRun(out, [...test("cubic", [1e6, 2e6]), ...test("bbr", [3e6])]);
    const second = await storeRun(out, test("cubic", [4e6]), { started: "2026-11-22T00:00:00Z", kernel: "6.2" });
    const goodputs = (samples: Samples) =>
      samples.tests.map(({ id, repeats }) => [
        id.cca,
        ...repeats.map(({ flows: [{ values }] }) => values.goodputBitsPerSecond / 1e6),
      ]);
    assertEquals(goodputs(await readSamples(first)), [["cubic", 1, 2], ["bbr", 3]]);
    assertEquals(goodputs(await readSamples(out)), [["cubic", 1, 2, 4], ["bbr", 3]]);
    assertEquals(goodputs(await readSamples(`${second}/cca=cubic,name=fct,repeat=1`)), [["cubic", 4]]);
    const joined = joinSamples([await readSamples(first), await readSamples(second)]);
    assertEquals(goodputs(joined), [["cubic", 1, 2, 4], ["bbr", 3]]);
    assertEquals(joined.conditions.kernel, ["6.1", "6.2"]);
    assertEquals(samplesBy(joined, "cca").map(({ name, tests: [{ id }] }) => [name, id]), [
      ["cca=cubic", { name: "fct" }],
      ["cca=bbr", { name: "fct" }],
    ]);
    const wrong = (key: string) => assertThrows(() => samplesBy(joined, key), TineError).message;
    assertEquals(wrong("rate"), `${joined.name} has no two tests that differ in rate: keys of the ids are name, cca`);
    assertEquals(wrong("name"), `${joined.name} has no two tests that differ in name: all tests have name=fct`);
  }));

Deno.test("compare() warns of what differs between the sides, and of what is left out", () =>
  inFolder(async (out) => {
    const flows: StoredTest["flows"] = { bulk: { goodput: 1e6 }, other: { goodput: 1e6, cut: true } };
    const base = await storeRun(out, [{ id: { name: "a" }, flows }, { id: { name: "b" }, flows }], {
      processor: "old",
    });
    const other = await storeRun(out, [
      { id: { name: "a", repeat: "1" }, flows: { bulk: { goodput: 2e6 }, more: { goodput: 1 } } },
      { id: { name: "a", repeat: "2" }, flows, status: "failed" },
    ], { started: "2026-11-22T00:00:00Z", kernel: "6.2", processor: "new" });
    const { warnings, comparisons: [{ rows }] } = compare(await readSamples(base), [await readSamples(other)]);
    assertEquals(rows.map(({ flow, figure }) => `${flow} ${figure.name}`), [
      "bulk goodputBitsPerSecond",
      "bulk retransmits",
    ]);
    assertEquals(warnings.map((text) => text.replaceAll(base, "BASE").replaceAll(other, "OTHER")), [
      "BASE: name=a: flows that did not come to their end are left out: other",
      "BASE: name=b: flows that did not come to their end are left out: other",
      "OTHER: name=a: 1 repeat did not succeed and is left out",
      'different kernel: "6.1" in BASE, "6.2" in OTHER',
      "different plan of name=a: it was not measured in the same way",
      'different processors: "2 x old" in BASE, "2 x new" in OTHER',
      "only BASE has the test name=b",
    ]);
  }));

Deno.test("compare() warns of flows that tine limited, where a figure that is compared depends on it", () => {
  const limited = (name: string, limits: readonly string[]): Samples => {
    const [{ id, failed, repeats }] = side(name, { goodputBitsPerSecond: [1, 2, 3], rttMedianMicros: [1, 2, 3] }).tests;
    const limit = (flows: Samples["tests"][number]["repeats"][number]["flows"]) =>
      flows.map((flow) => ({ ...flow, limits }));
    const changed = repeats.map((repeat, i) => i === 0 ? repeat : { ...repeat, flows: limit(repeat.flows) });
    return { name, tests: [{ id, failed, repeats: changed }], conditions: {} };
  };
  const warnings = (limits: readonly string[], ...names: string[]) => {
    const figures = names.length === 0 ? undefined : names.map(figureNamed);
    return compare(limited("a", []), [limited("b", limits)], { figures }).warnings;
  };
  assertEquals(warnings(["sends-late"]), [
    "b: name=a: tine or its machine may have limited bulk in 2 of 3 repeats (sends-late)",
  ]);
  assertEquals(warnings(["sends-late"], "rttMedian"), []);
  assertEquals(warnings(["sends-late", "busy-core"], "rttMedian"), [
    "b: name=a: tine or its machine may have limited bulk in 2 of 3 repeats (busy-core)",
  ]);
});

Deno.test("compare() has a row for many flows with similar ids, by the median of each repeat", () => {
  const flows = Array.from({ length: 20 }, (_, i) => ({
    flow: `page.${i}`,
    protocol: "tcp" as const,
    limits: [],
    sized: true,
    values: { completionSeconds: i + 1 },
  }));
  const many = (name: string): Samples => ({
    name,
    tests: [{ id: { name: "a" }, failed: 0, repeats: [{ path: "", flows, cut: [] }] }],
    conditions: {},
  });
  const { comparisons: [{ rows: [row, ...others] }] } = compare(many("a"), [many("b")]);
  assertEquals([others.length, row.flow, row.flows, row.base.median], [0, "page", 20, 10.5]);
  assertEquals(rowText(row).what, "name=a: page (median of 20)");
});

Deno.test("compare() explains why there is nothing to compare", () => {
  const of = (name: string, figure = "goodputBitsPerSecond") => side(name, { [figure]: [1] });
  const why = (other: Samples, options = {}) =>
    assertThrows(() => compare(of("a"), [other], options), TineError).message;
  assertEquals(why(of("b", "cwndMinBytes")), "there is nothing to compare: no flow of a name is on both sides");
  assertEquals(
    why(of("b"), { figures: [figureNamed("rttP99")] }),
    "there is nothing to compare: no flow on both sides has rttP99",
  );
  assertEquals(
    why({ name: "b", tests: [], conditions: {} }),
    "there is nothing to compare: b has no test that succeeded",
  );
});

Deno.test("figureNamed() takes names of JSON, short ones and columns of tables, and names what is near", () => {
  const names = [
    "goodput",
    "goodputBitsPerSecond",
    "goodput_bits_per_second",
    "toServer.lostPercent",
    "to_server_lost_packets",
  ];
  assertEquals(names.map((name) => figureNamed(name).name), [
    "goodputBitsPerSecond",
    "goodputBitsPerSecond",
    "goodputBitsPerSecond",
    "toServer.lostPercent",
    "toServer.lost",
  ]);
  const wrong = (name: string) => assertThrows(() => figureNamed(name), TineError).message;
  assertEquals(wrong("godput"), 'there is no figure "godput": did you mean goodput?');
  assertEquals(
    wrong("rtt"),
    'there is no figure "rtt": it is a distribution: name a value, one of rttMin, rttMean, rttMedian, rttP99, ' +
      "rttP999, rttMax",
  );
  assertEquals(
    wrong("lostPercent"),
    'there is no figure "lostPercent": it is measured in each direction: toServer.lostPercent or fromServer.lostPercent',
  );
  assertEquals(wrong("qqq"), 'there is no figure "qqq": tine help figures lists them');
});

Deno.test("compare() shows the usual figures of requests and responses, less of latency and more of the rate being better", () => {
  const of = (factor: number) => ({
    transactionsPerSecond: [1, 2, 3, 4, 5].map((i) => (1000 + i) / factor),
    latencyMedianMicros: [1, 2, 3, 4, 5].map((i) => (100 + i) * factor),
    latencyP90Micros: [1, 2, 3, 4, 5].map((i) => (200 + i) * factor),
    latencyP99Micros: [1, 2, 3, 4, 5].map((i) => (300 + i) * factor),
    unansweredPercent: [0, 0, 0, 0, 0],
  });
  const { comparisons: [{ rows }] } = compare(side("a", of(1)), [side("b", of(2))]);
  assertEquals(
    rows.map(({ figure, verdict }) => [figure.name, verdict]),
    [
      ["transactionsPerSecond", "worse"],
      ["latencyMedianMicros", "worse"],
      ["latencyP99Micros", "worse"],
      ["unanswered", "no difference seen"],
    ].map(([name, verdict]) => [name === "unanswered" ? "unansweredPercent" : name, verdict]),
  );
  assertEquals(figureNamed("latencyP90").name, "latencyP90Micros");
  assertEquals(figureNamed("latency_p999_us").name, "latencyP999Micros");
});
