/** Figures in a terminal, in lines and in tables. @module */

import { tableLines } from "../base/text.ts";
import { formatCount } from "../base/units.ts";
import { type Figure, figureText, type FigureUnit, partTitle, type SpreadPart, UNKNOWN } from "../flow/analysis/mod.ts";

export { bitRate, figureText, milliseconds, percent, seconds, UNKNOWN } from "../flow/analysis/mod.ts";
export { groupFlows } from "../result/flow_groups.ts";

/** Marks an only sample, of which there is no median. */
const ONLY_MARK = "+";

/**
 * A column of a table.
 *
 * @typeParam T what a row is made from
 */
export interface PrintedColumn<T> {
  readonly head: string;
  readonly unit: FigureUnit;
  /** Returns the value in its unit; undefined where it is not known. */
  value(of: T): number | boolean | undefined;
  /** What stands for a value that is not known; {@linkcode UNKNOWN} by default. */
  readonly absent?: string;
  /** Returns what stands behind a value: a mark, or nothing. */
  mark?(of: T): string;
}

/**
 * Returns the column of a figure.
 *
 * @param part of a distribution: which of its values; the median by default
 */
export function column<T>(head: string, { unit, value }: Figure<T>, part?: SpreadPart): PrintedColumn<T> {
  return { head, unit, value: (of) => value(of, part) };
}

/** Returns the columns of figures under their titles. */
export function titled<T>(...figures: readonly Figure<T>[]): PrintedColumn<T>[] {
  return figures.map((figure) => column(figure.title, figure));
}

/** Returns the columns of values of a distribution of times: `RTT min`, `median`, `max ms`. */
export function spread<T>(figure: Figure<T>, ...parts: readonly SpreadPart[]): PrintedColumn<T>[] {
  return parts.map((part, i) => {
    const start = i === 0 ? `${figure.title} ` : "", end = i === parts.length - 1 ? " ms" : "";
    return column(start + partTitle(part) + end, figure, part);
  });
}

/**
 * Returns a figure in words: `4.00 Mbit/s`, `3 resent`, `1 packet`, `RTT 0.120 ms`, or of a distribution with its parts
 * `RTT 0.100 / 0.200 / 0.900 ms (min, mean, max)`; empty where it is not known.
 *
 * @example
 * ```ts
 * import { STREAM_INTERVAL_FIGURES } from "../flow/analysis/mod.ts";
 * import { phrase } from "./figures.ts";
 * console.assert(phrase(STREAM_INTERVAL_FIGURES.retransmits, { durationMs: 1, bytes: 0, retransmits: 3 }) === "3 resent");
 * ```
 */
export function phrase<T>(figure: Figure<T>, of: T): string {
  const { title, unit, parts } = figure;
  const values = (parts ?? [undefined]).map((part) => figure.value(of, part));
  if (values.includes(undefined)) return "";
  const text = values.map((value) => figureText(value, unit)).join(" / ");
  switch (unit) {
    case "bit/s":
    case "byte":
      return text;
    case "us":
      return `${title} ${text} ms${parts === undefined ? "" : ` (${parts.join(", ")})`}`;
    default:
      return title === `${unit}s` ? formatCount(Number(values[0]), unit) : `${text} ${title}`;
  }
}

/**
 * A table that has a column for each of some figures.
 *
 * @typeParam T what a row is made from
 */
export interface PrintedTable<T> {
  /** The heads of what stands before the figures: `flow`. */
  readonly names: readonly string[];
  readonly columns: readonly PrintedColumn<T>[];
  /** The least widths of all columns, for tables that are printed row by row. */
  readonly widths?: readonly number[];
}

/** A row of a table: its names, and what its figures are taken from. */
export type PrintedRow<T> = readonly [names: readonly string[], of: T];

/** Returns the head of a table as lines. */
export function tableHead<T>(table: PrintedTable<T>): string[] {
  return tableLines([headCells(table)], table.widths);
}

/** Returns rows of a table as lines. */
export function tableRows<T>(table: PrintedTable<T>, rows: readonly PrintedRow<T>[]): string[] {
  return tableLines(rowCells(table, rows), table.widths);
}

/** Returns a table as lines, and below it what its marks mean. */
export function tableOf<T>(table: PrintedTable<T>, rows: readonly PrintedRow<T>[]): string[] {
  const cells = rowCells(table, rows);
  const marked = cells.some((row) => row.some((cell) => cell.endsWith(ONLY_MARK)));
  return [
    ...tableLines([headCells(table), ...cells], table.widths),
    ...marked ? [`${ONLY_MARK} at the end: the only sample, and so no median`] : [],
  ];
}

function headCells<T>({ names, columns }: PrintedTable<T>): string[] {
  return [...names, ...columns.map(({ head }) => head)];
}

function rowCells<T>({ columns }: PrintedTable<T>, rows: readonly PrintedRow<T>[]): string[][] {
  return rows.map(([names, of]) => [...names, ...columns.map((column) => cellText(column, of))]);
}

function cellText<T>({ unit, value, absent = UNKNOWN, mark }: PrintedColumn<T>, of: T): string {
  const known = value(of);
  return (known === undefined ? absent : figureText(known, unit)) + (mark?.(of) ?? "");
}

/** Returns the column of the median of samples, or of an only sample, which has a mark. */
export function medianOrOnly<T>(head: string, { unit, value }: Figure<T>, last: Figure<T>): PrintedColumn<T> {
  return {
    head,
    unit,
    value: (of) => value(of) ?? last.value(of),
    mark: (of) => value(of) === undefined && last.value(of) !== undefined ? ONLY_MARK : "",
  };
}

/** Puts an empty line between tables. */
export function separated(tables: readonly (readonly string[])[]): string[] {
  return tables.flatMap((lines, i) => i === 0 ? lines : ["", ...lines]);
}

/** Returns a span of time in seconds: `0.0-1.0`. */
export function span(fromMs: number, toMs: number): string {
  // Short intervals need more digits to differ.
  const places = toMs - fromMs < 100 ? 3 : toMs - fromMs < 1000 ? 2 : 1;
  return `${(fromMs / 1000).toFixed(places)}-${(toMs / 1000).toFixed(places)}`;
}
