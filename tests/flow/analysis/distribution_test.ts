import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
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
