import { assert, assertEquals } from "@std/assert";
import { GrowingBuckets } from "../../../src/report/serve/growing_buckets.ts";

Deno.test("GrowingBuckets keeps each sample while there is room", () => {
  const series = new GrowingBuckets(3);
  for (const [time, value] of [[0, 5], [2, 7], [1, 6]]) series.addSample(time, value);
  const { times, counts, means } = series.data();
  assertEquals([[...times], [...counts], [...means]], [[0, 1, 2], [1, 1, 1], [5, 6, 7]]);
});

Deno.test("GrowingBuckets stays bounded, with exact extremes, counts and means", () => {
  const series = new GrowingBuckets(100);
  let sum = 0;
  for (let i = 0; i < 100_000; i++) {
    const value = i === 77_777 ? 1e6 : i === 5 ? -3 : i % 10;
    sum += value;
    series.addSample(i * 1000, value);
    assert(series.length <= 100);
  }
  const { times, counts, means, least, leastAt, greatest, greatestAt } = series.data();
  const total = counts.reduce((a, b) => a + b);
  assertEquals(total, 100_000);
  assert(Math.abs(means.reduce((all, mean, i) => all + mean * counts[i], 0) - sum) < 1e-3);
  const [high, low] = [greatest.indexOf(1e6), least.indexOf(-3)];
  assertEquals([greatestAt[high], leastAt[low]], [77_777_000, 5000]);
  assert(times.every((time, i) => i === 0 || times[i - 1] < time), "by time");
});

Deno.test("GrowingBuckets takes buckets, and samples that all have one time", () => {
  const series = new GrowingBuckets(4);
  series.add([100, 10, 5, 1, 90, 9, 110]);
  for (let i = 0; i < 50; i++) series.addSample(200, i);
  const { counts, least, greatest } = series.data();
  assertEquals(counts.reduce((a, b) => a + b), 60);
  assertEquals([Math.min(...least), Math.max(...greatest)], [0, 49]);
  assert(series.length <= 4);
});
