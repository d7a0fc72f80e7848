import {
  type DecodedArray,
  type FileMetaData,
  parquetMetadata,
  type ParquetParsers,
  parquetScan,
  parquetSchema,
  type SchemaElement,
} from "hyparquet";
import { messageOf, TineError } from "../../base/errors.ts";
import { terminalText } from "../../base/terminal_text.ts";
import { formatCount } from "../../base/units.ts";
import { type FieldValue, Point } from "../point.ts";
import { badLine, FieldMaps, type InputItem, type PointDefaults, quoted } from "./input_item.ts";
import type { ItemSource, SourceOptions } from "./item_source.ts";
import { type ColumnChunk, PAGE_CODECS, PageCheck } from "./parquet_pages.ts";
import { parseRfc3339, parseTime } from "./timestamp.ts";

/** Points of a list of items. */
const LIST = 1024;

/** The largest file: it is kept in memory, since what it holds is described at its end. */
const MAX_BYTES = 2 * 2 ** 30;

/** A source of Parquet, which is read once all of it is there. */
export class ParquetSource implements ItemSource {
  readonly #options: SourceOptions;
  #bytes = new Uint8Array(64 * 1024);
  #length = 0;
  lines = 0;
  invalidUtf8 = 0;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** @throws {TineError} `bad-input` for a file that is too large, or that is none of Parquet */
  push(piece: Uint8Array): InputItem[] {
    const length = this.#length + piece.length;
    if (length > MAX_BYTES) throw bad("is larger than the 2GiB that can be read; several smaller files can");
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(MAX_BYTES, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
    if (length >= MAGIC_BYTES) checkMagic(this.#bytes); // not after hours of another kind of input
    return [];
  }

  async *end(): AsyncGenerator<InputItem[]> {
    const { defaults, tagColumns, timeColumn, warn } = this.#options;
    const onInvalidUtf8 = () => this.invalidUtf8++;
    for await (
      const items of readParquet(this.#bytes.subarray(0, this.#length), {
        ...{ defaults, tagColumns, timeColumn, warn, onInvalidUtf8 },
      })
    ) {
      this.lines = items.at(-1)?.line ?? this.lines;
      yield items;
    }
  }
}

/** What is known of the columns of a file. */
export interface ParquetOptions {
  defaults: PointDefaults;
  /** The columns that are tags. */
  tagColumns: readonly string[];
  /** The column of the time; undefined: `time`, else the only column of timestamps. */
  timeColumn: string | undefined;
  /** Gets a sentence about columns that cannot be fields. */
  warn: (message: string) => void;
  /** Called for each text that is no UTF-8, whose wrong bytes become U+FFFD. */
  onInvalidUtf8?: () => void;
}

/** What the values of a column are. `time` is nanoseconds since 1970. */
type Kind = "bool" | "int" | "double" | "string" | "time";

interface Column {
  readonly name: string;
  readonly kind: Kind;
  readonly role: "time" | "name" | "tag" | "field";
}

/**
 * Reads points from a file of Parquet, one row group after the other. A row is a point, and its number stands for the
 * line of its item.
 *
 * The time is a timestamp of any unit, a date, an integer in the precision, or a text in RFC 3339. The column `name` is
 * the measurement, unless a measurement is given. Columns that are not time, name or tags are fields in their own type;
 * timestamps among them are int64 in nanoseconds. A null is absent, and a row without a field is no point. Nested
 * columns are left out.
 *
 * Format: https://github.com/apache/parquet-format
 *
 * @param bytes the whole file
 * @throws {TineError} `bad-input` for what is no such file, is damaged, or has no columns that make points
 */
export async function* readParquet(
  bytes: Uint8Array<ArrayBuffer>,
  options: ParquetOptions,
): AsyncGenerator<InputItem[]> {
  const { metadata, columns } = described(bytes, options);
  const file = {
    byteLength: bytes.length,
    slice: (start: number, end?: number) => bytes.slice(start, end).buffer,
  };
  const check = new PageCheck();
  const scan = await parquetScan({
    ...{ file, metadata, compressors: check.compressors, useOffsetIndex: false },
    parsers: parsersOf(options.onInvalidUtf8 ?? (() => {})),
  });
  let groupStart = 0;
  for (const [group, { num_rows }] of metadata.row_groups.entries()) {
    const rows = Number(num_rows);
    const values: DecodedArray[] = [];
    for (const { name } of columns) {
      try {
        check.column(chunkOf(name, metadata, group, bytes));
        const read = await scan.readColumn({ column: name, rowStart: groupStart, rowEnd: groupStart + rows });
        if (read.length !== rows) throw new Error(`it has ${read.length} values and its row group ${rows} rows`);
        values.push(read);
      } catch (error) {
        throw bad(`is damaged: column ${quoted(name)} of row group ${group + 1}: ${messageOf(error)}`, error);
      }
    }
    for (let row = 0; row < rows; row += LIST) {
      const items: InputItem[] = [];
      for (let i = row; i < Math.min(rows, row + LIST); i++) {
        const item = itemOf(columns, values, i, groupStart + i + 1, options.defaults);
        if (item !== undefined) items.push(item);
      }
      yield items;
    }
    groupStart += rows;
  }
}

/** Reads the metadata of a file, and makes sure that all of the file is there. */
function described(bytes: Uint8Array<ArrayBuffer>, options: ParquetOptions): {
  metadata: FileMetaData;
  columns: readonly Column[];
} {
  checkMagic(bytes);
  if (bytes.length < 12 || magicAt(bytes, bytes.length - MAGIC_BYTES) !== "PAR1") {
    const size = formatCount(bytes.length, "byte");
    throw bad(`is cut short: its ${size} do not end with "PAR1", and what it holds is described at its end`);
  }
  try {
    const metadata = parquetMetadata(bytes, { geoparquet: false, parsers: parsersOf(() => {}) });
    checkPlaces(metadata, bytes.length);
    const columns = columnsOf(metadata, options);
    checkCodecs(metadata, columns);
    return { metadata, columns };
  } catch (error) {
    if (error instanceof TineError) throw error;
    throw bad(`is damaged at its end, which describes what it holds: ${messageOf(error)}`, error);
  }
}

/** Finds a column in a row group. */
function chunkOf(name: string, { row_groups, schema }: FileMetaData, group: number, bytes: Uint8Array): ColumnChunk {
  const { columns, num_rows } = row_groups[group];
  const column = columns.find(({ meta_data }) => meta_data!.path_in_schema[0] === name);
  const element = schema.find((element) => element.name === name && element.num_children === undefined);
  if (column === undefined || element === undefined) throw new Error("it is not described");
  const { dictionary_page_offset, data_page_offset, total_compressed_size, codec, type } = column.meta_data!;
  const start = Number(dictionary_page_offset ?? data_page_offset);
  return {
    bytes: bytes.subarray(start, start + Number(total_compressed_size)),
    rows: Number(num_rows),
    nullable: element.repetition_type !== "REQUIRED",
    isBoolean: type === "BOOLEAN",
    isInt32: type === "INT32",
    isCompressed: codec !== "UNCOMPRESSED",
  };
}

/** Makes sure that the file begins as such files do. */
function checkMagic(bytes: Uint8Array): void {
  const magic = magicAt(bytes, 0);
  if (magic === "PARE") throw bad("is encrypted, which cannot be read");
  if (magic !== "PAR1") throw bad('is none: it does not begin with "PAR1"');
}

const MAGIC_BYTES = 4;

function magicAt(bytes: Uint8Array, start: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + MAGIC_BYTES));
}

/** Makes sure that all columns are inside of the file. */
function checkPlaces({ row_groups, metadata_length }: FileMetaData, size: number): void {
  const end = size - 8 - metadata_length;
  for (const { columns, num_rows } of row_groups) {
    if (num_rows === 0n) continue; // what has no rows may be anywhere
    for (const { meta_data } of columns) {
      const { dictionary_page_offset, data_page_offset, total_compressed_size, path_in_schema } = meta_data!;
      const start = dictionary_page_offset ?? data_page_offset;
      if (start >= 4n && total_compressed_size >= 0n && start + total_compressed_size <= end) continue;
      const name = quoted(path_in_schema.join("."));
      throw bad(`is damaged: column ${name} is outside of the file, which has ${formatCount(size, "byte")}`);
    }
  }
}

function checkCodecs({ row_groups }: FileMetaData, columns: readonly Column[]): void {
  for (const { meta_data } of row_groups.flatMap(({ columns }) => columns)) {
    const { codec, path_in_schema: [name] } = meta_data!;
    if (PAGE_CODECS.includes(codec) || columns.every((column) => column.name !== name)) continue;
    throw bad(`cannot be used: column ${quoted(name)} is compressed by ${codec}, not one of ${PAGE_CODECS.join(", ")}`);
  }
}

/** The columns that make points. */
function columnsOf(metadata: FileMetaData, options: ParquetOptions): Column[] {
  const { tagColumns, timeColumn, warn, defaults: { measurement } } = options;
  const kinds = new Map<string, Kind>();
  const names: string[] = [];
  for (const { element, children } of parquetSchema(metadata).children) {
    names.push(element.name);
    const kind = children.length > 0 || element.repetition_type === "REPEATED" ? undefined : kindOf(element);
    // Pandas keeps row numbers in an index without a name.
    if (element.name.startsWith("__index_level_") && kind !== "time") continue;
    if (kind !== undefined) kinds.set(element.name, kind);
    else if (![timeColumn, ...tagColumns].includes(element.name)) {
      warn(terminalText(`column ${quoted(element.name)} is left out: its values are ${describe(element)}`));
    }
  }
  for (const name of timeColumn === undefined ? tagColumns : [timeColumn, ...tagColumns]) {
    if (kinds.has(name)) continue;
    if (names.includes(name)) throw bad(`cannot be used: column ${quoted(name)} has values that are no single ones`);
    throw bad(`cannot be used: there is no column ${quoted(name)}, only ${names.join(", ").slice(0, 200)}`);
  }
  const time = timeColumn ?? timeAmong(kinds);
  const kind = time === undefined ? undefined : kinds.get(time)!;
  if (kind === "double" || kind === "bool") {
    throw bad(
      `cannot be used: the time column ${quoted(time!)} holds ${kind}s, not timestamps, integers or RFC 3339 texts`,
    );
  }
  const columns = Array.from(kinds, ([name, kind]): Column => {
    if (name === time) return { name, kind, role: "time" };
    if (tagColumns.includes(name)) return { name, kind, role: "tag" };
    return { name, kind, role: name === "name" && measurement === undefined ? "name" : "field" };
  });
  if (measurement === undefined && columns.every(({ role }) => role !== "name")) {
    throw bad('cannot be used: there is no column "name", and no --measurement NAME is given');
  }
  return columns;
}

/** The column of the time where it is not named. */
function timeAmong(kinds: ReadonlyMap<string, Kind>): string | undefined {
  if (kinds.has("time")) return "time";
  const times = Array.from(kinds).filter(([, kind]) => kind === "time").map(([name]) => name);
  if (times.length < 2) return times[0];
  throw bad(
    `cannot be used: its columns ${
      times.join(", ")
    } hold times and none is called time; --time-column NAME chooses one`,
  );
}

/** What a column's values are; undefined: nothing that a field or a tag can be. */
function kindOf(element: SchemaElement): Kind | undefined {
  const { type, converted_type: converted, logical_type: logical } = element;
  const is = (name: string) => converted === name || logical?.type === name;
  if (is("DECIMAL")) {
    element.converted_type = "DECIMAL"; // old and new files say it in one place or the other
    element.scale ??= logical?.type === "DECIMAL" ? logical.scale : 0;
    return "double";
  }
  switch (type) {
    case "BOOLEAN":
      return "bool";
    case "FLOAT":
    case "DOUBLE":
      return "double";
    case "INT32":
      if (is("DATE")) element.converted_type = "DATE";
      return is("DATE") ? "time" : "int";
    case "INT64":
      return is("TIMESTAMP") || is("TIMESTAMP_MILLIS") || is("TIMESTAMP_MICROS") ? "time" : "int";
    case "INT96":
      return "time";
    case "BYTE_ARRAY":
      return ["BSON", "GEOMETRY", "GEOGRAPHY", "VARIANT", "FILE"].some(is) ? undefined : "string";
    case "FIXED_LEN_BYTE_ARRAY":
      return is("UUID") ? "string" : is("FLOAT16") ? "double" : undefined;
    default:
      return undefined;
  }
}

function describe({ type, converted_type, logical_type }: SchemaElement): string {
  const name = logical_type?.type ?? converted_type ?? type;
  return name === undefined ? "nested" : `of the type ${name}`;
}

/** The item of a row; undefined: it has no value. */
function itemOf(
  columns: readonly Column[],
  values: readonly DecodedArray[],
  i: number,
  row: number,
  { unit, now, measurement, database, retentionPolicy }: PointDefaults,
): InputItem | undefined {
  const wrong = (reason: string) => badLine(row, reason, `row ${row}`);
  let name = measurement ?? "";
  let time: bigint | undefined;
  let tags: Map<string, string> | undefined;
  const fields = new FieldMaps();
  let [hasColumns, hasFields] = [false, false];
  for (const [c, { name: column, kind, role }] of columns.entries()) {
    if (role === "field") hasColumns = true;
    const value: FieldValue | null | undefined = values[c][i];
    if (value === undefined || value === null) continue;
    if (role === "time") {
      time = kind === "string"
        ? parseTime(value as string, unit) ?? parseRfc3339(value as string)
        : kind === "int"
        ? BigInt(value) * unit
        : value as bigint;
      if (time === undefined) return wrong(`the time ${quoted(String(value))} is no RFC 3339 time`);
      if (!isInt64(time)) return wrong(`the time ${value} is out of range`);
    } else if (role === "name") name = String(value);
    else if (role === "tag") {
      if (value !== "") (tags ??= new Map()).set(column, String(value));
    } else {
      hasFields = true;
      if (kind === "double") fields.setDouble(column, value as number);
      else if (kind === "string") fields.setString(column, value as string);
      else if (kind === "bool") fields.setBool(column, value as boolean);
      else {
        const int = BigInt(value);
        if (!isInt64(int)) return wrong(`the field ${quoted(column)} is ${value}, which is no int64`);
        fields.setInt(column, int);
      }
    }
  }
  if (!hasFields && (hasColumns || tags === undefined && time === undefined)) return undefined;
  if (name === "") return wrong("the name is empty");
  const point = new Point({ time: time ?? now(), name, database, retentionPolicy, tags, ...fields });
  return { kind: "point", line: row, point };
}

function isInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/** Turns values into ours: times into nanoseconds, bytes into texts. */
function parsersOf(onInvalidUtf8: () => void): Partial<ParquetParsers> {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
  const text = (bytes: Uint8Array | undefined) => {
    if (bytes === undefined) return undefined;
    try {
      return strict.decode(bytes);
    } catch {
      onInvalidUtf8();
      return lenient.decode(bytes);
    }
  };
  return {
    timestampFromMilliseconds: (value: bigint | undefined) => value === undefined ? undefined : value * 1_000_000n,
    timestampFromMicroseconds: (value: bigint | undefined) => value === undefined ? undefined : value * 1_000n,
    timestampFromNanoseconds: (value) => value,
    dateFromDays: (days: number | undefined) => days === undefined ? undefined : BigInt(days) * 86_400_000_000_000n,
    stringFromBytes: text,
    jsonFromBytes: text,
  };
}

/** @param what is wrong with the file, as a clause that follows its name */
function bad(what: string, cause?: unknown): TineError {
  return new TineError("bad-input", terminalText(`the Parquet file ${what}`), { cause });
}
