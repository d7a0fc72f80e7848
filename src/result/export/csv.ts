import type { TextWriter } from "../../wire/text_writer.ts";
import type { TableSchema, Value, Values } from "../tables/table.ts";
import {
  columnSteps,
  presence,
  printValue,
  type RowFormat,
  type RowPrinter,
  runSteps,
  type Step,
  valueStep,
  type ValueStyle,
  whereKnown,
} from "./row_printer.ts";

const COMMA = 0x2c;
const NEWLINE = 0x0a;

/**
 * Prints CSV by RFC 4180, with a line of names first and lines that end in LF. An absent value is an empty cell, an
 * empty text is `""`. Texts that a spreadsheet takes for a formula are in quotes, and not altered: what quotes are for
 * is up to who opens the file, and another program gets what was recorded.
 */
export const csv: RowFormat = (schema: TableSchema): RowPrinter => ({
  head(writer) {
    schema.columns.forEach(({ name }, i) => {
      if (i > 0) writer.byte(COMMA);
      style.text(writer, name);
    });
    writer.byte(NEWLINE);
  },
  rows(writer, { count, columns }) {
    const printConstant = (scratch: TextWriter, i: number, value: Value) => {
      if (i > 0) scratch.byte(COMMA);
      if (value !== undefined) printValue(scratch, schema.columns[i], value, style);
    };
    const steps = columnSteps(writer, columns, printConstant, (i) => cellStep(writer, schema, i, columns[i], count));
    steps.push(() => writer.byte(NEWLINE));
    runSteps(steps, count);
  },
});

function cellStep(writer: TextWriter, schema: TableSchema, i: number, values: Values, count: number): Step {
  const print = whereKnown(presence(values, count), valueStep(writer, schema.columns[i], values, style));
  if (i === 0) return print;
  return (row) => {
    writer.byte(COMMA);
    print(row);
  };
}

/** Texts that need no quotes: they hold no delimiter, look like no formula, and have no blank at their ends. */
const PLAIN = /^[^\s",=+\-@](?:[^",\r\n]*[^\s",])?$/;

const style: ValueStyle = {
  text(writer, text) {
    writer.text(PLAIN.test(text) ? text : `"${text.replaceAll('"', '""')}"`);
  },
  special(writer, value) {
    writer.text(String(value));
  },
};
