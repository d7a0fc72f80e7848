import { TineError } from "../../base/errors.ts";
import type { BeginBatch, EndBatch } from "../messages.ts";
import type { FieldValue, Point } from "../point.ts";
import { JsonLinesWriter } from "./json_lines_writer.ts";
import type { TextWriter } from "../../wire/text_writer.ts";
import { LineProtocolWriter } from "./line_protocol_writer.ts";
import { terminalText } from "../../base/terminal_text.ts";
import { textWidth } from "../../base/text.ts";
import { formatRfc3339 } from "./timestamp.ts";

/** What a format could not hold. */
export interface Losses {
  /** Points left out whole. */
  points: number;
  /** Fields left out of points that were written. */
  fields: number;
  /** Tags left out of points that were written. */
  tags: number;
}

/** Writes points and batches as text, in the order in which they come. Each call adds what can be printed now. */
export interface PointWriter {
  point(point: Point, out: TextWriter): void;
  begin(begin: BeginBatch, out: TextWriter): void;
  end(end: EndBatch, out: TextWriter): void;
  /** Writes what is held back. Call it also when nothing has come for a while, so that people see it. */
  flush(out: TextWriter): void;
  /** What has been left out. */
  readonly losses: Readonly<Losses>;
}

/** The formats points are written in. */
export type OutputFormat = "line" | "json" | "table";

/**
 * Returns a writer of a format.
 *
 * @throws {TineError} `usage` if there is no such format
 *
 * @example
 * ```ts
 * import { Point } from "../point.ts";
 * import { textOf } from "../../wire/text_writer.ts";
 * import { createPointWriter } from "./point_writer.ts";
 * const writer = createPointWriter("line");
 * const point = new Point({ name: "cpu", time: 5n, fieldsInt: new Map([["n", 1n]]) });
 * console.assert(textOf((out) => writer.point(point, out)) === "cpu n=1i 5\n");
 * ```
 */
export function createPointWriter(format: OutputFormat): PointWriter {
  switch (format) {
    case "line":
      return new LineProtocolWriter();
    case "json":
      return new JsonLinesWriter();
    case "table":
      return new TableWriter();
    default:
      throw new TineError("usage", `${JSON.stringify(format)} is no output format: line, json or table`);
  }
}

/** Rows that decide the columns and their widths. */
const ROWS = 50;
const MAX_WIDTH = 48;

/**
 * Writes points as a table for people: time in UTC, name, tags, fields. Doubles have six digits, long texts are cut,
 * control characters are escaped.
 *
 * The first rows are held back to choose columns and widths. A point that does not fit into the columns starts a new
 * header, for which rows are held back again. A batch has a line before and a line after its rows.
 */
export class TableWriter implements PointWriter {
  readonly losses = { points: 0, fields: 0, tags: 0 };
  #layout: Layout | undefined;
  #held: Row[] = [];
  #started = false;

  point(point: Point, out: TextWriter): void {
    const row = toRow(point);
    if (this.#layout !== undefined) {
      if (this.#layout.fits(row)) return out.text(this.#layout.line(row));
      this.#layout = undefined;
    }
    this.#held.push(row);
    if (this.#held.length === ROWS) this.flush(out);
  }

  begin(begin: BeginBatch, out: TextWriter): void {
    this.flush(out);
    const group = begin.group === "" ? "" : ` group ${terminalText(begin.group)}`;
    out.text(`batch ${terminalText(begin.name)}${group}\n`);
  }

  end(end: EndBatch, out: TextWriter): void {
    this.flush(out);
    out.text(`end of batch, tmax ${formatRfc3339(end.tmax)}\n`);
  }

  flush(out: TextWriter): void {
    if (this.#held.length === 0) return;
    const layout = this.#layout = new Layout(this.#held);
    out.text((this.#started ? "\n" : "") + layout.header());
    for (const row of this.#held) out.text(layout.line(row));
    this.#held = [];
    this.#started = true;
  }
}

interface Cell {
  text: string;
  width: number;
  numeric: boolean;
}

/** The cells of a point by column. The key of a column includes its kind, since a tag and a field can share a name. */
type Row = Map<string, Cell>;

const TIME = "1time", NAME = "2name", TAG = "3", FIELD = "4";

function toRow(point: Point): Row {
  const row: Row = new Map([[TIME, cell(formatRfc3339(point.time), false)]]);
  if (point.name !== "") row.set(NAME, cell(point.name, false));
  for (const [key, value] of point.tags) row.set(TAG + key, cell(value, false));
  for (const [key, value] of point.fields()) {
    row.set(FIELD + key, cell(valueText(value), typeof value === "number" || typeof value === "bigint"));
  }
  return row;
}

class Layout {
  readonly #columns = new Map<string, { title: string; width: number; numeric: boolean }>();

  constructor(rows: readonly Row[]) {
    const keys = new Set<string>();
    for (const row of rows) for (const key of row.keys()) keys.add(key);
    // Time, name, tags, fields; within these in the order in which they came.
    for (const key of [...keys].sort((a, b) => a.charCodeAt(0) - b.charCodeAt(0))) {
      const title = cell(key.slice(1), false);
      const column = { title: title.text, width: title.width, numeric: true };
      for (const row of rows) {
        const value = row.get(key);
        if (value === undefined) continue;
        column.width = Math.max(column.width, value.width);
        column.numeric &&= value.numeric;
      }
      this.#columns.set(key, column);
    }
  }

  fits(row: Row): boolean {
    for (const key of row.keys()) if (!this.#columns.has(key)) return false;
    return true;
  }

  header(): string {
    return this.#join((_, column) => cell(column.title, false));
  }

  line(row: Row): string {
    return this.#join((key) => row.get(key) ?? EMPTY);
  }

  #join(value: (key: string, column: { title: string }) => Cell): string {
    let text = "";
    for (const [key, column] of this.#columns) {
      const { text: content, width } = value(key, column);
      const padding = " ".repeat(Math.max(0, column.width - width));
      text += (text === "" ? "" : "  ") + (column.numeric ? padding + content : content + padding);
    }
    return text.trimEnd() + "\n";
  }
}

const EMPTY: Cell = { text: "", width: 0, numeric: true };

function cell(content: string, numeric: boolean): Cell {
  // Cut first: a text may have millions of characters.
  let text = terminalText(content.length > 4 * MAX_WIDTH ? content.slice(0, 4 * MAX_WIDTH) : content);
  let width = textWidth(text);
  if (width > MAX_WIDTH || content.length > 4 * MAX_WIDTH) {
    const characters = [...text];
    while (width >= MAX_WIDTH) width -= textWidth(characters.pop() ?? "");
    text = characters.join("") + "…";
    width++;
  }
  return { text, width, numeric };
}

function valueText(value: FieldValue): string {
  return typeof value === "number" ? shortDouble(value) : String(value);
}

/** Formats a double with six significant digits, always with a mark that an integer lacks. */
export function shortDouble(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -4 || magnitude >= 15) return value.toPrecision(6).replace(/\.?0+e/, "e");
  return value.toFixed(Math.max(1, 5 - magnitude)).replace(/(\.\d+?)0+$/, "$1");
}
