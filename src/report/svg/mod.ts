/**
 * Plots as SVG: static, with all their looks in attributes, so that they are seen where neither scripts nor style sheets
 * are let through.
 *
 * @module
 */

import { type Html, html } from "../html.ts";
import type { Plot } from "../plot.ts";
import { drawXY, type Size } from "./xy_plot.ts";

export type { Size };

/** Draws a plot. */
export function drawPlot(plot: Plot, size: Size): Html {
  switch (plot.type) {
    case "time":
    case "xy":
      return drawXY(plot, size);
    default:
      return html``;
  }
}
