import { assert, assertEquals } from "@std/assert";
import { SeriesBuilder } from "../../src/report/series_builder.ts";
import { Random } from "../support/random.ts";

Deno.test("SeriesBuilder keeps few values, by time, each with those of its row", () => {
  const builder = new SeriesBuilder(2);
  for (const [x, a, b] of [[3, 30, NaN], [1, 10, 11], [2, 20, 21], [NaN, 5, 5]]) builder.add(x, a, b);
  const [first, second] = builder.finish();
  assertEquals(first, { type: "samples", x: Float64Array.of(1, 2, 3), y: Float64Array.of(10, 20, 30) });
  assertEquals(second, { type: "samples", x: Float64Array.of(1, 2, 3), y: Float64Array.of(11, 21, NaN) });
});

Deno.test("SeriesBuilder puts many values into buckets, whatever their order and spacing", () => {
  const random = new Random(7);
  for (let round = 0; round < 40; round++) {
    const maxBuckets = 2 + random.below(60), count = 1 + random.below(2000);
    const start = random.below(10 ** (1 + random.below(9)));
    const builder = new SeriesBuilder(1, { maxSamples: random.below(50), maxBuckets });
    const points: [x: number, y: number][] = [];
    let x = start;
    for (let i = 0; i < count; i++) {
      // Mostly forwards, in steps of very different lengths.
      x += (random.below(10) === 0 ? -1 : 1) * random.below(10 ** random.below(7)) / 10;
      const y = random.below(1_000_000) / 1000 - 200;
      points.push([x, y]);
      builder.add(x, y);
    }
    const [data] = builder.finish();
    if (data.type === "samples") {
      assertEquals(data.x.length, count);
      continue;
    }
    const place = `round ${round}`;
    assert(data.counts.length <= maxBuckets, place);
    assertEquals(data.counts.reduce((a, b) => a + b), count, place);
    assert(data.times.every((time, i) => i === 0 || data.times[i - 1] < time), place);
    // Extremes are values that were there, at their times.
    const found = new Set(points.map(([x, y]) => `${x} ${y}`));
    for (let i = 0; i < data.counts.length; i++) {
      assert(found.has(`${data.leastAt[i]} ${data.least[i]}`), place);
      assert(found.has(`${data.greatestAt[i]} ${data.greatest[i]}`), place);
      assert(data.least[i] <= data.means[i] + 1e-9 && data.means[i] <= data.greatest[i] + 1e-9, place);
    }
    const ys = points.map(([, y]) => y);
    assertEquals([Math.min(...data.least), Math.max(...data.greatest)], [Math.min(...ys), Math.max(...ys)], place);
    const sum = data.means.reduce((sum, mean, i) => sum + mean * data.counts[i], 0);
    assert(Math.abs(sum - ys.reduce((a, b) => a + b)) < 1e-4, place);
  }
});
