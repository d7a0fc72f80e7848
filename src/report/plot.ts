/**
 * Plots as data: what is drawn as SVG into the page, and what the page's script draws anew when the reader zooms.
 *
 * @module
 */

/** How values of an axis become places on it. */
export type Scale =
  /** Evenly. */
  | "linear"
  /** By their logarithm. */
  | "log"
  /** Of shares from 0 to 1: by the logarithm of what is missing to 1, so that the tail of a distribution is seen. */
  | "tail";

/** What the values of an axis are. Texts with a prefix, such as `ms` or `Mbit/s`, are made when it is drawn. */
export type PlotUnit = "us" | "s" | "bit/s" | "byte" | "packet" | "segment" | "share" | "";

/** An axis of a plot. */
export interface Axis {
  /** A few words: `RTT`. */
  readonly title: string;
  readonly unit: PlotUnit;
  readonly scale: Scale;
  /** Its ends, where they do not follow from the values. */
  readonly min?: number;
  readonly max?: number;
}

/** Values by themselves, in the order of `x`. */
export interface SampleSeries {
  readonly type: "samples";
  /** Places on the x axis; of a plot over time, microseconds since the start of the test. */
  readonly x: Float64Array;
  /** In the unit of the y axis. NaN is a gap. */
  readonly y: Float64Array;
  /** Of a band, its upper edge; `y` is its lower one. */
  readonly high?: Float64Array;
}

/** Values that are too many for the page, in buckets of time. Extremes are exact. */
export interface Buckets {
  readonly type: "buckets";
  /** The number of values of each; at least 1. */
  readonly counts: Float64Array;
  /** The mean of the values, and the mean of their times in microseconds since the start of the test. */
  readonly means: Float64Array;
  readonly times: Float64Array;
  /** The least and the greatest value, and when they were. */
  readonly least: Float64Array;
  readonly leastAt: Float64Array;
  readonly greatest: Float64Array;
  readonly greatestAt: Float64Array;
}

/** What is drawn of a series. */
export type SeriesKind =
  /** Of many samples, a bar from the least to the greatest a pixel column, and the line of their means. */
  | "points"
  /** A dot for each sample, as in a scatter plot. */
  | "dots"
  /** A line from sample to sample. */
  | "line"
  /** A value holds until the next one. */
  | "steps"
  /** A short mark at the edge of the plot; `y` is of no meaning. */
  | "ticks"
  /** The area between `y` and `high`. */
  | "band";

/** How a series looks: the same flow looks alike in all plots of a page. */
export interface Look {
  /** Index of a colour, 0 to 7; see {@linkcode COLORS}. */
  readonly color: number;
  /** Index of a dash pattern, 0 (solid) to 4; see {@linkcode DASHES}. */
  readonly dash: number;
}

/** A line of a plot. */
export interface Series {
  /** As the legend has it. */
  readonly name: string;
  /** The name of its flow in legends, by which it is filtered; absent where it is of none. */
  readonly flow?: string;
  readonly kind: SeriesKind;
  readonly look: Look;
  readonly data: SampleSeries | Buckets;
  /** Whether it is drawn only where the reader asks for its flow: in plots of many flows. */
  readonly hidden?: boolean;
  /** What values of `y` are whole multiples of, such as 0.001 for nanoseconds in microseconds; absent: any numbers. */
  readonly step?: number;
}

/** What all plots have. */
interface PlotHead {
  /** Its name on the command line and in the page: `rtt`. */
  readonly id: string;
  readonly title: string;
  /** What it shows and with which figures, in words: a sentence or two. */
  readonly caption: string;
}

/** A part of the x axis that is shaded, with a word. */
export interface Shade {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Makes one shade of those with one word that overlap. */
export function joinedShades(shades: readonly Shade[]): Shade[] {
  const joined: { from: number; to: number; readonly text: string }[] = [];
  for (const shade of shades.toSorted((a, b) => a.from - b.from)) {
    const before = joined.find(({ text, to }) => text === shade.text && shade.from <= to);
    if (before === undefined) joined.push({ ...shade });
    else before.to = Math.max(before.to, shade.to);
  }
  return joined;
}

/** Series over time, or over another quantity. */
export interface XYPlot extends PlotHead {
  /** Plots over time share their x axis: to zoom one is to zoom all. */
  readonly type: "time" | "xy";
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** Behind the series. */
  readonly shades?: readonly Shade[];
}

/** The values of a distribution that a box shows. */
export interface Box {
  readonly name: string;
  readonly flow?: string;
  readonly look: Look;
  readonly min: number;
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly p99: number;
  readonly max: number;
  readonly mean: number;
}

/** A box a flow, side by side. */
export interface BoxPlot extends PlotHead {
  readonly type: "box";
  readonly y: Axis;
  readonly boxes: readonly Box[];
}

/** A run of the tree. */
export interface Span {
  readonly name: string;
  readonly node: string;
  /** Its place in the plan. */
  readonly path: string;
  /** How deep in the tree it is, from 0. */
  readonly depth: number;
  /** Microseconds since the start of the test. */
  readonly start: number;
  /** Absent where it had not ended when the records did. */
  readonly end?: number;
  readonly error?: string;
  /** That of the flow that it ran, if it ran one. */
  readonly look?: Look;
}

/** Runs over time, one below the other. */
export interface GanttPlot extends PlotHead {
  readonly type: "gantt";
  readonly x: Axis;
  readonly spans: readonly Span[];
}

/** A plot of any type. */
export type Plot = XYPlot | BoxPlot | GanttPlot;

/** The colours of Okabe and Ito, which people with any colour vision tell apart; black is left to text and axes. */
export const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f6a00", "#6b6b6b"] as const;

/** Dash patterns, so that series differ without colour too. */
export const DASHES = ["", "6 3", "2 3", "8 3 2 3", "12 4"] as const;

/**
 * Returns how the flow of an index looks: with the colours first, then with the same colours dashed.
 *
 * @example
 * ```ts
 * import { lookOf } from "./plot.ts";
 * console.assert(lookOf(0).dash === 0 && lookOf(8).color === 0 && lookOf(8).dash === 1);
 * ```
 */
export function lookOf(index: number): Look {
  return { color: index % COLORS.length, dash: Math.floor(index / COLORS.length) % DASHES.length };
}

/** The names of all plots, as the command line and the page have them. */
export const PLOT_IDS = [
  "gantt",
  "goodput",
  "rtt",
  "latency",
  "queues",
  "delays",
  "cwnd",
  "lateness",
  "rtt-cdf",
  "box",
  "completion-cdf",
  "completion-size",
] as const;

/** The name of a plot. */
export type PlotId = typeof PLOT_IDS[number];
