import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { holm, leastP, mannWhitney, medianOf, shiftOf } from "../../../src/result/compare/statistics.ts";
import { findPythonWith, run } from "../../support/peers.ts";
import { Random } from "../../support/random.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";

/** What scipy has made of a pair of samples. */
interface Expected {
  readonly first: readonly number[];
  readonly second: readonly number[];
  readonly p: number;
  /** The limits of the median's interval; null where the sample is too small. */
  readonly median?: readonly [number | null, number | null];
  readonly asymptotic?: true;
}

const FIXTURE = new URL("./scipy_statistics.jsonl", import.meta.url);
const SCRIPT = new URL("./scipy_statistics.py", import.meta.url).pathname;
const stored = linesOf(await Deno.readTextFile(FIXTURE));

function linesOf(text: string): Expected[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

function assertClose(actual: number, expected: number, what: unknown): void {
  assertAlmostEquals(actual, expected, 1e-9 * Math.max(1e-3, Math.abs(expected)), JSON.stringify(what));
}

Deno.test("mannWhitney() has the p values of scipy, exact ones also where values are equal", () => {
  assertEquals(stored.length, 202);
  for (const { first, second, p, asymptotic } of stored) {
    if (asymptotic) assertAlmostEquals(mannWhitney(first, second) / p, 1, 1e-6);
    else assertClose(mannWhitney(first, second), p, { first, second });
    assertClose(mannWhitney(second, first), mannWhitney(first, second), "it takes the sides in either order");
  }
});

Deno.test("medianOf() has the limits of scipy's quantile_test, or least and greatest of fewer than six", () => {
  for (const { first, median: limits } of stored) {
    if (limits === undefined) continue;
    const { low, high, confidence } = medianOf(first, 0.95);
    assertEquals(confidence === undefined, first.length < 6);
    if (confidence === undefined) assertEquals([low, high], [Math.min(...first), Math.max(...first)]);
    else assertEquals([low, high], limits as [number, number], JSON.stringify(first));
  }
});

const scipy = await findPythonWith("scipy.stats", "scipy.stats.PermutationMethod");

Deno.test({
  ...unless(scipy.why, "what is stored of scipy is what it computes"),
  async fn() {
    const { stdout, stderr, code } = await run(scipy.python, [SCRIPT]);
    assertEquals([code, stderr], [0, ""]);
    const computed = linesOf(new TextDecoder().decode(stdout));
    for (const [i, { p, ...rest }] of computed.entries()) {
      const { p: kept, ...samples } = stored[i];
      assertEquals(rest, samples);
      assertClose(p, kept, samples);
    }
  },
});

/** Figures of ten repeats over a link of 20 Mbit/s and of ten over one of 19, with what benchstat prints of each. */
const MEASURED: { name: string; first: number[]; second: number[]; p: string }[] =
  (await Deno.readTextFile(new URL("./benchstat.jsonl", import.meta.url))).trimEnd().split("\n")
    .map((line) => JSON.parse(line));

Deno.test("mannWhitney() has the p values that benchstat prints of measured goodputs and round trips", () => {
  assertEquals(MEASURED.length, 7);
  for (const { name, first, second, p } of MEASURED) assertEquals(mannWhitney(first, second).toFixed(3), p, name);
});

Deno.test({
  ...unless(whyNotInstalled("benchstat"), "what is stored of benchstat is what it prints"),
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "tine-benchstat-" });
    try {
      const write = async (side: "first" | "second") => {
        const lines = MEASURED.flatMap((row) => {
          const name = `Benchmark_${row.name.replace(/\W/g, "_")}`;
          return row[side].map((value) => `${name} 1 ${value} ns/op\n`);
        });
        await Deno.writeTextFile(`${folder}/${side}.txt`, lines.join(""));
        return `${folder}/${side}.txt`;
      };
      const { stdout, code } = await run("benchstat", [await write("first"), await write("second")]);
      assertEquals(code, 0);
      const printed = [...new TextDecoder().decode(stdout).matchAll(/\(p=(\S+) n=10\)/g)].map(([, p]) => p);
      assertEquals(printed, MEASURED.map(({ p }) => p));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** All ways to choose indices below a limit. */
function* choices(below: number, size: number, from = 0): Generator<number[]> {
  if (size === 0) return yield [];
  for (let i = from; i <= below - size; i++) for (const rest of choices(below, size - 1, i + 1)) yield [i, ...rest];
}

/** The p value by going through all ways to deal out the values, and pairs of them for the statistic. */
function bruteForceP(first: readonly number[], second: readonly number[]): number {
  const all = [...first, ...second];
  const statistic = (chosen: readonly number[]) => {
    const others = all.keys().filter((i) => !chosen.includes(i)).toArray();
    return chosen.reduce(
      (sum, i) => sum + others.reduce((sum, j) => sum + (all[i] > all[j] ? 2 : all[i] === all[j] ? 1 : 0), 0),
      0,
    );
  };
  const seen = statistic([...first.keys()]);
  const statistics = [...choices(all.length, first.length)].map(statistic);
  const share = (counts: (u: number) => boolean) => statistics.filter(counts).length / statistics.length;
  return Math.min(1, 2 * Math.min(share((u) => u <= seen), share((u) => u >= seen)));
}

Deno.test("mannWhitney() and leastP() agree with going through all ways to deal out few values", () => {
  const random = new Random(7);
  const sample = (n: number, values: number) => Array.from({ length: n }, () => random.below(values));
  for (let first = 1; first <= 5; first++) {
    for (let second = 1; second <= 5; second++) {
      const least = bruteForceP(Array(first).fill(0).map((_, i) => i), Array(second).fill(0).map((_, i) => 10 + i));
      assertClose(leastP(first, second), least, [first, second]);
      for (const values of [2, 5, 1000]) {
        const [x, y] = [sample(first, values), sample(second, values)];
        assertClose(mannWhitney(x, y), bruteForceP(x, y), { x, y });
      }
    }
  }
});

Deno.test("three against three cannot reach 0.05, four against four can", () => {
  assertClose(leastP(3, 3), 0.1, "3");
  assertClose(leastP(4, 4), 2 / 70, "4");
  assertEquals(shiftOf([1, 2, 3], [4, 5, 6], 0.95), { shift: 3, low: 1, high: 5 });
  assertClose(shiftOf([1, 2, 3, 4], [5, 6, 7, 8], 0.95).confidence!, 1 - 2 / 70, "4");
});

/** A normal deviate, by the sum of twelve uniform ones. */
function deviate(random: Random): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random.uint32() / 2 ** 32;
  return sum;
}

Deno.test("shiftOf() has as its interval all shifts that the exact test does not refuse", () => {
  const random = new Random(3);
  for (const [n, m] of [[4, 4], [5, 8], [10, 10], [15, 6]]) {
    const first = Array.from({ length: n }, () => deviate(random));
    const second = Array.from({ length: m }, () => deviate(random) + 1);
    const { low, high, shift } = shiftOf(first, second, 0.95);
    const p = (shift: number) => mannWhitney(first, second.map((value) => value - shift));
    assert(p(low + 1e-9) > 0.05 && p(high - 1e-9) > 0.05 && p(shift) > 0.9);
    assert(p(low - 1e-9) <= 0.05 && p(high + 1e-9) <= 0.05);
  }
});

/** Asserts that something happens as often as it should, within four deviations of the binomial distribution. */
function assertShare(count: number, of: number, least: number, most = 1): void {
  const error = 4 * Math.sqrt(least * (1 - least) / of);
  assert(count / of >= least - error && count / of <= most + error, `${count} of ${of}, not ${least} to ${most}`);
}

Deno.test("intervals cover the median and the shift of a skewed population as often as they promise", () => {
  const random = new Random(11);
  // Exponential: its median is the logarithm of 2.
  const draw = () => -Math.log1p(-random.uint32() / 2 ** 32);
  const runs = 4000;
  for (const n of [6, 10]) {
    let [medians, shifts, promisedMedian, promisedShift] = [0, 0, 0, 0];
    for (let i = 0; i < runs; i++) {
      const first = Array.from({ length: n }, draw), second = Array.from({ length: n }, () => draw() + 0.5);
      const median = medianOf(first, 0.95), shift = shiftOf(first, second, 0.95);
      if (median.low <= Math.LN2 && Math.LN2 <= median.high) medians++;
      if (shift.low <= 0.5 && 0.5 <= shift.high) shifts++;
      [promisedMedian, promisedShift] = [median.confidence!, shift.confidence!];
    }
    assert(promisedMedian >= 0.95 && promisedShift >= 0.95);
    // Values differ, so that the promises are exact.
    assertShare(medians, runs, promisedMedian, promisedMedian);
    assertShare(shifts, runs, promisedShift, promisedShift);
  }
});

Deno.test("intervals cover at least as often as they promise where many values are equal", () => {
  const random = new Random(12);
  const runs = 2000;
  let covered = 0;
  for (let i = 0; i < runs; i++) {
    const first = Array.from({ length: 8 }, () => random.below(4)), second = first.map(() => random.below(4) + 1);
    const { low, high } = shiftOf(first, second, 0.95);
    if (low <= 1 && 1 <= high) covered++;
  }
  assertShare(covered, runs, 0.95);
});

Deno.test("holm() makes p values as great as their number asks for, in the order given", () => {
  assertEquals(holm([]), []);
  // The example of p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") in R.
  assertEquals(holm([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toFixed(10))), [0.03, 0.06, 0.06, 0.02]);
  assertEquals(holm([0.5, 0.9]), [1, 1]);
});

Deno.test("samples of any size are compared, alike on both sides of the limit of the exact distribution", () => {
  const random = new Random(5);
  const of = (n: number, shift: number) => Array.from({ length: n }, () => deviate(random) + shift);
  for (const n of [57, 62, 300]) {
    const [first, second] = [of(n, 0), of(n, 0.6)];
    const { low, high, shift, confidence } = shiftOf(first, second, 0.95);
    assert(low < shift && shift < high && low > 0 && high < 1.2, `${n}: ${low} to ${high}`);
    assert(confidence! >= 0.95 && confidence! < 0.96);
    assert(mannWhitney(first, second) < 0.01);
    assert(mannWhitney(first, first) === 1);
  }
  const many = medianOf(of(3000, 0), 0.95);
  assert(many.low < 0 && many.high > 0 && many.confidence! < 0.96);
});
