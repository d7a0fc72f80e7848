import { textWidth } from "../../base/text.ts";
import type { DrawnAxis } from "../../report/svg/axis.ts";
import { escape } from "../terminal.ts";

/** What a plot is drawn on. */
export interface PlotScreen {
  /** Columns. */
  readonly width: number;
  /** Whether lines may have more than ASCII: braille and lines of boxes. */
  readonly unicode: boolean;
  /** Whether series are told apart by colours; else by letters. */
  readonly colour: boolean;
}

/** Codes of ANSI colours that come close to those of the page: they follow the colours that a reader has chosen. */
const COLOUR_CODES = [94, 31, 32, 35, 33, 36, 93, 37] as const;

const UNICODE = {
  left: "│",
  leftTick: "┤",
  corner: "└",
  bottom: "─",
  bottomTick: "┬",
  loss: "×",
  key: "━━",
  band: "░░",
  boxLine: "─",
  box: "▒",
  boxMiddle: "█",
  boxStart: "├",
  boxEnd: "┤",
  run: "━",
};

const ASCII: typeof UNICODE = {
  left: "|",
  leftTick: "+",
  corner: "+",
  bottom: "-",
  bottomTick: "+",
  loss: "x",
  key: "",
  band: ":",
  boxLine: "-",
  box: "=",
  boxMiddle: "#",
  boxStart: "|",
  boxEnd: "|",
  run: "=",
};

/** Colours and characters of a screen. */
export class Pen {
  readonly glyphs: typeof UNICODE;

  constructor(readonly screen: PlotScreen) {
    this.glyphs = screen.unicode ? UNICODE : ASCII;
  }

  /** Returns bold text. */
  bold(text: string): string {
    return this.#paint(text, 1, 22);
  }

  /** Returns dim text. */
  dim(text: string): string {
    return this.#paint(text, 2, 22);
  }

  /**
   * Returns coloured text.
   *
   * @param colour 0 to 7, as a page numbers them; a dim one is for what lies behind
   */
  colour(text: string, colour: number, dim = false): string {
    const painted = this.#paint(text, COLOUR_CODES[colour % COLOUR_CODES.length], 39);
    return dim ? this.dim(painted) : painted;
  }

  #paint(text: string, on: number, off: number): string {
    return this.screen.colour && text !== "" ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  }

  /** A unit as the screen can show it. */
  unit(unit: string): string {
    return this.screen.unicode ? unit : unit.replace("µ", "u");
  }

  /** Returns the line above a plot. */
  title(title: string, unit: string): string {
    return this.bold(`${escape(title)}${unit === "" ? "" : `, ${this.unit(unit)}`}`);
  }
}

/** The lower edge of a plot: its axis, and below it the values of ticks. */
export function bottomAxis(
  axis: DrawnAxis,
  columns: number,
  margin: number,
  title: string,
  pen: Pen,
  losses: ReadonlyMap<number, number> = new Map(),
): string[] {
  const { corner, bottom, bottomTick, loss } = pen.glyphs;
  const places = axis.ticks.map(({ value, text }) => ({ at: Math.round(axis.place(value) * (columns - 1)), text }));
  const line = Array.from({ length: columns }, (_, i) => {
    const colour = losses.get(i);
    if (colour !== undefined) return pen.colour(loss, colour);
    return places.some(({ at }) => at === i) ? bottomTick : bottom;
  });
  const name = axis.unit === "" ? escape(title) : `${escape(title)}, ${pen.unit(axis.unit)}`;
  let labels = "";
  for (const { at, text } of places) {
    const start = Math.max(0, margin + 1 + at - Math.floor(text.length / 2));
    if (labels !== "" && start <= labels.length) continue;
    if (start + text.length > margin + 1 + columns) continue;
    labels = labels.padEnd(start) + text;
  }
  const free = margin + 1 + columns - labels.length;
  const isNear = textWidth(name) + 2 <= free;
  return [
    `${" ".repeat(margin)}${corner}${line.join("")}`,
    isNear ? labels + pen.dim(`  ${name}`) : labels,
    ...isNear ? [] : [pen.dim(name.padStart(margin + 1 + columns))],
  ];
}
