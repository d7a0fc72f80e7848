import { TextWriter } from "../../wire/text_writer.ts";
import { type Column, isPresent, type RowChunk, type TableSchema, type Value, type Values } from "../tables/table.ts";

/** Prints rows as text of a format. */
export interface RowPrinter {
  /** What comes before the first row. */
  head(writer: TextWriter): void;
  /** Prints the rows of a chunk. */
  rows(writer: TextWriter, chunk: RowChunk): void;
}

/**
 * Makes a printer of the rows of a table.
 *
 * @param schema what the rows have
 * @param counts gets what the format cannot hold
 */
export type RowFormat = (schema: TableSchema, counts: ExportCounts) => RowPrinter;

/** What an export has written, and what its format could not hold. */
export interface ExportCounts {
  rows: number;
  bytes: number;
  /** Rows that were left out. */
  lostRows: number;
  /** Values that were left out. */
  lostValues: number;
}

/** A step in printing a row: writes what belongs to one column, or to several whose values are constant. */
export type Step = (row: number) => unknown;

/** Makes a step that prints what is alike in all rows with one copy; undefined where that is nothing. */
export function constantStep(writer: TextWriter, print: (writer: TextWriter) => void): Step | undefined {
  const scratch = new TextWriter(256);
  print(scratch);
  const bytes = scratch.take();
  return bytes.length === 0 ? undefined : () => writer.raw(bytes);
}

/** How a format prints values that are not numbers of plain digits. */
export interface ValueStyle {
  text(writer: TextWriter, text: string): void;
  /** Follows an int: `i` in line protocol. */
  readonly afterInt?: string;
  /** Prints a double that is not finite. */
  special(writer: TextWriter, value: number): void;
}

/** Prints a value by itself. */
export function printValue(writer: TextWriter, column: Column, value: Value, style: ValueStyle): void {
  switch (typeof value) {
    case "string":
      return style.text(writer, value);
    case "boolean":
      return writer.text(value ? "true" : "false");
    case "bigint":
      writer.text(String(value));
      if (style.afterInt !== undefined) writer.text(style.afterInt);
      return;
    case "number":
      if (column.type === "int") {
        writer.integer(value);
        if (style.afterInt !== undefined) writer.text(style.afterInt);
      } else if (Number.isFinite(value)) writer.double(value);
      else style.special(writer, value);
  }
}

/**
 * Returns what prints the value of a row, without anything where it is absent.
 *
 * @param values of the column, no constant
 */
export function valueStep(writer: TextWriter, column: Column, values: Values, style: ValueStyle): Step {
  switch (values.type) {
    case "time": {
      const { offsets } = values;
      const [seconds, nanos] = [Number(values.base / 1_000_000_000n), Number(values.base % 1_000_000_000n)];
      const after = column.name === "time" ? undefined : style.afterInt;
      return (row) => {
        writer.nanoseconds(seconds, nanos + offsets[row]);
        if (after !== undefined) writer.text(after);
      };
    }
    case "number": {
      const numbers = values.values;
      if (column.type === "int") {
        const after = style.afterInt;
        return (row) => {
          writer.integer(numbers[row]);
          if (after !== undefined) writer.text(after);
        };
      }
      return (row) => {
        const value = numbers[row];
        if (Number.isFinite(value)) writer.double(value);
        else style.special(writer, value);
      };
    }
    case "text": {
      const texts = values.values;
      return (row) => style.text(writer, texts[row]!);
    }
    case "constant":
      return () => printValue(writer, column, values.value, style);
    default: {
      const { values: all } = values;
      if (values.type === "bool") return (row) => writer.text(all[row] === 1 ? "true" : "false");
      return (row) => printValue(writer, column, all[row], style);
    }
  }
}

/** Returns the test whether a row has a value; undefined: each has one. */
export function presence(values: Values, count: number): ((row: number) => boolean) | undefined {
  switch (values.type) {
    case "constant":
      return values.value === undefined ? () => false : undefined;
    case "time": {
      const { offsets } = values;
      return offsets.subarray(0, count).some(Number.isNaN) ? (row) => !Number.isNaN(offsets[row]) : undefined;
    }
    case "text": {
      const texts = values.values;
      return texts.includes(undefined) ? (row) => texts[row] !== undefined : undefined;
    }
    case "bool": {
      const flags = values.values;
      return flags.includes(2) ? (row) => flags[row] !== 2 : undefined;
    }
    default:
      for (let row = 0; row < count; row++) if (!isPresent(values, row)) return (row) => isPresent(values, row);
      return undefined;
  }
}

/** Runs the steps of each row. */
export function runSteps(steps: readonly Step[], count: number): void {
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < steps.length; i++) steps[i](row);
  }
}

/** Makes a step that is left out for the rows that have no value. */
export function whereKnown(has: ((row: number) => boolean) | undefined, step: Step): Step {
  return has === undefined ? step : (row) => has(row) && step(row);
}

/**
 * Returns the steps that print the columns of a chunk, in order. What is constant side by side is one step, which copies
 * it.
 *
 * @param printConstant prints the value of a constant column, undefined where it has none
 * @param stepOf makes the step of any other column
 */
export function columnSteps(
  writer: TextWriter,
  columns: readonly Values[],
  printConstant: (writer: TextWriter, column: number, value: Value) => void,
  stepOf: (column: number) => Step,
): Step[] {
  const steps: Step[] = [];
  for (let i = 0; i < columns.length;) {
    if (columns[i].type !== "constant") {
      steps.push(stepOf(i++));
      continue;
    }
    const step = constantStep(writer, (scratch) => {
      for (; i < columns.length; i++) {
        const values = columns[i];
        if (values.type !== "constant") break;
        printConstant(scratch, i, values.value);
      }
    });
    if (step !== undefined) steps.push(step);
  }
  return steps;
}
