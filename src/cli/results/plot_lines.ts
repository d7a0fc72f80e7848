import { cutToWidth, textWidth, wrap } from "../../base/text.ts";
import type { Box, BoxPlot, GanttPlot, Plot } from "../../report/plot.ts";
import { type DrawnAxis, layOutAxis } from "../../report/svg/axis.ts";
import { escape } from "../terminal.ts";
import { curveLines, FlowLetters } from "./curve_lines.ts";
import { bottomAxis, Pen, type PlotScreen } from "./plot_pen.ts";

/** More rows of boxes or runs do not fit a glance. */
const MAX_BARS = 40;
/** Names take at most this share of the width beside bars. */
const NAME_SHARE = 0.35;
/**
 * Draws a plot in a terminal. Of what a column covers, all from the least to the greatest value is drawn, so that a
 * spike of one sample is seen.
 *
 * @param plot the plot
 * @param screen what it is drawn on
 * @param letters those of the plots beside it
 * @returns lines that fit the width
 */
export function plotLines(plot: Plot, screen: PlotScreen, letters: FlowLetters = new FlowLetters()): string[] {
  const pen = new Pen(screen);
  const caption = wrap(escape(plot.caption), screen.width)
    .map((line) => pen.dim(cutToWidth(line, screen.width)));
  switch (plot.type) {
    case "box":
      return [...boxLines(plot, screen, pen), ...caption];
    case "gantt":
      return [...ganttLines(plot, screen, pen), ...caption];
    default:
      return [...curveLines(plot, screen, pen, letters), ...caption];
  }
}

/** Boxes of flows, one below the other: least, quartiles, median, 99th percentile, and greatest. */
function boxLines({ title, y: axis, boxes }: BoxPlot, { width }: PlotScreen, pen: Pen): string[] {
  if (boxes.length === 0) return [pen.title(title, ""), "  nothing was measured"];
  const shown = boxes.slice(0, MAX_BARS);
  const [names, margin] = namesBeside(shown.map(({ name }) => name), width);
  const columns = width - margin - 1;
  const x = layOutAxis(
    axis,
    Math.min(...shown.map(({ min }) => min)),
    Math.max(...shown.map(({ max }) => max)),
    Math.max(2, Math.floor(columns / 12)),
  );
  const lines = shown.map((box, i) =>
    `${names[i]}${pen.glyphs.left}${pen.colour(boxLine(box, x, columns, pen), box.look.color)}`
  );
  const { boxStart, box, boxMiddle, boxEnd, loss } = pen.glyphs;
  return [
    pen.title(title, ""),
    ...lines,
    ...moreLine(boxes.length - shown.length, pen),
    ...bottomAxis(x, columns, margin, axis.title, pen),
    pen.dim(`  ${boxStart} least  ${box} quartiles  ${boxMiddle} median  ${boxEnd} p99  ${loss} greatest`),
  ];
}

function boxLine({ min, q1, median, q3, p99, max }: Box, x: DrawnAxis, columns: number, { glyphs }: Pen): string {
  const at = (value: number) => Math.min(columns - 1, Math.max(0, Math.round(x.place(value) * (columns - 1))));
  const cells = new Array<string>(columns).fill(" ");
  for (let i = at(min); i <= at(p99); i++) cells[i] = glyphs.boxLine;
  cells[at(max)] = glyphs.loss;
  cells[at(p99)] = glyphs.boxEnd;
  cells[at(min)] = glyphs.boxStart;
  for (let i = at(q1); i <= at(q3); i++) cells[i] = glyphs.box;
  cells[at(median)] = glyphs.boxMiddle;
  return cells.join("").trimEnd();
}

/** Runs over time, one below the other. */
function ganttLines({ title, x: axis, spans }: GanttPlot, { width }: PlotScreen, pen: Pen): string[] {
  if (spans.length === 0) return [pen.title(title, ""), "  nothing was run"];
  const shown = spans.slice(0, MAX_BARS);
  const [names, margin] = namesBeside(shown.map(({ name, depth }) => "  ".repeat(depth) + name), width);
  const columns = width - margin - 1;
  const last = Math.max(...spans.map(({ start, end = start }) => end));
  const x = layOutAxis(axis, 0, last, Math.max(2, Math.floor(columns / 12)));
  const at = (value: number) => Math.min(columns - 1, Math.max(0, Math.floor(x.place(value) * columns)));
  const lines = shown.map(({ start, end = last, error }, i) => {
    const bar = pen.glyphs.run.repeat(at(end) - at(start) + 1);
    const text = `${names[i]}${pen.glyphs.left}${" ".repeat(at(start))}`;
    return text + pen.colour(bar, error === undefined ? 0 : 1);
  });
  return [
    pen.title(title, ""),
    ...lines,
    ...moreLine(spans.length - shown.length, pen),
    ...bottomAxis(x, columns, margin, axis.title, pen),
  ];
}

function moreLine(more: number, pen: Pen): string[] {
  return more > 0 ? [pen.dim(`  +${more} more`)] : [];
}

/** Names of one width. */
function namesBeside(names: readonly string[], width: number): [names: string[], margin: number] {
  const cut = names.map((name) => cutToWidth(escape(name), Math.floor(width * NAME_SHARE)));
  const margin = Math.max(...cut.map(textWidth)) + 1;
  return [cut.map((name) => name + " ".repeat(margin - textWidth(name))), margin];
}
