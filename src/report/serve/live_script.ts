import live from "../client/live.ts" with { type: "text" };
import html from "../html.ts" with { type: "text" };
import { linkModules } from "../page_script.ts";
import plot from "../plot.ts" with { type: "text" };
import axis from "../svg/axis.ts" with { type: "text" };
import drawing from "../svg/drawing.ts" with { type: "text" };
import envelope from "../svg/envelope.ts" with { type: "text" };
import xyPlot from "../svg/xy_plot.ts" with { type: "text" };
import growingBuckets from "./growing_buckets.ts" with { type: "text" };

/** Returns the script of a page that follows a run: it draws plots with the code that draws those of the final page. */
export function liveScript(): string {
  return linkModules([
    ["html.ts", html],
    ["plot.ts", plot],
    ["svg/axis.ts", axis],
    ["svg/drawing.ts", drawing],
    ["svg/envelope.ts", envelope],
    ["svg/xy_plot.ts", xyPlot],
    ["serve/growing_buckets.ts", growingBuckets],
    ["client/live.ts", live],
  ]);
}
