/**
 * Tables of what was measured. A row is a point: the table is its measurement, columns that are tags identify it, the
 * others are its fields, and the first column is its time. Exports, pages, comparisons, gates and UDFs take the same
 * tables, so that a figure has one name and one definition everywhere.
 *
 * @module
 */

import type { LiveRows } from "./live.ts";

/**
 * The type of a column: `time` is nanoseconds since 1970, an `int` has up to 64 bits, a `double` is a number of IEEE 754.
 */
export type ColumnType = "time" | "int" | "double" | "text" | "bool";

/** A column of a table. */
export interface Column {
  /** In snake_case, with its unit at the end: `rtt_us`, `goodput_bits_per_second`. */
  readonly name: string;
  readonly type: ColumnType;
  /** Such as `us`, `bytes` or `bits/s`. */
  readonly unit?: string;
  /** Whether it identifies what a row is about, rather than being measured. */
  readonly tag?: boolean;
  /** One sentence, for the manual. */
  readonly definition: string;
}

/** What a table is, without its rows. */
export interface TableSchema {
  /** Such as `round_trips`. */
  readonly name: string;
  /** What a row is: `an echo that came back`. */
  readonly row: string;
  /** The first one is the time. */
  readonly columns: readonly Column[];
}

/** Times: each is `base` and an offset, so that no bigint is made for a row. */
export interface TimeValues {
  readonly type: "time";
  /** In nanoseconds since 1970, not negative. */
  readonly base: bigint;
  /** In nanoseconds from `base` on, whole numbers; NaN where there is no time. */
  readonly offsets: Float64Array;
}

/** Numbers; those of an int column are whole numbers. NaN is an absent int, and an absent double unless `present` is there. */
export interface NumberValues {
  readonly type: "number";
  readonly values: Float64Array;
  /** 1 for a row that has a value, 0 for one without; left out where NaN stands for no value. */
  readonly present?: Uint8Array;
}

/** Whole numbers of more than 53 bits. */
export interface BigIntValues {
  readonly type: "bigint";
  readonly values: BigInt64Array;
  readonly present?: Uint8Array;
}

/** Texts; undefined where a row has no text. */
export interface TextValues {
  readonly type: "text";
  readonly values: readonly (string | undefined)[];
}

/** True is 1, false 0, absent 2. */
export interface BoolValues {
  readonly type: "bool";
  readonly values: Uint8Array;
}

/** One value for all rows of a chunk; undefined: no row has a value. */
export interface ConstantValue {
  readonly type: "constant";
  readonly value: Value;
}

/** The values of a column in a chunk of rows. */
export type Values = TimeValues | NumberValues | BigIntValues | TextValues | BoolValues | ConstantValue;

/** A value by itself: times are bigints, ints numbers or bigints; undefined: absent. */
export type Value = string | number | bigint | boolean | undefined;

/** Rows, by column. */
export interface RowChunk {
  /** At least 1. */
  readonly count: number;
  /** In the order of the columns of the table. */
  readonly columns: readonly Values[];
}

/** A table: what it is, and its rows. */
export interface Table extends TableSchema {
  /** How its rows come about while records arrive; left out where it cannot be followed. */
  readonly live?: LiveRows;
  /** The rows, in flat memory; a second call reads them again. Chunks are valid until the next one is taken. */
  rows(): AsyncIterable<RowChunk>;
}

/**
 * Returns the value of a row, for readers that need few.
 *
 * @param values of its column
 * @param i the row's index in the chunk
 *
 * @example
 * ```ts
 * import { valueAt } from "./table.ts";
 * console.assert(valueAt({ type: "time", base: 5n, offsets: Float64Array.of(2) }, 0) === 7n);
 * ```
 */
export function valueAt(values: Values, i: number): Value {
  switch (values.type) {
    case "constant":
      return values.value;
    case "time":
      // A node may have sent anything.
      return Number.isFinite(values.offsets[i]) ? values.base + BigInt(Math.round(values.offsets[i])) : undefined;
    case "bool":
      return values.values[i] === 2 ? undefined : values.values[i] === 1;
    case "text":
      return values.values[i];
    default:
      return isPresent(values, i) ? values.values[i] : undefined;
  }
}

/** Whether a row has a value of a column of numbers. */
export function isPresent(values: NumberValues | BigIntValues, i: number): boolean {
  if (values.present !== undefined) return values.present[i] === 1;
  return values.type === "bigint" || !Number.isNaN(values.values[i]);
}
