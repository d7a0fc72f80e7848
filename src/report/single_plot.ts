import { nearest } from "../base/nearest.ts";
import { TineError } from "../base/errors.ts";
import { type Plot, PLOT_IDS, type PlotId } from "./plot.ts";
import { readTestReport } from "./test_report.ts";
import { overlay } from "./overlay.ts";
import type { ReportedTest } from "./make_pages.ts";
import { drawForPaper } from "./svg/mod.ts";

/** How a plot by itself is made. */
export interface SinglePlotOptions {
  readonly title?: string;
}

/**
 * Draws one plot of a test, or of several that are laid over each other, as an SVG document by itself.
 *
 * @param tests the base first
 * @param id of the plot: one of {@linkcode PLOT_IDS}, or `udf.` and a name
 * @throws {TineError} `unknown-plot`; `no-plot`, if there is nothing to draw; those of reading results
 */
export async function singlePlot(
  tests: readonly ReportedTest[],
  id: string,
  { title }: SinglePlotOptions = {},
): Promise<string> {
  if (!PLOT_IDS.includes(id as PlotId) && !id.startsWith("udf.")) {
    const near = nearest(id, PLOT_IDS);
    const hint = near === undefined ? `expected one of ${PLOT_IDS.join(", ")}` : `did you mean ${near}?`;
    throw new TineError("unknown-plot", `there is no plot "${id}": ${hint}`);
  }
  const only = new Set([id]);
  const reports = [];
  for (const { test, run } of tests) reports.push(await readTestReport(test, { run, only }));
  const { timePlots, distributions } = reports.length === 1 ? reports[0] : overlay(reports);
  const all: Plot[] = [...timePlots, ...distributions];
  const plot = all.find((plot) => plot.id === id) ?? all.find((plot) => plot.id.startsWith(`${id}.`));
  if (plot === undefined) {
    const problem = reports.flatMap(({ problems }) => problems)[0];
    throw new TineError("no-plot", problem ?? `${tests[0].test.path} has nothing to draw for the plot ${id}`);
  }
  return drawForPaper(plot, title).text;
}
