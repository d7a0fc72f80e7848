import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { ByteSeries } from "../../../src/flow/analysis/stream_analysis.ts";

Deno.test("ByteSeries spreads bytes over the time in which they came", () => {
  const series = new ByteSeries(10);
  assert(series.add(5, 0));
  assert(series.add(25, 200));
  assertEquals(series.bins, [50, 100, 50]);
  assert(series.add(25, 300));
  assertEquals(series.bins, [50, 100, 150]);
});

Deno.test("ByteSeries doubles its bins instead of growing, and loses no bytes", () => {
  const series = new ByteSeries(1);
  for (let t = 1; t <= 100_000; t++) assert(series.add(t, 3 * t));
  assertEquals(series.binNanos, 128);
  assertAlmostEquals(series.bins.reduce((sum, bytes) => sum + bytes), 300_000, 1e-3);
  assertAlmostEquals(series.bins[5], 384, 1e-6);
});

Deno.test("ByteSeries leaves out what cannot be", () => {
  const series = new ByteSeries(10);
  series.add(10, 10);
  for (const [t, total] of [[5, 20], [20, 5], [NaN, 30], [30, NaN], [Infinity, 50], [40, Infinity]]) {
    assertEquals(series.add(t, total), false);
  }
  assertEquals(series.bins, [10]);
});
