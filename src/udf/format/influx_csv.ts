import { Point } from "../point.ts";
import { type CsvRow, CsvRowParser } from "./csv_rows.ts";
import { FieldColumns, trimmedCell } from "./field_column.ts";
import { badLine, FieldMaps, type InputItem, type PointDefaults, quoted } from "./input_item.ts";
import type { SourceOptions, TextParser } from "./item_source.ts";
import { RecordSplitter } from "./record_splitter.ts";
import type { SurveyedFormat } from "./survey.ts";
import { parseRfc3339, parseTime } from "./timestamp.ts";

/** A row below its header. */
interface InfluxRow extends CsvRow {
  /** The columns. */
  header: readonly string[];
  /** The number of columns before those of the query: `name`, `tags`, both or neither. */
  hasName: boolean;
  hasTags: boolean;
}

/**
 * Reads the CSV of InfluxDB 1: of `influx -format csv`, and of its HTTP API with `Accept: application/csv`.
 *
 * Each series, or each change of columns, begins with a header `name,tags,time,...`; `tags` is missing where the query
 * does not group. A cell of tags is `host=a,region=eu`. Other columns are fields, and each has one type in all rows of
 * its measurement, see {@linkcode FieldColumn}.
 *
 * Source: `formatResults` of InfluxDB 1.8, cmd/influx/cli/cli.go, and `csvFormatter`, services/httpd/response_writer.go.
 */
export class InfluxCsv implements SurveyedFormat<InfluxRow | InputItem> {
  readonly #defaults: PointDefaults;
  readonly #tagColumns: readonly string[];
  readonly #timeColumn: string;
  readonly #maxLineLength: number | undefined;
  readonly #columns: FieldColumns;
  #tags: { cell: string; tags: Map<string, string> } | undefined;

  constructor({ defaults, tagColumns, timeColumn, maxLineLength, types, warn }: SourceOptions) {
    this.#defaults = defaults;
    this.#tagColumns = tagColumns;
    this.#timeColumn = timeColumn ?? "time";
    this.#maxLineLength = maxLineLength;
    this.#columns = new FieldColumns(types, warn);
  }

  parser(): InfluxRows {
    return new InfluxRows(this.#timeColumn, this.#maxLineLength);
  }

  learn(entry: InfluxRow | InputItem): void {
    if (entry.kind !== "row") return;
    for (const [i, cell] of entry.cells.entries()) {
      const column = this.#fieldAt(entry, i);
      if (column === undefined || trimmedCell(cell) === "") continue;
      this.#columns.of(this.#nameOf(entry), column).see(cell, entry.line);
    }
  }

  decide(): void {
    this.#columns.decide();
  }

  finish(): void {
    this.#columns.finish();
  }

  item(entry: InfluxRow | InputItem): InputItem | undefined {
    if (entry.kind !== "row") return entry;
    const { cells, header, line, text } = entry;
    const { unit, database, retentionPolicy, now } = this.#defaults;
    const name = this.#nameOf(entry);
    if (name === "") return badLine(line, "the row has no name, and no measurement is given", text);
    let time: bigint | undefined;
    const tags = new Map(entry.hasTags ? this.#tagsOf(cells[entry.hasName ? 1 : 0]) : undefined);
    const fields = new FieldMaps();
    let empty = true;
    for (let i = columnsBefore(entry); i < cells.length; i++) {
      const column = header[i], trimmed = trimmedCell(cells[i]);
      const field = this.#fieldAt(entry, i);
      if (trimmed === "") continue;
      if (field !== undefined) {
        const reason = this.#columns.of(name, field).set(fields, cells[i]);
        if (reason !== "") return badLine(line, reason, text);
        empty = false;
      } else if (column === this.#timeColumn) {
        time = parseTime(trimmed, unit) ?? parseRfc3339(trimmed);
        if (time === undefined) {
          return badLine(line, `the time ${quoted(trimmed)} is neither an integer in range nor an RFC 3339 time`, text);
        }
      } else if (this.#columns.given(column) !== "ignore") {
        tags.set(column, cells[i]);
      }
    }
    if (empty) return undefined;
    const point = new Point({ time: time ?? now(), name, database, retentionPolicy, tags, ...fields });
    return { kind: "point", line, point };
  }

  /** Most rows have the tags of the row before. */
  #tagsOf(cell: string): ReadonlyMap<string, string> {
    if (this.#tags?.cell !== cell) this.#tags = { cell, tags: tagsOfCell(cell) };
    return this.#tags.tags;
  }

  #nameOf({ hasName, cells }: InfluxRow): string {
    return (hasName ? cells[0] : "") || (this.#defaults.measurement ?? "");
  }

  /** The name of the field in a column; undefined: it is no field. */
  #fieldAt(row: InfluxRow, i: number): string | undefined {
    const column = row.header[i];
    if (i < columnsBefore(row) || column === this.#timeColumn || this.#tagColumns.includes(column)) return undefined;
    const given = this.#columns.given(column);
    return given === "tag" || given === "ignore" ? undefined : column;
  }
}

function columnsBefore({ hasName, hasTags }: InfluxRow): number {
  return (hasName ? 1 : 0) + (hasTags ? 1 : 0);
}

/** Follows the headers. */
class InfluxRows implements Omit<TextParser, "push" | "end"> {
  readonly #timeColumn: string;
  readonly #splitter: RecordSplitter<CsvRow | InputItem>;
  #header: Pick<InfluxRow, "header" | "hasName" | "hasTags"> | undefined;
  #isError = false;

  constructor(timeColumn: string, maxLineLength: number | undefined) {
    this.#timeColumn = timeColumn;
    this.#splitter = new RecordSplitter(new CsvRowParser(), maxLineLength);
  }

  get lines(): number {
    return this.#splitter.lines;
  }

  push(text: string, out: (InfluxRow | InputItem)[]): void {
    const rows: (CsvRow | InputItem)[] = [];
    this.#splitter.push(text, rows);
    this.#take(rows, out);
  }

  end(out: (InfluxRow | InputItem)[]): void {
    const rows: (CsvRow | InputItem)[] = [];
    this.#splitter.end(rows);
    this.#take(rows, out);
  }

  #take(rows: readonly (CsvRow | InputItem)[], out: (InfluxRow | InputItem)[]): void {
    for (const row of rows) {
      if (row.kind !== "row") {
        // A blank line stands before a header of the HTTP API only.
        if (row.kind !== "boundary") out.push(row);
        continue;
      }
      const { cells, line, text } = row;
      if (this.#header === undefined || isHeader(cells, this.#timeColumn)) {
        this.#isError = cells.length === 1 && cells[0] === "error";
        const hasName = cells[0] === "name";
        const hasTags = cells[hasName ? 1 : 0] === "tags";
        this.#header = { header: cells, hasName, hasTags };
        if (!this.#isError && !cells.includes(this.#timeColumn)) {
          out.push(
            badLine(line, `the header has no column ${quoted(this.#timeColumn)}, so what follows is no points`, text),
          );
        }
      } else if (this.#isError) {
        out.push(badLine(line, "InfluxDB answered with an error", text));
      } else if (!this.#header.header.includes(this.#timeColumn)) {
        continue; // the header has been reported
      } else if (cells.length !== this.#header.header.length) {
        const wanted = this.#header.header.length;
        out.push(badLine(line, `there are ${cells.length} cells, but the header has ${wanted}`, text));
      } else {
        out.push({ ...row, ...this.#header });
      }
    }
  }
}

/** Whether a row that is not the first is a header. */
function isHeader(cells: readonly string[], timeColumn: string): boolean {
  return cells[0] === "name" && (cells[1] === "tags" || cells[1] === timeColumn);
}

/**
 * The tags of a cell such as `host=a,region=eu`. The HTTP API escapes commas, spaces and equals signs; the client does
 * not, so a part without an equals sign goes on with the value before it.
 */
function tagsOfCell(cell: string): Map<string, string> {
  const tags = new Map<string, string>();
  let last: string | undefined;
  for (const part of cell.match(/(?:\\.|[^,\\]|\\$)+/gs) ?? []) {
    const equals = /^((?:\\.|[^=\\])*)=(.*)$/s.exec(part);
    if (equals !== null) tags.set(last = unescaped(equals[1]), unescaped(equals[2]));
    else if (last !== undefined) tags.set(last, `${tags.get(last)},${unescaped(part)}`);
  }
  for (const [key, value] of tags) if (value === "") tags.delete(key);
  return tags;
}

function unescaped(text: string): string {
  return text.replace(/\\([,= ])/g, "$1");
}
