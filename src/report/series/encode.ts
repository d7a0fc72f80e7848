import type { Buckets, SampleSeries } from "../plot.ts";
import { type ColumnLayout, type EncodedColumns, type EncodedSeries, MEAN_STEPS } from "./decode.ts";

/** What numbers are multiplied by to become whole: units, and those of times in us or ms that are exact to the ns. */
const DIVISORS = [1, 1000, 1_000_000];
/** The largest whole number: a difference of two, folded, is still exact in a double. */
const MAX_WHOLE = 2 ** 50;

/**
 * Encodes the data of a series for a page; `decodeSeries` gives the numbers back.
 *
 * A sample of RTTs that were measured at a steady pace takes about 2 bytes, one of random numbers 5.
 *
 * @example
 * ```ts
 * import { encodeSeries } from "./encode.ts";
 * const rtts = { type: "samples", x: Float64Array.of(0, 1000), y: Float64Array.of(12.345, 12.346) } as const;
 * console.assert((await encodeSeries(rtts)).columns[1].divisor === 1000);
 * ```
 */
export async function encodeSeries(data: SampleSeries | Buckets): Promise<EncodedSeries> {
  if (data.type === "samples") {
    const { x, y, high } = data;
    return { type: "samples", ...await encodeColumns(high === undefined ? [x, y] : [x, y, high]) };
  }
  const { counts, least, greatest } = data;
  const times = data.times.map(Math.round);
  const steps = data.means.map((mean, i) => {
    const range = greatest[i] - least[i];
    return range > 0 ? Math.round((mean - least[i]) / range * MEAN_STEPS) : 0;
  });
  const since = (at: Float64Array) => at.map((time, i) => time - times[i]);
  const columns = [times, counts, steps, least, greatest, since(data.leastAt), since(data.greatestAt)];
  return { type: "buckets", ...await encodeColumns(columns) };
}

/**
 * Encodes columns of numbers.
 *
 * @param columns at least one, all of one length
 */
export async function encodeColumns(columns: readonly Float64Array[]): Promise<EncodedColumns> {
  const layouts: ColumnLayout[] = [];
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const numbers of columns) {
    const divisor = divisorOf(numbers);
    const { planes, bytes } = divisor === undefined ? doublePlanes(numbers) : differencePlanes(numbers, divisor);
    layouts.push({ planes, divisor: divisor ?? 1 });
    parts.push(bytes);
  }
  const stream = new Blob(parts).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const data = new Uint8Array(await new Response(stream).arrayBuffer()).toBase64();
  return { count: columns[0].length, columns: layouts, data };
}

/** The least divisor with which all numbers are exact; undefined where there is none. */
function divisorOf(numbers: Float64Array): number | undefined {
  return DIVISORS.find((divisor) =>
    numbers.every((number) => {
      // No whole number is -0.
      const whole = Math.round(number * divisor) + 0;
      return Number.isNaN(number) || Math.abs(whole) <= MAX_WHOLE && Object.is(whole / divisor, number);
    })
  );
}

/** The planes of a column. */
interface Planes {
  readonly planes: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function differencePlanes(numbers: Float64Array, divisor: number): Planes {
  const folded = new Float64Array(numbers.length);
  let last = 0, greatest = 0;
  for (let i = 0; i < numbers.length; i++) {
    if (Number.isNaN(numbers[i])) continue;
    const whole = Math.round(numbers[i] * divisor);
    const difference = whole - last;
    last = whole;
    folded[i] = difference >= 0 ? 2 * difference + 1 : -2 * difference;
    if (folded[i] > greatest) greatest = folded[i];
  }
  let planes = 0;
  while (greatest >= 2 ** (8 * planes)) planes++;
  const bytes = new Uint8Array(planes * numbers.length);
  for (let plane = 0, at = 0; plane < planes; plane++) {
    const unit = 2 ** (8 * plane);
    for (let i = 0; i < folded.length; i++) bytes[at++] = Math.floor(folded[i] / unit) % 256;
  }
  return { planes, bytes };
}

function doublePlanes(numbers: Float64Array): Planes {
  const interleaved = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  const bytes = new Uint8Array(interleaved.length);
  for (let plane = 0, at = 0; plane < 8; plane++) {
    let last = 0;
    for (let i = plane; i < interleaved.length; i += 8) {
      bytes[at++] = last ^ interleaved[i];
      last = interleaved[i];
    }
  }
  return { planes: 8, bytes };
}
