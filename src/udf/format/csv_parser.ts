import { CsvParseStream } from "@std/csv";
import { messageOf, TineError } from "../../base/errors.ts";
import { Point } from "../point.ts";
import { FieldColumn, trimmedCell } from "./field_column.ts";
import { type BadLine, badLine, FieldMaps, type InputItem, type PointDefaults, quoted } from "./input_item.ts";
import { type CsvColumn, CsvReader, CsvSurveyor } from "./csv_reader.ts";
import { type CsvRecord, CsvText } from "./csv_records.ts";
import { FastLines } from "./fast_lines.ts";
import { type ItemSource, piecesOf, type SourceOptions } from "./item_source.ts";
import { terminalText } from "../../base/terminal_text.ts";
import { parseRfc3339, parseTime } from "./timestamp.ts";

/** Which columns are what. */
type CsvColumns = Pick<SourceOptions, "timeColumn" | "tagColumns" | "types">;

/** Rows of a stream over which the types of columns are decided, */
const SURVEYED_ROWS = 10_000;
/** or over this much text, in UTF-16 units. */
const SURVEYED_LENGTH = 16 * 1024 * 1024;

/**
 * Reads CSV with a header; see {@linkcode CsvTable} for what it takes.
 *
 * Where the input can be had once more, the types of columns are decided over all of it, else over its first rows.
 */
export class CsvSource implements ItemSource {
  readonly #options: SourceOptions;
  readonly #table: CsvTable;
  readonly #lines: FastLines;
  #reader: CsvReader | undefined;

  constructor(options: SourceOptions) {
    this.#options = options;
    const table = this.#table = new CsvTable(options.defaults, options, options.warn);
    this.#lines = new FastLines(
      () => {
        if (!table.decided || table.columns === undefined) return undefined;
        return this.#reader ??= new CsvReader(options.defaults, table.columns);
      },
      new CsvText(options.maxLineLength, (records) => table.read(records)),
      { frames: options.frames, atEnd: (out) => out.push(...table.decide()) },
    );
  }

  async prepare(): Promise<void> {
    const { again, maxLineLength } = this.#options;
    if (again === undefined) return;
    const table = this.#table;
    let surveyor: CsvSurveyor | undefined;
    const lines = new FastLines(
      () => table.columns && (surveyor ??= new CsvSurveyor(table.columns)),
      new CsvText(maxLineLength, async (records) => {
        await table.survey(records);
        return [];
      }),
    );
    for await (const chunk of await again()) {
      for (const piece of piecesOf(chunk)) await lines.push(piece);
    }
    await lines.end();
    table.surveyed();
  }

  push(piece: Uint8Array): Promise<InputItem[]> {
    return this.#lines.push(piece);
  }

  end(): Promise<InputItem[]> {
    return this.#lines.end();
  }

  get holding(): boolean {
    return this.#table.holding;
  }

  release(): InputItem[] {
    return this.#table.decide();
  }

  get lines(): number {
    return this.#lines.lines;
  }

  get invalidUtf8(): number {
    return this.#lines.invalidUtf8;
  }
}

/**
 * Reads points from CSV with a header.
 *
 * The time is an integer in the precision, or RFC 3339; no such column, or a cell without a value: now. The column
 * `name` is the measurement, unless a measurement is given; then it is a column like others. Columns that are not time,
 * name or tags are fields, each of one type, see {@linkcode FieldColumn}. An empty cell or `null` is absent. A row
 * without a value in a column of fields is no point.
 *
 * The types are decided over the rows of a {@linkcode survey}, else over the first rows, which are held back until
 * then.
 *
 * Format: https://www.rfc-editor.org/rfc/rfc4180
 */
class CsvTable {
  readonly #defaults: PointDefaults;
  readonly #columns: CsvColumns;
  readonly #warn: (message: string) => void;
  #roles: CsvColumn[] | undefined;
  #headerRead = false;
  #decided = false;
  /** The first rows, until types are decided. */
  #held: (InputItem | Row)[] = [];
  #heldRows = 0;
  #heldLength = 0;

  /** @param warn gets a sentence for each column whose type differs from most of its cells */
  constructor(defaults: PointDefaults, columns: CsvColumns, warn: (message: string) => void) {
    this.#defaults = defaults;
    this.#columns = columns;
    this.#warn = warn;
  }

  /** Whether the types of the columns are decided. */
  get decided(): boolean {
    return this.#decided;
  }

  /** The columns, once the header has been read of the input at hand. */
  get columns(): readonly CsvColumn[] | undefined {
    return this.#headerRead ? this.#roles : undefined;
  }

  /** Whether rows are held back. */
  get holding(): boolean {
    return this.#heldRows > 0;
  }

  /**
   * Learns the types of columns from records, which are read again once {@linkcode decide} is called.
   *
   * @throws {TineError} `bad-input` if the header cannot be used
   */
  async survey(records: readonly (InputItem | CsvRecord)[]): Promise<void> {
    for (const item of await this.#rows(records)) if (item.kind === "row") this.#learn(item);
  }

  /** Decides the types of the columns after a survey; the header comes again. */
  surveyed(): void {
    this.decide();
    this.#headerRead = false;
  }

  /**
   * Turns records into points and leaves everything else as it is, in order.
   *
   * @throws {TineError} `bad-input` if the header cannot be used
   */
  async read(records: readonly (InputItem | CsvRecord)[]): Promise<InputItem[]> {
    const rows = await this.#rows(records);
    if (this.#decided) return this.#items(rows);
    for (const [i, item] of rows.entries()) {
      this.#held.push(item);
      if (item.kind !== "row") continue;
      this.#heldRows++;
      this.#heldLength += item.text.length;
      this.#learn(item);
      // However many rows came in one piece, so that types do not depend on how input is cut.
      if (this.#heldRows < SURVEYED_ROWS && this.#heldLength < SURVEYED_LENGTH) continue;
      return this.decide().concat(this.#items(rows.slice(i + 1)));
    }
    return [];
  }

  /** Decides the types of the columns by what has been read so far, and gives what was held back. */
  decide(): InputItem[] {
    if (this.#decided) return [];
    this.#decided = true;
    for (const { field } of this.#roles ?? []) {
      const odd = field?.decide();
      if (odd !== undefined) this.#warn(terminalText(odd));
    }
    const held = this.#held;
    this.#held = [];
    this.#heldRows = this.#heldLength = 0;
    return this.#items(held);
  }

  /** The cells of the records behind the header. */
  async #rows(records: readonly (InputItem | CsvRecord)[]): Promise<(InputItem | Row)[]> {
    const texts: CsvRecord[] = [];
    for (const item of records) if (item.kind === "record") texts.push(item);
    if (!this.#headerRead) {
      if (texts.length === 0) return records.filter((item) => item.kind === "bad");
      const [row] = await parseRows(texts.splice(0, 1));
      if (typeof row === "string") throw badHeader(row);
      this.#roles ??= this.#header(row.map((name) => name.trim()));
      this.#headerRead = true;
      const header = records.findIndex((item) => item.kind === "record");
      // Blank lines before the header end no batch.
      records = records.filter((item, i) => i > header || item.kind === "bad");
    }
    const rows = await parseRows(texts);
    const wanted = this.#roles!.length;
    let next = 0;
    return records.map((item) => {
      if (item.kind !== "record") return item;
      const cells = rows[next++];
      if (typeof cells === "string") return badLine(item.line, cells, item.text);
      if (cells.length === wanted) return { kind: "row", line: item.line, text: item.text, cells };
      return badLine(item.line, `there are ${cells.length} cells, but the header has ${wanted}`, item.text);
    });
  }

  #learn({ cells, line }: Row): void {
    for (const [i, { field }] of this.#roles!.entries()) {
      if (field !== undefined && trimmedCell(cells[i]) !== "") field.see(cells[i], line);
    }
  }

  #items(rows: readonly (InputItem | Row)[]): InputItem[] {
    const items: InputItem[] = [];
    for (const row of rows) {
      const item = row.kind === "row" ? this.#item(row) : row;
      if (item !== undefined) items.push(item);
    }
    return items;
  }

  #header(names: string[]): CsvColumn[] {
    const { timeColumn, tagColumns, types } = this.#columns;
    const wanted = [...timeColumn === undefined ? [] : [timeColumn], ...tagColumns, ...types.keys()];
    for (const name of wanted) {
      if (!names.includes(name)) {
        throw badHeader(`there is no column ${quoted(name)}, only ${names.join(", ").slice(0, 200)}`);
      }
    }
    const seen = new Set<string>();
    let hasName = this.#defaults.measurement !== undefined;
    const roles = names.map((name): CsvColumn => {
      if (name === "") {
        throw badHeader("a column has no name (pandas names its index so; to_csv(index=False) leaves it out)");
      }
      if (seen.has(name)) throw badHeader(`the column ${quoted(name)} stands there twice`);
      seen.add(name);
      const type = types.get(name);
      if (name === (timeColumn ?? "time")) {
        if (type !== undefined) throw badHeader(`the column ${quoted(name)} is the time, and no ${type}`);
        return { name, role: "time" };
      }
      if (tagColumns.includes(name)) {
        if (type !== undefined && type !== "tag") {
          throw badHeader(`the column ${quoted(name)} is given both as a tag and as ${type}`);
        }
        return { name, role: "tag" };
      }
      if (type === "tag" || type === "ignore") return { name, role: type };
      if (name !== "name" || this.#defaults.measurement !== undefined || type !== undefined) {
        return { name, role: "field", field: new FieldColumn(name, type) };
      }
      hasName = true;
      return { name, role: "name" };
    });
    if (!hasName) throw badHeader('there is no column "name", and no --measurement NAME is given');
    return roles;
  }

  /** The point of a row, or what is wrong with it; undefined: it has no value. */
  #item({ cells, line, text }: Row): InputItem | undefined {
    const roles = this.#roles!;
    const { unit, now, measurement, database, retentionPolicy } = this.#defaults;
    const bad = (reason: string): BadLine => badLine(line, reason, text);
    let name = measurement ?? "";
    let time: bigint | undefined;
    let tags: Map<string, string> | undefined;
    let empty = true;
    let hasFields = false;
    const fields = new FieldMaps();
    for (let i = 0; i < cells.length; i++) {
      const { name: column, role, field } = roles[i];
      if (field !== undefined) hasFields = true;
      const trimmed = trimmedCell(cells[i]);
      if (trimmed === "") continue;
      if (field !== undefined) {
        const reason = field.set(fields, cells[i]);
        if (reason !== "") return bad(reason);
        empty = false;
      } else if (role === "time") {
        time = parseTime(trimmed, unit) ?? parseRfc3339(trimmed);
        if (time === undefined) {
          return bad(`the time ${quoted(trimmed)} is neither an integer in range nor an RFC 3339 time`);
        }
      } else if (role === "name") {
        name = cells[i];
      } else if (role === "tag") {
        (tags ??= new Map()).set(column, cells[i]);
      }
    }
    if (empty && (hasFields || tags === undefined && time === undefined)) return undefined;
    if (name === "") return bad("the name is empty");
    const point = new Point({ time: time ?? now(), name, database, retentionPolicy, tags, ...fields });
    return { kind: "point", line, point };
  }
}

/** A record whose cells are known, as many as the header has. */
interface Row {
  kind: "row";
  line: number;
  text: string;
  cells: string[];
}

function badHeader(reason: string): TineError {
  const { reason: safe } = badLine(1, reason, "");
  return new TineError("bad-input", `the header of the CSV input cannot be used: ${safe}`);
}

/** The cells of each record, or why the record cannot be read. */
async function parseRows(records: readonly CsvRecord[]): Promise<(string[] | string)[]> {
  const withQuotes = records.filter(({ text }) => text.includes('"'));
  const parsed = withQuotes.length === 0 ? [] : await parseQuoted(withQuotes);
  let next = 0;
  return records.map((record) => record === withQuotes[next] ? parsed[next++] : record.text.split(","));
}

async function parseQuoted(records: readonly CsvRecord[]): Promise<(string[] | string)[]> {
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
