import type { Buckets, SampleSeries } from "../plot.ts";

/** What the pixel columns of a plot cover of a series. */
export interface Envelope {
  /** The number of values of each. */
  readonly counts: Float64Array;
  readonly least: Float64Array;
  readonly greatest: Float64Array;
  readonly sums: Float64Array;
}

/**
 * Finds what each pixel column covers: nothing is thinned, so that a spike of one sample has a place.
 *
 * @param data values by time
 * @param min and `max`: the ends of the x axis
 * @param columns how many there are
 *
 * @example
 * ```ts
 * import { envelopeOf } from "./envelope.ts";
 * const data = { type: "samples", x: Float64Array.of(0, 1, 9), y: Float64Array.of(5, 7, 6) } as const;
 * const { least, greatest, counts } = envelopeOf(data, 0, 10, 2);
 * console.assert(least[0] === 5 && greatest[0] === 7 && counts[1] === 1);
 * ```
 */
export function envelopeOf(data: SampleSeries | Buckets, min: number, max: number, columns: number): Envelope {
  const counts = new Float64Array(columns);
  const least = new Float64Array(columns).fill(Infinity);
  const greatest = new Float64Array(columns).fill(-Infinity);
  const sums = new Float64Array(columns);
  const perUnit = columns / (max - min);
  const columnOf = (x: number) => {
    const column = Math.floor((x - min) * perUnit);
    return column === columns && x <= max ? columns - 1 : column;
  };
  if (data.type === "samples") {
    const { x, y } = data;
    const { from, to } = indexRange(x, min, max);
    for (let i = from; i < to; i++) {
      const column = columnOf(x[i]), value = y[i];
      if (!(column >= 0 && column < columns) || Number.isNaN(value)) continue;
      counts[column]++;
      sums[column] += value;
      if (value < least[column]) least[column] = value;
      if (value > greatest[column]) greatest[column] = value;
    }
    return { counts, least, greatest, sums };
  }
  const { from, to } = indexRange(data.times, min, max);
  // The extremes of the buckets beside them may lie within.
  for (let i = Math.max(0, from - 1); i < Math.min(to + 1, data.counts.length); i++) {
    const column = columnOf(data.times[i]);
    if (column >= 0 && column < columns) {
      counts[column] += data.counts[i];
      sums[column] += data.means[i] * data.counts[i];
    }
    // Extremes are where they were, which may be in a neighbouring column.
    const low = columnOf(data.leastAt[i]), high = columnOf(data.greatestAt[i]);
    if (low >= 0 && low < columns && data.least[i] < least[low]) least[low] = data.least[i];
    if (high >= 0 && high < columns && data.greatest[i] > greatest[high]) greatest[high] = data.greatest[i];
    for (const at of [low, high]) {
      if (!(at >= 0 && at < columns)) continue;
      least[at] = Math.min(least[at], at === low ? data.least[i] : data.greatest[i]);
      greatest[at] = Math.max(greatest[at], at === high ? data.greatest[i] : data.least[i]);
    }
  }
  return { counts, least, greatest, sums };
}

/**
 * Finds the values from `min` to `max`, both included.
 *
 * @param places of values on the x axis, ascending
 * @returns their indices: from `from`, before `to`
 */
export function indexRange(places: Float64Array, min: number, max: number): { from: number; to: number } {
  return { from: indexAt(places, (place) => place >= min), to: indexAt(places, (place) => place > max) };
}

/** The index of the first place from which on something holds. */
function indexAt(places: Float64Array, holds: (place: number) => boolean): number {
  let low = 0, high = places.length;
  while (low < high) {
    const middle = low + high >> 1;
    if (holds(places[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
