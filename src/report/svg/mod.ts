/**
 * Plots as SVG: static, with all their looks in attributes, so that they are seen where neither scripts nor style sheets
 * are let through.
 *
 * @module
 */

import type { Html } from "../html.ts";
import type { Plot } from "../plot.ts";
import { boxSize, drawBoxes } from "./box_plot.ts";
import { drawGantt, ganttSize } from "./gantt.ts";
import { drawXY } from "./xy_plot.ts";

export { bandSwatch, swatch } from "./drawing.ts";
export { drawForPaper } from "./paper.ts";
export { sparkline } from "./sparkline.ts";

/**
 * Draws a plot.
 *
 * @param width in pixels
 * @param height in pixels; of plots with rows it follows from these
 */
export function drawPlot(plot: Plot, width: number, height: number): Html {
  switch (plot.type) {
    case "box":
      return drawBoxes(plot, boxSize(plot, width));
    case "gantt":
      return drawGantt(plot, ganttSize(plot, width));
    default:
      return drawXY(plot, { width, height });
  }
}
