import { assertAlmostEquals, assertEquals } from "@std/assert";
import { Deviations } from "../../../src/flow/analysis/packet_path.ts";

Deno.test("Deviations.quantiles() has the order of both signs, less the offset", () => {
  const deviations = new Deviations();
  const offset = 5e15;
  for (const value of [50, 10, 90, 20, 80, 30, 70, 40, 60]) deviations.add(offset + value);
  assertEquals(deviations.quantiles(offset), {
    count: 9,
    min: 10,
    mean: 50,
    median: 50,
    p99: 90,
    p999: 90,
    max: 90,
  });
  assertEquals(new Deviations().quantiles(0), undefined);
});

Deno.test("Deviations.quantiles() when all are below the first", () => {
  const deviations = new Deviations();
  for (const value of [0, -1000, -2000, -3_000_000]) deviations.add(value);
  const { min, median, max } = deviations.quantiles(0)!;
  assertEquals([min, max], [-3_000_000, 0]);
  assertAlmostEquals(median, -1500, 2);
});
