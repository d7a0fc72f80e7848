/** Figures in a terminal: with three or four digits and their unit, in lines and in tables. @module */

import { grouped } from "../base/count.ts";
import { byteAmount } from "../base/size.ts";
import { tableLines } from "../base/text_table.ts";
import { type Figure, type FigureUnit, type SpreadPart, STREAM_FIGURES } from "../flow/analysis/mod.ts";

/** Marks an only sample, of which there is no median. */
const ONLY_MARK = "+";
/** What stands for a figure that is not known. */
export const UNKNOWN = "-";

/**
 * Returns a value as tables have it, times in milliseconds; {@linkcode UNKNOWN} for undefined.
 *
 * @param value in the unit
 */
export function figureText(value: number | boolean | undefined, unit: FigureUnit): string {
  if (typeof value !== "number") return value === undefined ? UNKNOWN : value ? "yes" : "no";
  switch (unit) {
    case "bit/s":
      return bitRate(value);
    case "byte":
      return byteAmount(Math.round(value));
    case "us":
      return milliseconds(value);
    case "s":
      return seconds(value);
    case "%":
      return percent(value);
    default:
      return value < 100 ? String(Number(value.toFixed(2))) : grouped(Math.round(value));
  }
}

/** A column of a table. */
export interface Column<T> {
  readonly head: string;
  /** Returns what stands in a row. */
  text(of: T): string;
}

/**
 * Returns the column of a figure.
 *
 * @param part of a distribution: which of its values; the median by default
 */
export function column<T>(head: string, figure: Figure<T>, part?: SpreadPart): Column<T> {
  return { head, text: (of) => figureText(figure.value(of, part), figure.unit) };
}

/** A table that has a column for each of some figures. */
export interface Table<T> {
  /** The heads of what stands before the figures: `flow`. */
  readonly names: readonly string[];
  readonly columns: readonly Column<T>[];
  /** The least widths of all columns, for tables that are printed row by row. */
  readonly widths?: readonly number[];
}

/** A row of a table: its names, and what its figures are taken from. */
export type Row<T> = readonly [names: readonly string[], of: T];

/** Returns the head of a table as lines. */
export function tableHead(
  table: Pick<Table<never>, "names" | "widths"> & { columns: readonly { head: string }[] },
): string[] {
  return tableLines([headCells(table)], table.widths);
}

/** Returns rows of a table as lines. */
export function tableRows<T>(table: Table<T>, rows: readonly Row<T>[]): string[] {
  return tableLines(rowCells(table, rows), table.widths);
}

/** Returns a table as lines, and below it what its marks mean. */
export function tableOf<T>(table: Table<T>, rows: readonly Row<T>[]): string[] {
  const cells = rowCells(table, rows);
  const marked = cells.some((row) => row.some((cell) => cell.endsWith(ONLY_MARK)));
  return [
    ...tableLines([headCells(table), ...cells], table.widths),
    ...marked ? [`${ONLY_MARK} at the end: the only sample, and so no median`] : [],
  ];
}

function headCells(
  { names, columns }: Pick<Table<never>, "names"> & { columns: readonly { head: string }[] },
): string[] {
  return [...names, ...columns.map(({ head }) => head)];
}

function rowCells<T>({ columns }: Table<T>, rows: readonly Row<T>[]): string[][] {
  return rows.map(([names, of]) => [...names, ...columns.map(({ text }) => text(of))]);
}

/** Returns the column of the median of samples; an only sample has a mark. */
function medianOrOnly<T>(head: string, figure: Figure<T>, last: Figure<T>): Column<T> {
  const median = column(head, figure), only = column(head, last);
  return {
    head,
    text(of) {
      if (figure.value(of) !== undefined || last.value(of) === undefined) return median.text(of);
      return only.text(of) + ONLY_MARK;
    },
  };
}

/** Puts an empty line between tables. */
export function separated(tables: readonly (readonly string[])[]): string[] {
  return tables.flatMap((lines, i) => i === 0 ? lines : ["", ...lines]);
}

/** The columns of TCP flows that all tables have. */
export const streamColumns = {
  received: column("received", STREAM_FIGURES.bytes),
  goodput: column("goodput", STREAM_FIGURES.goodputBitsPerSecond),
  resent: column("resent", STREAM_FIGURES.retransmits),
  rtt: medianOrOnly("RTT ms", STREAM_FIGURES.rtt, STREAM_FIGURES.rttLastMicros),
  rttP99: column("p99 ms", STREAM_FIGURES.rtt, "p99"),
  cwnd: medianOrOnly("cwnd", STREAM_FIGURES.cwnd, STREAM_FIGURES.cwndLastBytes),
};

const RATES = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];

/** Returns a rate as text: `941 Mbit/s`. */
export function bitRate(bitsPerSecond: number): string {
  let unit = 0;
  let amount = bitsPerSecond;
  for (; amount >= 999.5 && unit < RATES.length - 1; unit++) amount /= 1000;
  return `${digits(amount)} ${RATES[unit]}`;
}

/** Returns a time in milliseconds, as tables have it: `0.061`, `12.3`, `1204`. */
export function milliseconds(micros: number): string {
  const ms = micros / 1000;
  const size = Math.abs(ms);
  return ms.toFixed(size < 9.9995 ? 3 : size < 99.995 ? 2 : size < 999.95 ? 1 : 0);
}

/** Returns a time in seconds: `0.00751`, `0.512`, `12.30`; short ones have three digits, too. */
export function seconds(s: number): string {
  return s >= 0.9995 || s <= 0 ? s.toFixed(2) : s.toFixed(Math.min(9, 2 - Math.floor(Math.log10(s))));
}

/** Returns a share in percent: `0.12%`. */
export function percent(value: number): string {
  return `${value === 0 || value >= 99.995 ? value.toFixed(0) : value.toPrecision(2)}%`;
}

/** Returns a span of time in seconds: `0.0-1.0`. */
export function span(fromMs: number, toMs: number): string {
  // Short intervals need more digits to differ.
  const places = toMs - fromMs < 100 ? 3 : toMs - fromMs < 1000 ? 2 : 1;
  return `${(fromMs / 1000).toFixed(places)}-${(toMs / 1000).toFixed(places)}`;
}

function digits(amount: number): string {
  if (amount >= 99.95 || amount === 0) return amount.toFixed(0);
  return amount.toFixed(amount >= 9.995 ? 1 : 2);
}
