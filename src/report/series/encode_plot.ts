import type { GanttPlot, Series, XYPlot } from "../plot.ts";
import type { EncodedSeries } from "./decode.ts";
import { encodeSeries } from "./encode.ts";

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
 * import { encodePlot } from "./encode_plot.ts";
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
