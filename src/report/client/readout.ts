import type { PlotUnit, SampleSeries, Series } from "../plot.ts";
import { unitFor } from "../svg/axis.ts";
import { indexRange } from "../svg/envelope.ts";

/** What a series has at a place. */
export interface Reading {
  /** The value, or those between two places, as text. */
  readonly text: string;
  /** The value, or the mean of several; NaN for events. */
  readonly value: number;
  /** When it was, of one sample: its place on the x axis. */
  readonly at?: number;
}

/** Values of a series, taken together. */
interface Together {
  readonly count: number;
  readonly least: number;
  readonly greatest: number;
  readonly mean: number;
}

/**
 * Reads what a series has between two places on its x axis: of one sample its value, exactly as it was recorded; of
 * several the least, the greatest and their mean.
 *
 * @param min and `max`: the places, in the unit of the x axis
 * @param unit of the values
 * @returns undefined where the series has nothing there
 */
export function readSeries({ data, kind }: Series, min: number, max: number, unit: PlotUnit): Reading | undefined {
  const places = data.type === "samples" ? data.x : data.times;
  const { from, to } = indexRange(places, min, max);
  if (kind === "ticks") return from < to ? { text: grouped(to - from), value: NaN } : undefined;
  if (data.type === "samples" && data.high !== undefined) return readBand(data, data.high, from, to, unit);
  // A step holds until the next one.
  const first = kind === "steps" && from === to ? from - 1 : from;
  const read = data.type === "samples"
    ? together(first, to, data.y, data.y, data.y)
    : together(first, to, data.least, data.greatest, data.means, data.counts);
  if (read === undefined) return undefined;
  const { count, least, greatest, mean } = read;
  if (count === 1) {
    let i = first;
    while (!(data.type === "samples" ? data.y : data.means)[i]) i++;
    return { text: exactText(least, unit), value: least, at: places[i] };
  }
  const text = `${exactText(least, unit)} to ${exactText(greatest, unit)}, mean ${roundText(mean, unit)} of ${
    grouped(count)
  }`;
  return { text, value: mean };
}

/** Reads the sample of a series that is nearest to a place, unless it is further away than `reach`. */
export function readNearest(series: Series, at: number, reach: number, unit: PlotUnit): Reading | undefined {
  const places = series.data.type === "samples" ? series.data.x : series.data.times;
  const { from } = indexRange(places, at, Infinity);
  const before = at - places[from - 1], behind = places[from] - at;
  const place = !(before > behind) && before <= reach ? places[from - 1] : behind <= reach ? places[from] : undefined;
  return place === undefined ? undefined : readSeries(series, place, place, unit);
}

function readBand(
  { y }: SampleSeries,
  high: Float64Array,
  from: number,
  to: number,
  unit: PlotUnit,
): Reading | undefined {
  const read = together(from, to, y, high, y);
  if (read === undefined) return undefined;
  const { least, greatest } = read;
  return { text: `${exactText(least, unit)} to ${exactText(greatest, unit)}`, value: (least + greatest) / 2 };
}

function together(
  from: number,
  to: number,
  low: Float64Array,
  high: Float64Array,
  means: Float64Array,
  counts?: Float64Array,
): Together | undefined {
  let count = 0, least = Infinity, greatest = -Infinity, sum = 0;
  for (let i = Math.max(0, from); i < to; i++) {
    if (Number.isNaN(low[i])) continue;
    const each = counts?.[i] ?? 1;
    count += each;
    sum += means[i] * each;
    least = Math.min(least, low[i]);
    greatest = Math.max(greatest, high[i]);
  }
  return count === 0 ? undefined : { count, least, greatest, mean: sum / count };
}

/**
 * Writes a value with all digits that records have: times to the nanosecond, rates and sizes to the bit and the byte.
 *
 * @example
 * ```ts
 * import { exactText } from "./readout.ts";
 * console.assert(exactText(12345.678, "us") === "12.345678 ms");
 * ```
 */
export function exactText(value: number, unit: PlotUnit): string {
  const [name, factor] = unitFor(unit, Math.abs(value));
  const digits = Math.max(0, Math.round(Math.log10(factor))) + 3;
  return withUnit(Number((value / factor).toFixed(Math.min(digits, 15))).toString(), name);
}

function roundText(value: number, unit: PlotUnit): string {
  const [name, factor] = unitFor(unit, Math.abs(value));
  return withUnit(Number((value / factor).toPrecision(4)).toString(), name);
}

function withUnit(text: string, unit: string): string {
  return unit === "" ? text : `${text}\u00a0${unit}`;
}

/** Writes a count with its thousands apart. */
function grouped(count: number): string {
  return count.toLocaleString("en");
}
