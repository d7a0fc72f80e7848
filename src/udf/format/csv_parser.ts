import { CsvParseStream } from "@std/csv";
import { messageOf, TineError } from "../../wire/errors.ts";
import { Point } from "../point.ts";
import { FieldMaps } from "./field_maps.ts";
import { type BadLine, badLine, type InputItem, type PointDefaults, quoted } from "./input_item.ts";
import { parseInt64 } from "./int64.ts";
import { SPECIAL_DOUBLES } from "./json_lines_writer.ts";
import { NEEDS_NEWLINE, NEEDS_QUOTE, type RecordParser } from "./record_splitter.ts";
import { parseRfc3339, parseTime } from "./timestamp.ts";

/** A record of CSV as text, before its cells are known. */
export interface CsvRecord {
  kind: "record";
  line: number;
  text: string;
}

/** Which columns are what. */
export interface CsvColumns {
  /** The column of the time; undefined: `time`, if there is such a column. */
  timeColumn: string | undefined;
  /** The columns that are tags. */
  tagColumns: readonly string[];
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const DOUBLE = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Finds where records end: at a newline outside of quotes. Lines with nothing but white space are boundaries. */
export class CsvRecordParser implements RecordParser<InputItem | CsvRecord> {
  parse(text: string, position: number, line: number, out: (InputItem | CsvRecord)[]): number {
    let newline = text.indexOf("\n", position);
    const quote = text.indexOf('"', position);
    if (quote >= 0 && (newline < 0 || quote < newline)) newline = recordEnd(text, position);
    if (newline < 0) return newline;
    const record = text.slice(position, text[newline - 1] === "\r" ? newline - 1 : newline);
    if (record.trim() === "") out.push({ kind: "boundary", line });
    else out.push({ kind: "record", line, text: record });
    return newline + 1;
  }
}

/** The newline that ends the record at `position`, or what is missing. */
function recordEnd(text: string, position: number): number {
  for (;;) {
    if (text[position] === '"') {
      do {
        position = text.indexOf('"', position + 1);
        if (position < 0) return NEEDS_QUOTE;
        position++;
      } while (text[position] === '"'); // a doubled quote is a quote inside
    }
    while (position < text.length && text[position] !== "," && text[position] !== "\n") position++;
    if (position >= text.length) return NEEDS_NEWLINE;
    if (text[position] === "\n") return position;
    position++;
  }
}

/**
 * Makes points of CSV with a header.
 *
 * The time is an integer in the precision, or RFC 3339; an empty cell or no such column: now. The column `name` is the
 * measurement, unless a measurement is given; then it is a column like others. Columns that are not time, name or tags are fields, each value
 * typed as in JSON: `3` int64, `3.0` or `NaN` double, `true` or `false` boolean, else a string. An empty cell is absent.
 *
 * Format: https://www.rfc-editor.org/rfc/rfc4180
 */
export class CsvTable {
  readonly #defaults: PointDefaults;
  readonly #columns: CsvColumns;
  #roles: Column[] | undefined;

  constructor(defaults: PointDefaults, columns: CsvColumns) {
    this.#defaults = defaults;
    this.#columns = columns;
  }

  /**
   * Turns records into points and leaves everything else as it is, in order.
   *
   * @throws {TineError} `bad-input` if the header cannot be used
   */
  async read(records: readonly (InputItem | CsvRecord)[]): Promise<InputItem[]> {
    const texts: CsvRecord[] = [];
    for (const item of records) if (item.kind === "record") texts.push(item);
    if (this.#roles === undefined) {
      if (texts.length === 0) return records.filter((item) => item.kind === "bad");
      const [row] = await parseRows(texts.splice(0, 1));
      if (typeof row === "string") throw badHeader(row);
      this.#roles = this.#header(row);
      const header = records.findIndex((item) => item.kind === "record");
      // Blank lines before the header end no batch.
      records = records.filter((item, i) => i > header || item.kind === "bad");
    }
    const rows = await parseRows(texts);
    const items: InputItem[] = [];
    let next = 0;
    for (const item of records) {
      if (item.kind !== "record") {
        items.push(item);
        continue;
      }
      const row = rows[next++];
      items.push(typeof row === "string" ? badLine(item.line, row, item.text) : this.#item(row, item));
    }
    return items;
  }

  #header(names: string[]): Column[] {
    const { timeColumn, tagColumns } = this.#columns;
    const wanted = timeColumn === undefined ? tagColumns : [timeColumn, ...tagColumns];
    for (const name of wanted) {
      if (!names.includes(name)) {
        throw badHeader(`there is no column ${quoted(name)}, only ${names.join(", ").slice(0, 200)}`);
      }
    }
    const seen = new Set<string>();
    let hasName = this.#defaults.measurement !== undefined;
    const roles = names.map((name): Column => {
      if (name === "") throw badHeader("a column has no name");
      if (seen.has(name)) throw badHeader(`the column ${quoted(name)} stands there twice`);
      seen.add(name);
      if (name === (timeColumn ?? "time")) return { name, role: "time" };
      if (tagColumns.includes(name)) return { name, role: "tag" };
      if (name !== "name" || this.#defaults.measurement !== undefined) return { name, role: "field" };
      hasName = true;
      return { name, role: "name" };
    });
    if (!hasName) throw badHeader('there is no column "name", and no measurement is given');
    return roles;
  }

  #item(cells: string[], record: CsvRecord): InputItem {
    const roles = this.#roles!;
    const { unit, now, measurement, database, retentionPolicy } = this.#defaults;
    const bad = (reason: string): BadLine => badLine(record.line, reason, record.text);
    if (cells.length !== roles.length) {
      return bad(`there are ${cells.length} cells, but the header has ${roles.length}`);
    }
    let name = measurement ?? "";
    let time: bigint | undefined;
    let tags: Map<string, string> | undefined;
    const fields = new FieldMaps();
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i];
      if (cell === "") continue;
      const column = roles[i];
      switch (column.role) {
        case "time":
          time = parseTime(cell, unit) ?? parseRfc3339(cell);
          if (time === undefined) {
            return bad(`the time ${quoted(cell)} is neither an integer in range nor an RFC 3339 time`);
          }
          break;
        case "name":
          name = cell;
          break;
        case "tag":
          (tags ??= new Map()).set(column.name, cell);
          break;
        case "field": {
          const reason = setCell(fields, column.name, cell);
          if (reason !== "") return bad(reason);
        }
      }
    }
    if (name === "") return bad("the name is empty");
    const point = new Point({
      time: time ?? now(),
      name,
      database,
      retentionPolicy,
      tags,
      fieldsDouble: fields.doubles,
      fieldsInt: fields.ints,
      fieldsString: fields.strings,
      fieldsBool: fields.bools,
    });
    return { kind: "point", line: record.line, point };
  }
}

interface Column {
  name: string;
  role: "time" | "name" | "tag" | "field";
}

/** Sets a field from a cell; returns why not, or "". */
function setCell(fields: FieldMaps, name: string, cell: string): string {
  if (INTEGER.test(cell)) {
    const value = parseInt64(cell);
    if (value === undefined) return `the field ${quoted(name)} is out of the range of int64: ${quoted(cell)}`;
    fields.setInt(name, value);
  } else if (DOUBLE.test(cell)) {
    const value = Number(cell);
    if (!Number.isFinite(value)) return `the field ${quoted(name)} is out of the range of doubles: ${quoted(cell)}`;
    fields.setDouble(name, value);
  } else if (cell === "true" || cell === "false") {
    fields.setBool(name, cell === "true");
  } else {
    const special = SPECIAL_DOUBLES.get(cell);
    if (special !== undefined) fields.setDouble(name, special);
    else fields.setString(name, cell);
  }
  return "";
}

function badHeader(reason: string): TineError {
  const { reason: safe } = badLine(1, reason, "");
  return new TineError("bad-input", `the header of the CSV input cannot be used: ${safe}`);
}

/** The cells of each record, or why it has none. */
async function parseRows(records: readonly CsvRecord[]): Promise<(string[] | string)[]> {
  const rows: (string[] | string)[] = [];
  // An error drops rows that were read ahead, so the record it is about is found by going on one by one. Blocks then
  // grow again: all the rest at once would take quadratic time where many records are bad.
  let size = records.length;
  while (rows.length < records.length) {
    const block = records.slice(rows.length, rows.length + size);
    const reason = await parseInto(rows, block);
    if (reason === undefined) {
      size *= 2;
    } else {
      if (block.length === 1) rows.push(reason);
      size = 1;
    }
  }
  return rows;
}

/** Adds the rows of the records up to the first that is not CSV, and returns what is wrong with that. */
async function parseInto(rows: (string[] | string)[], records: readonly CsvRecord[]): Promise<string | undefined> {
  let text = "";
  for (const record of records) text += record.text + "\n";
  try {
    for await (const row of ReadableStream.from([text]).pipeThrough(new CsvParseStream())) rows.push(row);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The message counts lines from the start of this block, so only what follows the place is of use.
    return messageOf(error).replace(/^.*column \d+: /s, "");
  }
}
