import { Point } from "../point.ts";
import {
  type AnnotatedColumn,
  assignParts,
  type ColumnPart,
  setAnnotated,
  setType,
  timeOfCell,
} from "./annotated_columns.ts";
import { type CsvRow, CsvRowParser } from "./csv_rows.ts";
import { FieldColumns, setTyped } from "./field_column.ts";
import { badLine, FieldMaps, type InputItem, type PointDefaults, quoted } from "./input_item.ts";
import type { SourceOptions, TextParser } from "./item_source.ts";
import { RecordSplitter } from "./record_splitter.ts";
import type { SurveyedFormat } from "./survey.ts";

/** The columns of a table. */
interface Table {
  /** How many cells a row has. */
  width: number;
  /** The columns of the header, and behind them those with the same value in each row, from `#constant`. */
  columns: readonly AnnotatedColumn[];
  /** Which column is the measurement, and which the names of fields; -1: there is no such column. */
  measurementAt: number;
  fieldNameAt: number;
  /** Why the rows cannot be used; "": they can. */
  problem: string;
  /** Whether the table holds why a query failed. */
  isError: boolean;
  /** Whether each field has a type. */
  isTyped: boolean;
}

/** A row of a table. */
interface TableRow extends CsvRow {
  table: Table;
}

/**
 * Reads InfluxDB's annotated CSV: results of queries with any number of tables, and what `influx write` takes, such as
 * `#datatype measurement,tag,double,dateTime:RFC3339`.
 *
 * A row of a result with the columns `_field` and `_value` is a point with that field. Columns of the group key, of the
 * type `tag`, and of strings beside `_field` are tags; `_start`, `_stop`, `result` and `table` are left out. Where
 * there is no `_field`, as behind `pivot()`, columns that are no tags are fields. Of columns without a type,
 * {@linkcode FieldColumn} decides it. An empty cell has the default of its column; without a default it is absent.
 *
 * Formats: https://docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv/ and
 * https://docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv/extended/
 */
export class AnnotatedCsv implements SurveyedFormat<TableRow | InputItem> {
  readonly #options: SourceOptions;
  readonly #fields: FieldColumns;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#fields = new FieldColumns(options.types, options.warn);
  }

  parser(): TableRows {
    return new TableRows(this.#options);
  }

  isSettled(entry: TableRow | InputItem): boolean {
    return entry.kind !== "row" || entry.table.isTyped;
  }

  learn(entry: TableRow | InputItem): void {
    if (entry.kind !== "row" || entry.table.isTyped) return;
    const name = this.#nameOf(entry);
    for (const { field, column, cell } of this.#fieldsOf(entry)) {
      if (column.type === "" && cell.trim() !== "") this.#fields.of(name, field).see(cell, entry.line);
    }
  }

  decide(): void {
    this.#fields.decide();
  }

  finish(): void {
    this.#fields.finish();
  }

  item(entry: TableRow | InputItem): InputItem | undefined {
    if (entry.kind !== "row") return entry;
    const { line, text, table } = entry;
    const { unit, database, retentionPolicy, now } = this.#options.defaults;
    const name = this.#nameOf(entry);
    if (name === "") return badLine(line, "the row has no measurement", text);
    const fields = new FieldMaps();
    const tags = new Map<string, string>();
    for (const { field, column, cell } of this.#fieldsOf(entry)) {
      if (cell.trim() === "" || field === "") continue;
      const given = this.#fields.given(field);
      if (given === "ignore") continue;
      if (given === "tag") {
        tags.set(field, cell);
        continue;
      }
      const reason = given !== undefined
        ? setTyped(fields, field, given, cell)
        : setAnnotated(fields, field, column, cell) ?? this.#fields.of(name, field).set(fields, cell);
      if (reason !== "") return badLine(line, reason, text);
    }
    if (fields.isEmpty) return undefined;
    let time: bigint | undefined;
    const { columns } = table;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      if (column.part !== "tag" && column.part !== "time") continue;
      const cell = valueAt(entry, i, column);
      if (cell === "") continue;
      if (column.part === "tag" && this.#fields.given(column.label) !== "ignore") tags.set(column.label, cell);
      if (column.part !== "time" || cell.trim() === "") continue;
      time = timeOfCell(cell, column, unit);
      if (time === undefined) {
        return badLine(line, `the time ${quoted(cell)} is neither an integer in range nor an RFC 3339 time`, text);
      }
    }
    const point = new Point({ time: time ?? now(), name, database, retentionPolicy, tags, ...fields });
    return { kind: "point", line, point };
  }

  #nameOf(row: TableRow): string {
    const { columns, measurementAt: i } = row.table;
    return (i < 0 ? "" : valueAt(row, i, columns[i])) || (this.#options.defaults.measurement ?? "");
  }

  *#fieldsOf(row: TableRow): Generator<{ field: string; column: AnnotatedColumn; cell: string }> {
    const { columns, fieldNameAt: nameAt } = row.table;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      if (column.part === "field") {
        yield { field: column.label, column, cell: valueAt(row, i, column) };
      } else if (column.part === "fieldValue") {
        yield { field: valueAt(row, nameAt, columns[nameAt]), column, cell: valueAt(row, i, column) };
      }
    }
  }
}

function valueAt({ cells }: CsvRow, i: number, column: AnnotatedColumn): string {
  return (i < cells.length ? cells[i] : "") || column.default;
}

/** Follows annotations and headers, and gives each row its table. */
class TableRows implements Omit<TextParser, "push" | "end"> {
  readonly #defaults: PointDefaults;
  readonly #options: Pick<SourceOptions, "tagColumns" | "timeColumn">;
  readonly #splitter: RecordSplitter<CsvRow | InputItem>;
  /** What annotations define of the columns of the next table. */
  #columns: AnnotatedColumn[] = [];
  #constants: AnnotatedColumn[] = [];
  /** Whether the rows of a table come, and no annotations. */
  #table: Table | undefined;

  constructor({ defaults, tagColumns, timeColumn, maxLineLength }: SourceOptions) {
    this.#defaults = defaults;
    this.#options = { tagColumns, timeColumn };
    this.#splitter = new RecordSplitter(new CsvRowParser(), maxLineLength);
  }

  get lines(): number {
    return this.#splitter.lines;
  }

  push(text: string, out: (TableRow | InputItem)[]): void {
    const rows: (CsvRow | InputItem)[] = [];
    this.#splitter.push(text, rows);
    for (const row of rows) this.#take(row, out);
  }

  end(out: (TableRow | InputItem)[]): void {
    const rows: (CsvRow | InputItem)[] = [];
    this.#splitter.end(rows);
    for (const row of rows) this.#take(row, out);
  }

  #take(row: CsvRow | InputItem, out: (TableRow | InputItem)[]): void {
    if (row.kind !== "row") {
      // Blank lines between annotations and a header end no batch.
      if (row.kind !== "boundary" || this.#table !== undefined) out.push(row);
      return;
    }
    const { cells, line, text } = row;
    if (cells[0].startsWith("#")) {
      const reason = this.#annotate(cells);
      if (reason !== "") out.push(badLine(line, reason, text));
    } else if (this.#table === undefined || cells[0] === "" && cells[1] === "result" && cells[2] === "table") {
      const table = this.#table = this.#begin(cells);
      if (table.problem !== "") out.push(badLine(line, `the table cannot be read: ${table.problem}`, text));
    } else if (this.#table.isError) {
      out.push(badLine(line, "the query ended with an error", text));
    } else if (this.#table.problem !== "") {
      return; // the header has been reported
    } else if (cells.length !== this.#table.width) {
      const wanted = this.#table.width;
      out.push(badLine(line, `there are ${cells.length} cells, but the header has ${wanted}`, text));
    } else {
      out.push({ ...row, table: this.#table });
    }
  }

  /** Takes an annotation, and returns why it cannot be read, or "". */
  #annotate(cells: readonly string[]): string {
    // In the short form, the first cell holds the value of the first column too: "#datatype measurement".
    const [, word, first] = /^#(\w*) ?(.*)$/s.exec(cells[0])!;
    const values = [first.trim(), ...cells.slice(1)];
    const kind = word.toLowerCase();
    if (kind === "constant") {
      // Constants belong to the table that comes, and end the rows of the one before.
      this.#endTable();
      return this.#addConstant(first === "" ? cells.slice(1) : values);
    }
    if (kind === "timezone" || kind === "concat") return `the annotation #${kind} is not read`;
    if (kind !== "datatype" && kind !== "group" && kind !== "default") {
      return first === "" && word !== ""
        ? `there is no annotation #${word}: datatype, group, default and constant are read`
        : "";
    }
    this.#endTable();
    while (this.#columns.length < values.length) this.#columns.push(newColumn());
    for (const [i, value] of values.entries()) {
      const column = this.#columns[i];
      if (kind === "datatype") setType(column, value.trim());
      else if (kind === "group") column.isGroup = value.trim().toLowerCase() === "true";
      else column.default = value;
    }
    return "";
  }

  #endTable(): void {
    if (this.#table === undefined) return;
    this.#table = undefined;
    this.#columns = [];
    this.#constants = [];
  }

  /** `#constant,measurement,cpu` or `#constant,tag,host,a` */
  #addConstant([type, label = "", value = ""]: readonly string[]): string {
    if (type === undefined || label === "") return "a constant needs a type and a value";
    const column = newColumn();
    setType(column, type.trim());
    const isUnnamed = ["measurement", "dateTime", "time"].includes(column.type) && value === "";
    column.label = isUnnamed ? "" : label;
    column.default ||= isUnnamed ? label : value;
    this.#constants.push(column);
    return "";
  }

  /** Makes a table of its header. */
  #begin(labels: readonly string[]): Table {
    const given = this.#columns;
    const columns = labels.map((label, i): AnnotatedColumn => {
      const column = i < given.length ? { ...given[i] } : newColumn();
      const bar = column.type === "" ? label.indexOf("|") : -1;
      column.label = bar < 0 ? label : label.slice(0, bar);
      if (bar >= 0) setType(column, label.slice(bar + 1));
      if (this.#options.tagColumns.includes(column.label)) column.type = "tag";
      if (column.label !== "" && column.label === this.#options.timeColumn) column.type = "time";
      return column;
    });
    // Without their names, constants of the measurement and the time would be columns without a label.
    for (const constant of this.#constants) constant.label ||= `#${constant.type}`;
    const all = [...columns, ...this.#constants];
    const isError = columns.some(({ label }) => label === "error") &&
      columns.some(({ label }) => label === "reference");
    const tooLong = given.length > labels.length
      ? `its annotations have ${given.length} columns, but its header has ${labels.length}`
      : "";
    const problem = isError ? "" : tooLong || assignParts(all, this.#defaults.measurement !== undefined);
    const isTyped = all.every(({ part, type }) => type !== "" || part !== "field" && part !== "fieldValue");
    const at = (wanted: ColumnPart) => all.findIndex(({ part }) => part === wanted);
    const [measurementAt, fieldNameAt] = [at("measurement"), at("fieldName")];
    return { width: labels.length, columns: all, measurementAt, fieldNameAt, problem, isError, isTyped };
  }
}

function newColumn(): AnnotatedColumn {
  return { label: "", type: "", format: "", default: "", isGroup: false, part: "field" };
}
