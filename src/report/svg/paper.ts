import { type Html, html } from "../html.ts";
import type { Look, Plot, SeriesKind } from "../plot.ts";
import { boxSize, drawBoxes } from "./box_plot.ts";
import { areaOf, type DrawingSize, FONT, px, stroke, TEXT } from "./drawing.ts";
import { drawGantt, ganttSize } from "./gantt.ts";
import { drawXY } from "./xy_plot.ts";

/** At the width of a column of a paper, 84 mm, text of 12 units is 7 points high. */
const WIDTH = 420;
const HEIGHT = 250;
/** Gantt charts have more text. */
const GANTT_WIDTH = 640;
/** Pixels of the document a unit of the drawing. */
const SCALE = 2;
const TITLE_HEIGHT = 22;
const LEGEND_ROW = 18;
const SWATCH = 22;
/** How legends show lines and bands. */
const LINE = { width: 2.5 };
const BAND = { width: 9, opacity: 0.25, solid: true };
/** About what a character takes. */
const CHARACTER = 6.4;
const MAX_NAME = 40;

/**
 * Draws a plot for a paper: a document by itself, on white, with its legend.
 *
 * @param title above it; none by default, since papers have captions
 */
export function drawForPaper(plot: Plot, title?: string): Html {
  const size = sizeOf(plot);
  const { left, width } = areaOf(size);
  const rows = plot.type === "box" || plot.type === "gantt" ? [] : legendRows(entriesOf(plot), width);
  const top = title === undefined ? 0 : TITLE_HEIGHT;
  const height = top + size.height + rows.length * LEGEND_ROW + (rows.length > 0 ? 8 : 0);
  return html`
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" width="${size.width *
      SCALE}" height="${height * SCALE}"
      font-family="${FONT}" font-size="12">
    <title>${title ?? plot.title}</title>
    <desc>${plot.caption}</desc>
    <rect width="${size.width}" height="${height}" fill="#ffffff"/>
    ${title !== undefined &&
      html`<text x="${left}" y="16" font-size="13" font-weight="600" fill="${TEXT}">${title}</text>`}
    <svg y="${top}" width="${size.width}" height="${size.height}">${draw(plot, size)}</svg>
    ${rows.map((row, i) =>
      row.map(({ name, kind, look, x }) => {
        const y = top + size.height + 10 + i * LEGEND_ROW;
        return html`${stroke(look, `M${px(left + x)} ${y}h${SWATCH}`, kind === "band" ? BAND : LINE)}<text x="${
          px(
            left + x + SWATCH + 6,
          )
        }" y="${y + 4}" fill="${TEXT}">${name}</text>`;
      })
    )}
    </svg>
  `;
}

function sizeOf(plot: Plot): DrawingSize {
  if (plot.type === "box") return boxSize(plot, WIDTH);
  if (plot.type === "gantt") return ganttSize(plot, GANTT_WIDTH);
  return { width: WIDTH, height: HEIGHT };
}

function draw(plot: Plot, size: DrawingSize): Html {
  if (plot.type === "box") return drawBoxes(plot, size);
  if (plot.type === "gantt") return drawGantt(plot, size);
  return drawXY(plot, size);
}

interface Entry {
  readonly name: string;
  readonly kind: SeriesKind;
  readonly look: Look;
}

/** Each line once; marks and bands go with theirs. */
function entriesOf(plot: Extract<Plot, { type: "time" | "xy" }>): Entry[] {
  const lines = plot.series.filter(({ kind, hidden }) => kind !== "ticks" && !hidden);
  return lines.filter(({ kind, flow }) =>
    kind !== "band" ||
    !lines.some((line) => line !== undefined && line.kind !== "band" && line.flow === flow && flow !== undefined)
  );
}

/** Puts entries into rows that are no wider than the plot. */
function legendRows(entries: readonly Entry[], width: number): (Entry & { x: number })[][] {
  const rows: (Entry & { x: number })[][] = [];
  let x = Infinity;
  for (const { name: whole, kind, look } of entries) {
    const characters = [...whole];
    const name = characters.length > MAX_NAME ? `${characters.slice(0, MAX_NAME - 1).join("")}…` : whole;
    const length = SWATCH + 6 + Math.min(MAX_NAME, characters.length) * CHARACTER + 16;
    if (x + length > width) {
      rows.push([]);
      x = 0;
    }
    rows.at(-1)!.push({ name, kind, look, x });
    x += length;
  }
  return rows;
}
