import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Buckets, lookOf, type SampleSeries } from "../../../src/report/plot.ts";
import { decodeColumns, decodeSeries, MEAN_STEPS } from "../../../src/report/series/decode.ts";
import { encodeColumns, encodePlot, encodeSeries } from "../../../src/report/series/encode.ts";
import { DOUBLE_EDGES, Random } from "../../support/random.ts";

Deno.test("decodeColumns() gives back the bits of all numbers that encodeColumns() was given", async () => {
  const random = new Random(14);
  for (let round = 0; round < 300; round++) {
    const count = random.pick([0, 1, 2, 3, 50, 257]);
    const columns = Array.from({ length: 1 + random.below(4) }, () => randomColumn(random, count));
    // As it goes through a page.
    const decoded = await decodeColumns(JSON.parse(JSON.stringify(await encodeColumns(columns))));
    assertEquals(decoded.map(bitsOf), columns.map(bitsOf));
  }
});

Deno.test("encodeColumns() takes the bytes that the largest difference needs", async () => {
  const planes = async (...numbers: number[]) => (await encodeColumns([Float64Array.from(numbers)])).columns;
  assertEquals(await planes(1000, 1001), [{ planes: 2, divisor: 1 }]);
  assertEquals(await planes(0.001, 0.002), [{ planes: 1, divisor: 1000 }]);
  assertEquals(await planes(5, NaN, 5), [{ planes: 1, divisor: 1 }]);
  assertEquals(await planes(NaN, NaN), [{ planes: 0, divisor: 1 }]);
  assertEquals(await planes(-(2 ** 50), 2 ** 50), [{ planes: 7, divisor: 1 }]);
  assertEquals(await planes(2 ** 50 + 1), [{ planes: 8, divisor: 1 }]);
  assertEquals(await planes(1 / 3), [{ planes: 8, divisor: 1 }]);
});

Deno.test("encodeSeries() takes two bytes or less a sample of RTTs at a steady pace", async () => {
  const random = new Random(1);
  const count = 20_000;
  const x = Float64Array.from({ length: count }, (_, i) => i * 1000 + random.below(20));
  // RTTs of a queue that fills and empties, to the nanosecond as clocks of 25 ns have it.
  const y = x.map((time) => Math.round(20_000 + 8000 * Math.sin(time / 1e6) + random.below(40) / 40));
  const encoded = await encodeSeries({ type: "samples", x, y });
  assert(encoded.data.length <= 2 * count, `${encoded.data.length / count} bytes a sample`);
});

Deno.test("decodeSeries() gives back samples, with both edges of a band and with gaps", async () => {
  const samples: SampleSeries = {
    type: "samples",
    x: Float64Array.of(0, 10, 20),
    y: Float64Array.of(-5.125, NaN, 3),
    high: Float64Array.of(5, NaN, 3.5),
  };
  assertEquals(await decodeSeries(await encodeSeries(samples)), samples);
  const line: SampleSeries = { type: "samples", x: Float64Array.of(), y: Float64Array.of() };
  assertEquals(await decodeSeries(await encodeSeries(line)), { ...line, high: undefined });
});

Deno.test("decodeSeries() gives back buckets: exact extremes and their times, and means as exact as a plot needs", async () => {
  const random = new Random(2);
  const count = 1000;
  const column = (value: (i: number) => number) => Float64Array.from({ length: count }, (_, i) => value(i));
  const least = column(() => random.below(1e9) / 1000);
  const greatest = least.map((value) => Math.round(value * 1000 + (random.oneIn(3) ? 0 : random.below(1e6))) / 1000);
  const buckets: Buckets = {
    type: "buckets",
    counts: column(() => 1 + random.below(100)),
    means: least.map((value, i) => value + (greatest[i] - value) * random.below(1000) / 1000),
    times: column((i) => i * 1000 + random.below(1000) / 7),
    least,
    leastAt: column((i) => i * 1000 + random.below(1000)),
    greatest,
    greatestAt: column((i) => i * 1000 + random.below(1000)),
  };
  const decoded = await decodeSeries(await encodeSeries(buckets));
  assert(decoded.type === "buckets");
  for (const name of ["counts", "least", "greatest", "leastAt", "greatestAt"] as const) {
    assertEquals(decoded[name], buckets[name], name);
  }
  for (let i = 0; i < count; i++) {
    const resolution = (greatest[i] - least[i]) / MEAN_STEPS / 2 + 1e-9;
    assert(Math.abs(decoded.means[i] - buckets.means[i]) <= resolution, `mean ${i}`);
    assert(decoded.means[i] >= least[i] && decoded.means[i] <= greatest[i], `mean ${i} between the extremes`);
    assertEquals(decoded.times[i], Math.round(buckets.times[i]));
  }
});

Deno.test("decodeSeries() refuses data of another length than its layout says", async () => {
  const encoded = await encodeSeries({ type: "samples", x: Float64Array.of(1, 2), y: Float64Array.of(3, 4) });
  await assertRejects(() => decodeSeries({ ...encoded, count: 3 }), RangeError, "4 bytes of 3 numbers, expected 6");
});

function bitsOf(numbers: Float64Array): string {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength).toHex();
}

/** Numbers as records have them, and those that are easily lost. */
function randomColumn(random: Random, count: number): Float64Array {
  const range = random.pick([1, 2, 128, 1000, 65_536, 2 ** 24, 2 ** 32, 2 ** 50]);
  const divisor = random.pick([1, 1000, 1_000_000]);
  const gaps = random.pick([0, 3, 20]);
  const doubles = random.oneIn(4);
  return Float64Array.from({ length: count }, () => {
    if (gaps > 0 && random.oneIn(gaps)) return NaN;
    if (doubles) return random.oneIn(3) ? random.pick(DOUBLE_EDGES) : random.double();
    return (random.below(range) - Math.floor(range / 2)) / divisor;
  });
}

Deno.test("encodePlot() has data that two plots share once", async () => {
  const axis = { title: "", unit: "us", scale: "linear" } as const;
  const data = { type: "samples", x: Float64Array.of(1, 2), y: Float64Array.of(3, 4) } as const;
  const series = { name: "a", kind: "points", look: lookOf(0), data } as const;
  const plot = (id: string) =>
    ({ type: "time", id, title: id, caption: "", x: axis, y: axis, series: [{ ...series }] }) as const;
  const known = new Map();
  const encoded = [await encodePlot(plot("one"), known), await encodePlot(plot("two"), known)];
  const [first, second] = encoded.map((plot) => plot.type === "gantt" ? undefined : plot.series[0].data);
  assertEquals(first?.type, "samples");
  assertEquals(second, { type: "shared", plot: "one", series: 0 });
});
