import { cutToWidth, textWidth } from "../../base/text.ts";
import type { SampleSeries, Series, XYPlot } from "../../report/plot.ts";
import { type DrawnAxis, layOutAxis } from "../../report/svg/axis.ts";
import { envelopeOf } from "../../report/svg/envelope.ts";
import { escape } from "../terminal.ts";
import { type Cell, DotCanvas } from "./dot_canvas.ts";
import { bottomAxis, type Pen, type PlotScreen } from "./plot_pen.ts";

/** Rows of a plot, without what is written around it. */
const ROWS = 12;
/** Steps between ticks of the y axis, at most. */
const TICKS = 6;
/** Cells between letters on a curve. */
const MARK_EVERY = 14;

/** Draws series over an x axis. */
export function curveLines(
  { series: all, ...plot }: XYPlot,
  screen: PlotScreen,
  pen: Pen,
  letters: FlowLetters,
): string[] {
  const shown = all.filter(({ hidden }) => !hidden);
  const named = shown.map((series) => letters.of(series));
  const range = rangeOf(shown);
  if (range === undefined) return [pen.title(plot.title, ""), "  nothing was measured"];
  const y = layOutAxis(plot.y, range.y.least, range.y.greatest, TICKS);
  // The row that has the dot of the value.
  const dots = screen.unicode ? 4 : 1;
  const labels = y.ticks.map(({ value, text }) => ({ row: Math.floor(rowOf(y, value, ROWS * dots) / dots), text }));
  const margin = Math.max(...labels.map(({ text }) => text.length)) + 1;
  const columns = Math.max(8, screen.width - margin - 1);
  const x = layOutAxis(plot.x, range.x.least, range.x.greatest, Math.max(2, Math.floor(columns / 12)));
  const canvas = new DotCanvas(columns, ROWS, screen.unicode);
  // The first ones are drawn last, over the others; areas lie behind all curves.
  const order = [...shown.keys()].toReversed();
  for (const i of order) if (shown[i].kind === "band") drawBand(canvas, shown[i], i, x, y);
  for (const i of order) drawCurve(canvas, shown[i], i, x, y, markOf(shown[i], named[i], pen));
  const rows = canvas.rows((i) => shown[i].kind === "band" ? pen.glyphs.band : named[i]);
  const body = rows.map((cells, row) => {
    const label = labels.find((label) => label.row === row);
    const { left, leftTick } = pen.glyphs;
    const drawn = runsOf(cells).map(({ text, series }) => {
      if (series === undefined) return text;
      const { look, kind } = shown[series];
      return pen.colour(text, look.color, kind === "band");
    });
    return `${(label?.text ?? "").padStart(margin)}${label === undefined ? left : leftTick}${drawn.join("")}`.trimEnd();
  });
  return [
    pen.title(plot.title, y.unit),
    ...body,
    ...bottomAxis(x, columns, margin, plot.x.title, pen, lossesOf(shown, x, columns)),
    ...legend(shown, named, screen.width, pen),
  ];
}

/** Joins neighbours of one series. */
function runsOf(cells: readonly Cell[]): Cell[] {
  const runs: Cell[] = [];
  for (const cell of cells) {
    const last = runs.at(-1);
    if (last !== undefined && last.series === cell.series) {
      runs[runs.length - 1] = { ...last, text: last.text + cell.text };
    } else runs.push(cell);
  }
  return runs;
}

/** Letters of flows: what is of a flow and looks alike has the same one in all plots of a test. */
export class FlowLetters {
  readonly #given = new Map<string, string>();

  /** Returns the letter of a series. */
  of({ flow, name, look }: Series): string {
    const key = JSON.stringify([flow ?? name, look.color, look.dash]);
    const known = this.#given.get(key);
    if (known !== undefined) return known;
    const index = this.#given.size;
    const letter = String.fromCharCode((index < 26 ? 97 : 65) + index % 26);
    this.#given.set(key, letter);
    return letter;
  }
}

/** The letter on the curve of a series that its colour does not tell from others. */
function markOf({ look }: Series, letter: string, { screen }: Pen): string | undefined {
  return screen.colour && look.dash === 0 ? undefined : letter;
}

function rowOf(axis: DrawnAxis, value: number, rows: number): number {
  return rows - 1 - Math.round(axis.place(value) * (rows - 1));
}

/** Draws the curve of a series, and letters on it. */
function drawCurve(
  canvas: DotCanvas,
  { kind, data }: Series,
  index: number,
  x: DrawnAxis,
  y: DrawnAxis,
  letter: string | undefined,
): void {
  if (kind === "band" || kind === "ticks") return;
  const toX = (value: number) => Math.round(x.place(value) * (canvas.width - 1));
  const toY = (value: number) => rowOf(y, value, canvas.height);
  const letters = new Letters(canvas, index, letter);
  let last: readonly [x: number, y: number] | undefined;
  const to = (nextX: number, nextY: number) => {
    if (last === undefined) canvas.dot(nextX, nextY, index);
    else if (kind === "dots") canvas.dot(nextX, nextY, index);
    else if (kind === "steps") {
      canvas.line(...last, nextX, last[1], index);
      canvas.line(nextX, last[1], nextX, nextY, index);
    } else canvas.line(...last, nextX, nextY, index);
    letters.pass(nextX, nextY);
    last = [nextX, nextY];
  };
  if (kind === "points") {
    const { counts, least, greatest, sums } = envelopeOf(data, x.min, x.max, canvas.width);
    const filled = counts.reduce((n, count) => n + (count > 0 ? 1 : 0), 0);
    // A line leads over gaps that are no longer than what usually lies between samples.
    const gap = 4 * canvas.width / Math.max(1, filled) + 2;
    for (let i = 0; i < canvas.width; i++) {
      if (least[i] <= greatest[i]) canvas.line(i, toY(least[i]), i, toY(greatest[i]), index);
      if (counts[i] === 0) continue;
      if (last !== undefined && i - last[0] > gap) last = undefined;
      to(i, toY(sums[i] / counts[i]));
    }
  } else {
    const [xs, ys] = data.type === "samples" ? [data.x, data.y] : [data.times, data.means];
    for (let i = 0; i < xs.length; i++) {
      if (Number.isNaN(ys[i])) last = undefined;
      else to(toX(xs[i]), toY(ys[i]));
    }
  }
  letters.end();
}

/** Letters on a curve that say which one it is; each series has its own places. */
class Letters {
  #last: readonly [x: number, y: number] | undefined;
  #next: number;
  #some = false;

  constructor(readonly canvas: DotCanvas, readonly index: number, readonly letter: string | undefined) {
    this.#next = this.#distance(2 + index * 3 % MARK_EVERY);
  }

  pass(x: number, y: number): void {
    this.#last = [x, y];
    if (x < this.#next) return;
    this.#put(x, y);
    this.#next = x + this.#distance(MARK_EVERY);
  }

  /** A short curve has a letter too. */
  end(): void {
    if (!this.#some && this.#last !== undefined) this.#put(...this.#last);
  }

  #put(x: number, y: number): void {
    if (this.letter !== undefined) this.canvas.mark(x, y, this.letter, this.index);
    this.#some = true;
  }

  /** Cells as dots. */
  #distance(cells: number): number {
    return cells * this.canvas.width / this.canvas.columns;
  }
}

/** Fills the area of a band with every other dot. */
function drawBand(canvas: DotCanvas, { data }: Series, index: number, x: DrawnAxis, y: DrawnAxis): void {
  if (data.type !== "samples" || data.high === undefined) return;
  const { x: xs, y: low, high } = data as Required<SampleSeries>;
  const toX = (value: number) => Math.round(x.place(value) * (canvas.width - 1));
  for (let i = 0; i < xs.length; i++) {
    if (Number.isNaN(low[i]) || Number.isNaN(high[i])) continue;
    const isLast = i + 1 >= xs.length || Number.isNaN(low[i + 1]) || Number.isNaN(high[i + 1]);
    const [from, to] = [toX(xs[i]), isLast ? toX(xs[i]) + 1 : toX(xs[i + 1])];
    for (let column = from; column < to; column++) {
      const share = to > from ? (column - from) / (to - from) : 0;
      const at = (edge: Float64Array) => isLast ? edge[i] : edge[i] + (edge[i + 1] - edge[i]) * share;
      const [bottom, top] = [rowOf(y, at(low), canvas.height), rowOf(y, at(high), canvas.height)];
      for (let row = top; row <= bottom; row++) {
        if (!canvas.braille || (row + column) % 2 === 0) canvas.dot(column, row, index);
      }
    }
  }
}

/** Colours of losses by column; they are marked on the axis. */
function lossesOf(series: readonly Series[], x: DrawnAxis, columns: number): Map<number, number> {
  const found = new Map<number, number>();
  for (const { kind, data, look } of series.toReversed()) {
    if (kind !== "ticks") continue;
    for (const value of data.type === "samples" ? data.x : data.times) {
      const column = Math.floor(x.place(value) * columns);
      if (column >= 0 && column <= columns) found.set(Math.min(column, columns - 1), look.color);
    }
  }
  return found;
}

/** What each series is, as many on a line as fit. */
function legend(series: readonly Series[], letters: readonly string[], width: number, pen: Pen): string[] {
  const seen = new Set<string>();
  const entries = series.flatMap((series, index) => {
    const { name, kind, look } = series;
    const mark = markOf(series, letters[index], pen);
    const { key, band, loss } = pen.glyphs;
    const shape = kind === "band" ? band : kind === "ticks" ? loss : mark ?? key;
    const text = cutToWidth(escape(name), Math.max(8, Math.floor(width / 2)));
    if (seen.has(`${shape} ${text}`)) return [];
    seen.add(`${shape} ${text}`);
    return [{
      width: textWidth(shape) + 1 + textWidth(text),
      text: `${pen.colour(shape, look.color, kind === "band")} ${text}`,
    }];
  });
  const lines: { width: number; text: string }[] = [];
  for (const entry of entries) {
    const line = lines.at(-1);
    if (line === undefined || line.width + 3 + entry.width > width - 2) lines.push({ ...entry });
    else {
      line.width += 3 + entry.width;
      line.text += `   ${entry.text}`;
    }
  }
  return lines.map(({ text }) => `  ${text}`);
}

/** Returns the least and greatest x and y of all series; undefined if no series has values. */
function rangeOf(series: readonly Series[]) {
  const x = { least: Infinity, greatest: -Infinity }, y = { least: Infinity, greatest: -Infinity };
  const add = (range: { least: number; greatest: number }, values: Float64Array) => {
    for (const value of values) {
      if (value < range.least) range.least = value;
      if (value > range.greatest) range.greatest = value;
    }
  };
  for (const { data, kind } of series) {
    add(x, data.type === "samples" ? data.x : data.times);
    if (kind === "ticks") continue;
    if (data.type === "samples") {
      add(y, data.y);
      if (data.high !== undefined) add(y, data.high);
    } else {
      add(y, data.least);
      add(y, data.greatest);
    }
  }
  return y.least <= y.greatest ? { x, y } : undefined;
}
