import { groupId, sortDimensions } from "../udf/group.ts";
import { Point } from "../udf/point.ts";
import {
  type Column,
  isPresent,
  type RowChunk,
  type TableSchema,
  valueAt,
  type Values,
} from "../result/tables/table.ts";
import { ByteReader } from "../wire/byte_reader.ts";
import { ByteWriter } from "../wire/byte_writer.ts";

// Tags of fields in proto/udf.proto: of a Request, of a Point, of an entry of a map.
const REQUEST_POINT = 17 << 3 | 2;
const TIME = 1 << 3;
const NAME = 2 << 3 | 2;
const GROUP = 5 << 3 | 2;
const DIMENSIONS = 6 << 3 | 2;
const TAGS = 7 << 3 | 2;
const DOUBLES = 8 << 3 | 2;
const INTS = 9 << 3 | 2;
const STRINGS = 10 << 3 | 2;
const BOOLS = 12 << 3 | 2;
const [KEY, VALUE_VARINT, VALUE_DOUBLE, VALUE_BYTES] = [1 << 3 | 2, 2 << 3, 2 << 3 | 1, 2 << 3 | 2];

/** Stands for all tags of a point, as in Kapacitor's groupBy. */
const ALL_TAGS = "*";

/** Rows as requests to a UDF. */
export interface EncodedPoints {
  /** Valid until the next rows are encoded. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
  /** At 2 * i the start of the i-th request behind its length, and at 2 * i + 1 its end. */
  readonly places: Uint32Array;
}

/** Writes a value of a row, where there is one; returns whether it did. */
type WriteField = (writer: ByteWriter, row: number) => boolean;

/**
 * Makes points of the rows of a table: the table is the measurement, its tags are tags and its other columns fields, as
 * in line protocol. A time or int becomes an int, a double a double, a text a string, a bool a bool; what is absent, and
 * a tag that is empty, is left out. A row without a time or without any field is no point: it is counted.
 *
 * Points are encoded at once, without an object for each: their tags are mostly those of the row before.
 *
 * @example
 * ```ts
 * import { RowPoints } from "./row_points.ts";
 * const columns = [
 *   { name: "time", type: "time", definition: "" },
 *   { name: "flow", type: "text", tag: true, definition: "" },
 *   { name: "rtt_us", type: "double", definition: "" },
 * ] as const;
 * const points = new RowPoints({ name: "round_trips", row: "an echo", columns }, ["flow"]);
 * const [point] = points.points({
 *   count: 1,
 *   columns: [
 *     { type: "time", base: 5n, offsets: Float64Array.of(0) },
 *     { type: "constant", value: "voip" },
 *     { type: "number", values: Float64Array.of(250) },
 *   ],
 * });
 * console.assert(point.group === "flow=voip" && point.field("rtt_us") === 250);
 * ```
 */
export class RowPoints {
  /** Rows that were no points. */
  lost = 0;
  readonly #schema: TableSchema;
  readonly #groupBy: readonly string[];
  readonly #writer = new ByteWriter(64 * 1024);
  readonly #scratch = new ByteWriter();
  /** Of each field the bytes before its value. */
  readonly #keys: readonly (Uint8Array | undefined)[];
  readonly #tags: readonly number[];
  /** The encoded name, group and tags, by the values of the tags that differ between rows. */
  readonly #heads = new Map<string, Uint8Array>();
  #places = new Uint32Array(1024);
  /** How many bytes the length of the last point took: the next one probably takes as many, and nothing is moved. */
  #lengthBytes = 2;

  /**
   * @param schema of the table
   * @param groupBy names of tags, in any order; `*` stands for all tags of a point; without any, all points are one group
   */
  constructor(schema: TableSchema, groupBy: readonly string[] = []) {
    this.#schema = schema;
    this.#groupBy = groupBy;
    const isTag = ({ tag }: Column, i: number) => i > 0 && tag === true;
    this.#tags = schema.columns.flatMap((column, i) => isTag(column, i) ? [i] : []);
    this.#keys = schema.columns.map((column, i) => i === 0 || isTag(column, i) ? undefined : this.#keyOf(column));
  }

  /**
   * Encodes the points of rows.
   *
   * @param chunk rows of the table
   * @returns as many points as rows, less those that are no points
   */
  encode({ count, columns }: RowChunk): EncodedPoints {
    const writer = this.#writer;
    writer.position = 0;
    if (this.#places.length < 2 * count) this.#places = new Uint32Array(2 * count);
    const places = this.#places;
    const headOf = this.#headsOf(columns);
    const fields = this.#fieldsOf(columns);
    const time = columns[0];
    let points = 0;
    for (let row = 0; row < count; row++) {
      const at = valueAt(time, row);
      if (typeof at !== "bigint") {
        this.lost++;
        continue;
      }
      const begin = writer.position;
      const guess = this.#lengthBytes;
      const frame = writer.openLength(guess);
      writer.uint32(REQUEST_POINT);
      const point = writer.openLength(guess);
      writer.uint32(TIME);
      writer.int64(at);
      writer.raw(headOf(row));
      let some = false;
      for (let i = 0; i < fields.length; i++) if (fields[i](writer, row)) some = true;
      if (!some) {
        writer.position = begin;
        this.lost++;
        continue;
      }
      writer.closeLength(point, guess);
      const size = this.#lengthBytes = writer.closeLength(frame, guess);
      places[2 * points] = begin + size;
      places[2 * points + 1] = writer.position;
      points++;
    }
    return { bytes: writer.written(), count: points, places: places.subarray(0, 2 * points) };
  }

  /** The points of rows, as objects that decode what is read of them. */
  points(chunk: RowChunk): Point[] {
    const { bytes, count, places } = this.encode(chunk);
    // Points refer to the bytes, which the next chunk takes.
    const kept = bytes.slice();
    const reader = new ByteReader();
    return Array.from({ length: count }, (_, i) => {
      reader.reset(kept, places[2 * i], places[2 * i + 1]);
      reader.uint32();
      reader.end = reader.delimited();
      return Point.decode(reader);
    });
  }

  #headsOf(columns: readonly Values[]): (row: number) => Uint8Array {
    const heads = this.#heads;
    heads.clear();
    const varying = this.#tags.filter((i) => columns[i].type !== "constant").map((i) => columns[i]);
    if (varying.length === 0) {
      const head = this.#head(columns, 0);
      return () => head;
    }
    let last: unknown[] = [];
    let head: Uint8Array | undefined;
    return (row) => {
      const values = varying.map((column) => valueAt(column, row));
      if (head !== undefined && values.every((value, i) => value === last[i])) return head;
      last = values;
      const key = JSON.stringify(values, (_, value) => typeof value === "bigint" ? `${value}n` : value);
      head = heads.get(key);
      if (head === undefined) heads.set(key, head = this.#head(columns, row));
      return head;
    };
  }

  /** Encodes what comes between the time and the fields. */
  #head(columns: readonly Values[], row: number): Uint8Array {
    const { name, columns: declared } = this.#schema;
    const tags = new Map<string, string>();
    for (const i of this.#tags) {
      const value = valueAt(columns[i], row);
      if (value !== undefined && value !== "") tags.set(declared[i].name, String(value));
    }
    const dimensions = sortDimensions(this.#groupBy.includes(ALL_TAGS) ? tags.keys() : this.#groupBy);
    const group = groupId({ name, byName: false, dimensions, tags });
    const writer = this.#scratch;
    writer.position = 0;
    writeText(writer, NAME, name);
    if (group !== "") writeText(writer, GROUP, group);
    for (const dimension of dimensions) writeText(writer, DIMENSIONS, dimension);
    for (const [tag, value] of tags) {
      writer.uint32(TAGS);
      const start = writer.openLength();
      writeText(writer, KEY, tag);
      writeText(writer, VALUE_BYTES, value);
      writer.closeLength(start);
    }
    return writer.written().slice();
  }

  /** Fields in the order of their maps, as a point that is read in place has them. */
  #fieldsOf(columns: readonly Values[]): WriteField[] {
    const fields = columns.flatMap((values, i) => {
      const key = this.#keys[i];
      if (key === undefined || values.type === "constant" && values.value === undefined) return [];
      return [{ map: mapOf(this.#schema.columns[i]), write: fieldWriter(key, this.#schema.columns[i], values) }];
    });
    return fields.sort((a, b) => a.map - b.map).map(({ write }) => write);
  }

  #keyOf(column: Column): Uint8Array {
    const writer = this.#scratch;
    writer.position = 0;
    writeText(writer, KEY, column.name);
    const { type } = column;
    writer.uint32(type === "double" ? VALUE_DOUBLE : type === "text" ? VALUE_BYTES : VALUE_VARINT);
    return writer.written().slice();
  }
}

function writeText(writer: ByteWriter, tag: number, text: string): void {
  writer.uint32(tag);
  writer.string(text);
}

function mapOf({ type }: Column): number {
  switch (type) {
    case "double":
      return DOUBLES;
    case "text":
      return STRINGS;
    case "bool":
      return BOOLS;
    default:
      return INTS;
  }
}

/** @param key the bytes of an entry before its value */
function fieldWriter(key: Uint8Array, column: Column, values: Values): WriteField {
  const map = mapOf(column);
  if (map === DOUBLES && values.type === "number") return doubleWriter(key, values);
  return (writer, row) => {
    const value = valueAt(values, row);
    if (value === undefined) return false;
    writer.uint32(map);
    const start = writer.openLength();
    writer.raw(key);
    if (map === DOUBLES) writer.double(Number(value));
    else if (map === STRINGS) writer.string(String(value));
    else if (map === BOOLS) writer.uint32(value === true ? 1 : 0);
    else if (typeof value === "number" && value >= 0 && value <= 0xffffffff) writer.uint32(value);
    else writer.int64(BigInt(value));
    writer.closeLength(start);
    return true;
  };
}

/** Most fields are doubles, whose entries have one length. */
function doubleWriter(key: Uint8Array, values: Values & { type: "number" }): WriteField {
  const scratch = new ByteWriter();
  scratch.uint32(DOUBLES);
  const start = scratch.openLength();
  scratch.raw(key);
  scratch.double(0);
  scratch.closeLength(start);
  const before = scratch.written().slice(0, -8);
  const view = new DataView(before.buffer);
  return (writer, row) => {
    if (!isPresent(values, row)) return false;
    writer.rawSlice(before, view, 0, before.length);
    writer.double(values.values[row]);
    return true;
  };
}
