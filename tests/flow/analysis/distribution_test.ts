import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { Distribution, quantilesOf } from "../../../src/flow/analysis/distribution.ts";

/** Numbers that are the same in each run. */
function* random(seed: number): Generator<number, never, void> {
  for (let state = seed;;) {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    yield state / 2 ** 32;
  }
}

Deno.test("Distribution.quantiles() is within 0.1% of the exact ones, over all magnitudes", () => {
  const numbers = random(1);
  const values = Array.from({ length: 20_001 }, () => Math.floor(2 ** (numbers.next().value * 52)));
  const distribution = new Distribution();
  for (const value of values) distribution.add(value);
  values.sort((a, b) => a - b);
  for (const share of [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = values[Math.max(1, Math.ceil(share * values.length)) - 1];
    assertAlmostEquals(distribution.quantile(share), exact, Math.max(0.5, exact / 1000), `${share}`);
  }
  const figures = distribution.quantiles()!;
  assertEquals([figures.count, figures.min, figures.max], [20_001, values[0], values.at(-1)!]);
  assertAlmostEquals(figures.mean, values.reduce((sum, value) => sum + value) / values.length, 1e-6 * figures.mean);
});

Deno.test("Distribution.quantiles() is exact for small values", () => {
  const distribution = new Distribution();
  for (let value = 1; value <= 1000; value++) distribution.add(value);
  assertEquals(distribution.quantiles(), {
    count: 1000,
    min: 1,
    mean: 500.5,
    median: 500.5,
    p99: 990,
    p999: 999,
    max: 1000,
  });
});

Deno.test("the median of an even number of values is the mean of the two in the middle, in each count of them", () => {
  const distribution = new Distribution();
  for (const value of [1, 9, 2, 8]) distribution.add(value);
  assertEquals(distribution.quantiles()!.median, 5);
  // Times of two flows, in milliseconds: with 0.1% of either one, another median would be printed.
  const times = quantilesOf([1379, 492.0])!;
  assertEquals(times, { count: 2, min: 492, mean: 935.5, median: 935.5, p99: 1379, p999: 1379, max: 1379 });
  assertEquals(quantilesOf([3, -1, 2])!.median, 2);
  assertEquals(quantilesOf([]), undefined);
});

Deno.test("Distribution.quantiles() is undefined without values, and the value for one", () => {
  const distribution = new Distribution();
  assertEquals(distribution.quantiles(), undefined);
  assert(Number.isNaN(distribution.quantile(0.5)));
  distribution.add(123_456_789);
  const { min, median, p999, max } = distribution.quantiles()!;
  assertEquals([min, median, p999, max], [123_456_789, 123_456_789, 123_456_789, 123_456_789]);
});

Deno.test("Distribution.add() takes what is no time as the nearest one that is", () => {
  const distribution = new Distribution();
  for (const value of [NaN, -5, Infinity]) distribution.add(value);
  assertEquals([distribution.count, distribution.min, distribution.max], [3, 0, Number.MAX_SAFE_INTEGER]);
});

Deno.test("Distribution.merge() gives what one distribution of all values has", () => {
  const [one, other, all] = [new Distribution(), new Distribution(), new Distribution()];
  const numbers = random(2);
  for (let i = 0; i < 1000; i++) {
    const value = Math.floor(numbers.next().value * 1e7);
    (i % 3 === 0 ? one : other).add(value);
    all.add(value);
  }
  one.merge(other);
  assertEquals(one.quantiles(), all.quantiles());
});

Deno.test("Distribution.trimmedMean() leaves the greatest values out", () => {
  const distribution = new Distribution();
  distribution.add(100, 95);
  distribution.add(1_000_000, 5);
  assertEquals(distribution.trimmedMean(0.95), 100);
  assert(Number.isNaN(new Distribution().trimmedMean(0.95)));
});

/** Through a file. */
const stored = (distribution: Distribution) => JSON.parse(JSON.stringify(distribution));

/** Some values of all magnitudes, the least and the greatest among them. */
function ofAllSizes(seed: number): Distribution {
  const numbers = random(seed);
  const distribution = new Distribution();
  for (let i = 0; i < 5000; i++) distribution.add(2 ** (numbers.next().value * 53), 1 + i % 3);
  distribution.add(0);
  distribution.add(Number.MAX_SAFE_INTEGER);
  return distribution;
}

/** All that can be seen of a distribution. */
function seen(distribution: Distribution): unknown {
  const shares = Array.from({ length: 100 }, (_, i) => distribution.quantile(i / 99));
  return [distribution.quantiles(), shares, distribution.trimmedMean(0.95), distribution.above(1e6)];
}

Deno.test("Distribution.fromJSON() returns what was stored, and it can be merged like any other", () => {
  const one = ofAllSizes(1);
  const restored = Distribution.fromJSON(stored(one));
  assertEquals(seen(restored), seen(one));
  assertEquals(stored(restored), stored(one));
  const other = ofAllSizes(2);
  restored.merge(Distribution.fromJSON(stored(other)));
  restored.add(5000);
  one.merge(other);
  one.add(5000);
  assertEquals(seen(restored), seen(one));
  const empty = Distribution.fromJSON(stored(new Distribution()));
  assertEquals(empty.quantiles(), undefined);
  empty.merge(one);
  assertEquals(seen(empty), seen(one));
});

Deno.test("Distribution.toJSON() has two numbers for each bin with values", () => {
  const distribution = new Distribution();
  distribution.add(3, 2);
  distribution.add(7);
  distribution.add(1030); // In a bin with 1031.
  assertEquals(stored(distribution), { sum: 1043, min: 3, max: 1030, bins: [3, 2, 4, 1, 1020, 1] });
});

Deno.test("Distribution.fromJSON() refuses what was not stored", () => {
  const good = { sum: 13, min: 3, max: 7, bins: [3, 2, 4, 1] };
  Distribution.fromJSON(good);
  const bad: unknown[] = [undefined, null, 1, "x", [], {}, { ...good, bins: "3241" }, { ...good, bins: [3, 2, 4] }];
  for (const sum of [undefined, null, "13", NaN, -1, 8, 22, Infinity]) bad.push({ ...good, sum });
  for (const min of [undefined, null, 2, 4, -3, 1e300]) bad.push({ ...good, min });
  for (const max of [undefined, null, 6, 8, Infinity]) bad.push({ ...good, max });
  for (const bins of [[3, 2, 0, 1], [3, 2, -1, 1], [3, 2, 4, 0], [3, 2, 4, -1], [3, 2, 4, 0.5], [3.5, 2, 4, 1]]) {
    bad.push({ ...good, bins });
  }
  bad.push({ ...good, bins: [3, 2, 1e9, 1] }, { ...good, bins: [3, 2, 4, 2 ** 53] }, { ...good, bins: [3, 2, "4", 1] });
  bad.push({ ...good, bins: [] }, { sum: 1, bins: [] }, { sum: 0, min: 0, bins: [] });
  for (const stored of bad) {
    const { code } = assertThrows(() => Distribution.fromJSON(stored), TineError);
    assertEquals(code, "bad-distribution", JSON.stringify(stored));
  }
});
