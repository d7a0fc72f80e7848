import type { TextWriter } from "../../wire/text_writer.ts";
import type { TableSchema, Value } from "../tables/table.ts";
import {
  columnSteps,
  presence,
  printValue,
  type RowFormat,
  type RowPrinter,
  runSteps,
  valueStep,
  type ValueStyle,
  whereKnown,
} from "./row_printer.ts";

const BRACE = 0x7b;

/**
 * Prints a JSON object a row, with a line each. Absent values are left out. Times and ints are numbers of up to 64 bits,
 * which readers that have only doubles round; NaN and the infinities, which JSON does not have, are the texts "NaN",
 * "Infinity" and "-Infinity", as in protobuf's JSON.
 */
export const jsonLines: RowFormat = (schema: TableSchema): RowPrinter => {
  const keys = schema.columns.map(({ name }) => `,${quote(name)}:`);
  return {
    head() {},
    rows(writer, { count, columns }) {
      const printConstant = (scratch: TextWriter, i: number, value: Value) => {
        if (value === undefined) return;
        scratch.text(keys[i]);
        printValue(scratch, schema.columns[i], value, style);
      };
      const steps = columnSteps(writer, columns, printConstant, (i) => {
        const key = new TextEncoder().encode(keys[i]);
        const print = valueStep(writer, schema.columns[i], columns[i], style);
        return whereKnown(presence(columns[i], count), (row) => {
          writer.raw(key);
          print(row);
        });
      });
      let start = 0;
      // Every pair has a comma before it; that of the first one becomes the brace.
      steps.unshift(() => void (start = writer.length));
      steps.push(() => {
        if (writer.length === start) writer.byte(BRACE);
        else writer.replace(start, BRACE);
        writer.text("}\n");
      });
      runSteps(steps, count);
    },
  };
};

/** Texts that JSON has as they are. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Quotes a text for JSON; lone surrogates become U+FFFD, and controls, which terminals act on, escapes. */
function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text.toWellFormed()).replace(
    /[\x7f-\x9f]/g,
    (unit) => "\\u00" + unit.charCodeAt(0).toString(16),
  );
}

const style: ValueStyle = {
  text(writer, text) {
    writer.text(quote(text));
  },
  special(writer, value) {
    writer.text(`"${value}"`);
  },
};
