import type { Buckets, GanttPlot, SampleSeries, Series, XYPlot } from "../plot.ts";
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

/** Where the data of a series stands that another plot of the page has as well. */
export interface SharedSeries {
  readonly type: "shared";
  /** The id of the plot. */
  readonly plot: string;
  /** The index of the series in it. */
  readonly series: number;
}

/** A series of a plot, as it stands in a page. */
export interface SeriesOfPage extends Omit<Series, "data"> {
  readonly data: EncodedSeries | SharedSeries;
}

/** A plot as it stands in a page, for the script that draws it anew. */
export type PlotOfPage = (Omit<XYPlot, "series"> & { readonly series: readonly SeriesOfPage[] }) | GanttPlot;

/**
 * Makes what the script of a page draws a plot from: JSON for a script element whose type is `application/json` and
 * whose id is `data-` and the id of the plot.
 *
 * @example
 * ```ts
 * import { encodePlot } from "./encode.ts";
 * const axis = { title: "time", unit: "us", scale: "linear" } as const;
 * const plot = { type: "time", id: "rtt", title: "RTT", caption: "None.", x: axis, y: axis, series: [] } as const;
 * console.assert((await encodePlot(plot)).id === "rtt");
 * ```
 *
 * @param known where data stands already; what is encoded here is added
 */
export async function encodePlot(
  plot: XYPlot | GanttPlot,
  known: Map<Series["data"], SharedSeries> = new Map(),
): Promise<PlotOfPage> {
  if (plot.type === "gantt") return plot;
  const series: SeriesOfPage[] = [];
  // One after the other: compressors of all series at once would take much memory.
  for (const [i, each] of plot.series.entries()) {
    const shared = known.get(each.data);
    if (shared === undefined) known.set(each.data, { type: "shared", plot: plot.id, series: i });
    series.push({ ...each, data: shared ?? await encodeSeries(each.data) });
  }
  return { ...plot, series };
}
