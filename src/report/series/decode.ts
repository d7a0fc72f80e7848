/**
 * The form of series in a page, and how the page reads it.
 *
 * The numbers of a column are close to their neighbours, so each is the difference to the one before, folded: 0 stands
 * for no number (NaN), 2d + 1 for a difference d from 0 on, and -2d for one below. A column is laid out in byte planes:
 * the lowest bytes of all numbers, then the next ones. All planes together are compressed by DEFLATE without a header
 * (RFC 1951), which finds the high planes empty, and written in base64 (RFC 4648).
 *
 * @module
 */

import type { Buckets, SampleSeries } from "../plot.ts";

/** How the numbers of a column are laid out. */
export interface ColumnLayout {
  /** Bytes of a number, 0 to 7; 8: the bits of doubles, each XORed with those before. */
  readonly planes: number;
  /** What the whole numbers of the column are divided by. */
  readonly divisor: number;
}

/** Columns of one length, as they stand in a page. */
export interface EncodedColumns {
  /** Numbers in each column. */
  readonly count: number;
  readonly columns: readonly ColumnLayout[];
  /** Base64 of the compressed planes. */
  readonly data: string;
}

/** The data of a series as it stands in a page. */
export interface EncodedSeries extends EncodedColumns {
  readonly type: "samples" | "buckets";
}

/** Steps from the least to the greatest value of a bucket in which its mean is stored. */
export const MEAN_STEPS = 65_535;

/**
 * Decodes the data of a series. The means of buckets are exact to 1/131070 of the distance from the least to the
 * greatest value, and their times to the microsecond; all other numbers are those that were encoded.
 *
 * @throws {RangeError} if there are more or fewer bytes than the layout says
 *
 * @example
 * ```ts
 * import { decodeSeries } from "./decode.ts";
 * import { encodeSeries } from "./encode.ts";
 * const samples = { type: "samples", x: Float64Array.of(0, 10), y: Float64Array.of(1.5, 2) } as const;
 * const decoded = await decodeSeries(await encodeSeries(samples));
 * console.assert(decoded.type === "samples" && decoded.y[1] === 2);
 * ```
 */
export async function decodeSeries(encoded: EncodedSeries): Promise<SampleSeries | Buckets> {
  const columns = await decodeColumns(encoded);
  if (encoded.type === "samples") {
    const [x, y, high] = columns;
    return { type: "samples", x, y, high };
  }
  const [times, counts, means, least, greatest, leastAt, greatestAt] = columns;
  for (let i = 0; i < encoded.count; i++) {
    means[i] = Math.min(greatest[i], least[i] + (greatest[i] - least[i]) * means[i] / MEAN_STEPS);
    leastAt[i] += times[i];
    greatestAt[i] += times[i];
  }
  return { type: "buckets", times, counts, means, least, greatest, leastAt, greatestAt };
}

/**
 * Decodes columns.
 *
 * @throws {RangeError} if there are more or fewer bytes than the layout says
 */
export async function decodeColumns({ count, columns, data }: EncodedColumns): Promise<Float64Array[]> {
  const stream = new Blob([fromBase64(data)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = columns.reduce((sum, { planes }) => sum + planes * count, 0);
  if (bytes.length !== length) throw new RangeError(`${bytes.length} bytes of ${count} numbers, expected ${length}`);
  let at = 0;
  return columns.map(({ planes, divisor }) => {
    const column = bytes.subarray(at, at += planes * count);
    return planes === 8 ? readDoubles(column, count) : readDifferences(column, count, planes, divisor);
  });
}

function fromBase64(data: string): Uint8Array<ArrayBuffer> {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function readDifferences(bytes: Uint8Array, count: number, planes: number, divisor: number): Float64Array {
  const numbers = new Float64Array(count);
  // Operators on bits are fast, and know 32 of them.
  const low = Math.min(planes, 3);
  let last = 0;
  for (let i = 0; i < count; i++) {
    let folded = 0;
    for (let plane = 0, at = i; plane < low; plane++, at += count) folded |= bytes[at] << 8 * plane;
    const odd = folded & 1;
    for (let plane = 3, at = i + 3 * count; plane < planes; plane++, at += count) {
      folded += bytes[at] * 2 ** (8 * plane);
    }
    if (folded === 0) {
      numbers[i] = NaN;
    } else {
      last += odd ? (folded - 1) / 2 : -folded / 2;
      numbers[i] = last / divisor;
    }
  }
  return numbers;
}

function readDoubles(bytes: Uint8Array, count: number): Float64Array {
  const interleaved = new Uint8Array(8 * count);
  for (let plane = 0, at = 0; plane < 8; plane++) {
    let last = 0;
    for (let i = 0; i < count; i++) interleaved[8 * i + plane] = last ^= bytes[at++];
  }
  return new Float64Array(interleaved.buffer);
}
