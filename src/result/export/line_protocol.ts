import type { TextWriter } from "../../wire/text_writer.ts";
import { type Column, type TableSchema, valueAt, type Values } from "../tables/table.ts";
import {
  constantStep,
  type ExportCounts,
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

const [SPACE, NEWLINE] = [0x20, 0x0a];

/**
 * Prints InfluxDB line protocol, times in nanoseconds: the table is the measurement, its tags are tags, the first column
 * is the time.
 *
 * Line protocol cannot hold everything. An empty tag is left out, which InfluxDB takes for the same. A tag with a
 * control character such as a newline or a tab, or with a backslash at its end, which no escape stands for in all
 * versions, goes out as a string field of its name. Left out and counted are doubles that are NaN or infinite, values
 * whose name is empty or one that no escape stands for, which only UDFs have, and rows that have no field or no time.
 *
 * Format: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 */
export const lineProtocol: RowFormat = (schema: TableSchema, counts: ExportCounts): RowPrinter => ({
  head() {},
  rows(writer, { count, columns }) {
    const style = styleOf(counts);
    const isTag = (i: number) => i > 0 && schema.columns[i].tag === true;
    const all = [...columns.keys()].filter((i) => {
      const { name } = schema.columns[i];
      if (i === 0 || name !== "" && !isOdd(name)) return true;
      counts.lostValues += countOf(columns[i], count);
      return false;
    });
    const tags = all.filter(isTag);
    const steps: Step[] = [];

    // Nearly all tags are alike in all rows, and hardly any has an odd text.
    const head = constantStep(writer, (scratch) => {
      scratch.text(escape(schema.name, NAME_SPECIAL));
      for (const i of tags) {
        if (columns[i].type === "constant") printTag(scratch, schema.columns[i], valueAt(columns[i], 0));
      }
    });
    if (head !== undefined) steps.push(head);
    for (const i of tags) {
      if (columns[i].type !== "constant") {
        steps.push((row) => printTag(writer, schema.columns[i], valueAt(columns[i], row)));
      }
    }

    const fields: Step[] = [];
    for (const i of tags) fields.push(...oddTagSteps(writer, schema.columns[i], columns[i]));
    for (const i of all.slice(1)) {
      if (isTag(i)) continue;
      fields.push(...fieldSteps(writer, schema.columns[i], columns[i], count, style));
    }

    const time = columns[0];
    const hasTime = presence(time, count);
    const printTime = valueStep(writer, schema.columns[0], time, { ...style, afterInt: undefined });
    let start = 0;
    let end = 0;
    steps.unshift(() => void (start = writer.length));
    // Every field has a comma before it; that of the first one becomes the blank.
    steps.push(() => void (end = writer.length), ...fields, (row) => {
      if (writer.length === end || hasTime?.(row) === false) {
        writer.truncate(start);
        counts.lostRows++;
        return;
      }
      writer.replace(end, SPACE);
      writer.byte(SPACE);
      printTime(row);
      writer.byte(NEWLINE);
    });
    runSteps(steps, count);
  },
});

/** The number of rows that have a value. */
function countOf(values: Values, count: number): number {
  const has = presence(values, count);
  if (has === undefined) return count;
  let known = 0;
  for (let row = 0; row < count; row++) if (has(row)) known++;
  return known;
}

function printTag(writer: TextWriter, { name }: Column, value: ReturnType<typeof valueAt>): void {
  if (value === undefined || value === "" || isOdd(value)) return;
  writer.text(`,${escape(name, KEY_SPECIAL)}=${escape(String(value), KEY_SPECIAL)}`);
}

/** Fields for tags whose text line protocol cannot hold in a tag. */
function oddTagSteps(writer: TextWriter, column: Column, values: Values): Step[] {
  const print = (value: ReturnType<typeof valueAt>) => {
    if (isOdd(value)) writer.text(`,${escape(column.name, KEY_SPECIAL)}=${quote(String(value))}`);
  };
  if (values.type === "constant") return isOdd(values.value) ? [() => print(values.value)] : [];
  if (values.type !== "text" || !values.values.some(isOdd)) return [];
  return [(row) => print(values.values[row])];
}

function fieldSteps(writer: TextWriter, column: Column, values: Values, count: number, style: ValueStyle): Step[] {
  const key = `,${escape(column.name, KEY_SPECIAL)}=`;
  if (values.type === "constant") {
    if (values.value === undefined || isSpecial(values.value)) return [];
    const step = constantStep(writer, (scratch) => {
      scratch.text(key);
      printValue(scratch, column, values.value, style);
    });
    return step === undefined ? [] : [step];
  }
  const bytes = new TextEncoder().encode(key);
  const print = valueStep(writer, column, values, style);
  if (column.type !== "double") {
    return [whereKnown(presence(values, count), (row) => {
      writer.raw(bytes);
      print(row);
    })];
  }
  // A number that is not finite is left out, its key too.
  const step = (row: number) => {
    const start = writer.length;
    writer.raw(bytes);
    const before = writer.length;
    print(row);
    if (writer.length === before) writer.truncate(start);
  };
  return [whereKnown(presence(values, count), step)];
}

const NAME_SPECIAL = /[, ]/g;
const KEY_SPECIAL = /[,= ]/g;
const PLAIN = /^[\w.:/-]+$/;

function escape(text: string, special: RegExp): string {
  return PLAIN.test(text) ? text : text.toWellFormed().replace(special, "\\$&");
}

function quote(text: string): string {
  return `"${text.toWellFormed().replace(/["\\]/g, "\\$&")}"`;
}

// deno-lint-ignore no-control-regex
const ODD = /[\x00-\x1f\x7f]|\\$/;

function isOdd(value: ReturnType<typeof valueAt>): boolean {
  return typeof value === "string" && ODD.test(value);
}

function isSpecial(value: ReturnType<typeof valueAt>): boolean {
  return typeof value === "number" && !Number.isFinite(value);
}

function styleOf(counts: ExportCounts): ValueStyle {
  return {
    afterInt: "i",
    text(writer, text) {
      writer.text(quote(text));
    },
    special() {
      counts.lostValues++;
    },
  };
}
