import { assertAlmostEquals, assertEquals } from "@std/assert";
import { ByteIntervals } from "../../../src/flow/analysis/intervals.ts";

Deno.test("ByteIntervals spreads bytes over the intervals between two samples", () => {
  const intervals = new ByteIntervals(100);
  intervals.add(50, 50);
  intervals.add(250, 450);
  intervals.add(300, 500);
  assertEquals([0, 1, 2, 3].map((k) => intervals.take(k)), [150, 200, 150, 0]);
  assertEquals(intervals.take(1), 0);
  assertEquals(intervals.total, 500);
});

Deno.test("ByteIntervals has one interval where they are endless", () => {
  const intervals = new ByteIntervals(Infinity);
  intervals.add(1e9, 5);
  intervals.add(2e9, 9);
  assertEquals(intervals.take(0), 9);
});

Deno.test("ByteIntervals leaves out samples that contradict others", () => {
  const intervals = new ByteIntervals(10);
  intervals.add(10, 10);
  intervals.add(5, 20);
  intervals.add(20, 5);
  intervals.add(NaN, 30);
  assertAlmostEquals(intervals.take(0) + intervals.take(1), 10);
});
