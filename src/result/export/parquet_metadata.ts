/** The metadata of a Parquet file: headers of pages and the footer, in Thrift's compact protocol. @module */

import { ByteWriter } from "../../wire/byte_writer.ts";
import type { Column, ColumnType } from "../tables/table.ts";
import { Encoding } from "./parquet_column.ts";

/** The codec of all pages. */
const ZSTD = 6;
/** A value may be absent. */
const OPTIONAL = 1;
const UTF8 = 0;
/** Types of values by the numbers that Parquet gives them. */
const PHYSICAL: Readonly<Record<ColumnType, number>> = { bool: 0, time: 2, int: 2, double: 5, text: 6 };

/** A column of a row group, as it was written. */
export interface WrittenColumn {
  readonly encoding: Encoding;
  readonly rows: number;
  readonly nulls: number;
  /** Sizes of its pages with their headers, in bytes. */
  readonly bytes: number;
  readonly compressedBytes: number;
  /** Where its pages are in the file. */
  readonly dataOffset: number;
  readonly dictionaryOffset?: number;
  readonly range?: { readonly min: bigint; readonly max: bigint };
}

/** Returns the header of a page. */
export function pageHeader(
  page: {
    readonly count: number;
    readonly bytes: number;
    readonly compressedBytes: number;
    readonly encoding: Encoding;
  },
  kind: "data" | "dictionary",
): Uint8Array {
  const { count, bytes, compressedBytes, encoding } = page;
  const isData = kind === "data";
  return encoded(struct({
    1: int(isData ? 0 : 2),
    2: int(bytes),
    3: int(compressedBytes),
    5: isData ? struct({ 1: int(count), 2: int(encoding), 3: int(Encoding.rle), 4: int(Encoding.rle) }) : undefined,
    7: isData ? undefined : struct({ 1: int(count), 2: int(Encoding.plain) }),
  }));
}

/**
 * Returns the footer of a file.
 *
 * @param time how times are: as timestamps, or as plain integers
 */
export function footer(
  columns: readonly Column[],
  time: "timestamp" | "int64",
  groups: readonly (readonly WrittenColumn[])[],
): Uint8Array {
  const rows = groups.reduce((sum, [{ rows }]) => sum + rows, 0);
  return encoded(struct({
    1: int(2),
    2: list([
      struct({ 4: text("schema"), 5: int(columns.length) }),
      ...columns.map((column) => schemaElement(column, time)),
    ]),
    3: long(rows),
    4: list(groups.map((group) => rowGroup(columns, group))),
    6: text("tine"),
    // Ranges count only where the order is named: that of the type.
    7: list(columns.map(() => struct({ 1: struct({}) }))),
  }));
}

function schemaElement({ name, type }: Column, time: "timestamp" | "int64"): Thrift {
  const nanoseconds = struct({ 3: struct({}) });
  return struct({
    1: int(PHYSICAL[type]),
    3: int(OPTIONAL),
    4: text(name),
    6: type === "text" ? int(UTF8) : undefined,
    10: type === "text"
      ? struct({ 1: struct({}) })
      : type === "time" && time === "timestamp"
      ? struct({ 8: struct({ 1: TRUE, 2: nanoseconds }) })
      : undefined,
  });
}

function rowGroup(columns: readonly Column[], group: readonly WrittenColumn[]): Thrift {
  const sum = (key: "bytes" | "compressedBytes") => group.reduce((sum, { [key]: bytes }) => sum + bytes, 0);
  const [{ dictionaryOffset, dataOffset, rows }] = group;
  return struct({
    1: list(group.map((written, i) => columnChunk(columns[i], written))),
    2: long(sum("bytes")),
    3: long(rows),
    5: long(dictionaryOffset ?? dataOffset),
    6: long(sum("compressedBytes")),
  });
}

function columnChunk({ name, type }: Column, written: WrittenColumn): Thrift {
  const { encoding, rows, nulls, bytes, compressedBytes, dataOffset, dictionaryOffset, range } = written;
  const encodings = [encoding, Encoding.rle, ...dictionaryOffset === undefined ? [] : [Encoding.plain]];
  return struct({
    2: long(dictionaryOffset ?? dataOffset),
    3: struct({
      1: int(PHYSICAL[type]),
      2: list([...new Set(encodings)].map(int)),
      3: list([text(name)]),
      4: int(ZSTD),
      5: long(rows),
      6: long(bytes),
      7: long(compressedBytes),
      9: long(dataOffset),
      11: dictionaryOffset === undefined ? undefined : long(dictionaryOffset),
      12: struct({
        3: long(nulls),
        5: range && binary(eightBytes(range.max)),
        6: range && binary(eightBytes(range.min)),
      }),
    }),
  });
}

function eightBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value, true);
  return bytes;
}

/** A value in Thrift's compact protocol. */
interface Thrift {
  readonly type: number;
  write(writer: ByteWriter): void;
}

const TRUE: Thrift = { type: 1, write() {} };
const int = (value: number): Thrift => ({ type: 5, write: (writer) => writeZigzag(writer, value) });
const long = (value: number): Thrift => ({ type: 6, write: (writer) => writeZigzag(writer, value) });
const text = (value: string): Thrift => ({ type: 8, write: (writer) => writer.string(value) });

function binary(bytes: Uint8Array): Thrift {
  return {
    type: 8,
    write(writer) {
      writer.uint32(bytes.length);
      writer.raw(bytes);
    },
  };
}

/** @param items of one type */
function list(items: readonly Thrift[]): Thrift {
  return {
    type: 9,
    write(writer) {
      const type = items[0]?.type ?? 12;
      if (items.length < 15) writer.raw(Uint8Array.of(items.length << 4 | type));
      else {
        writer.raw(Uint8Array.of(0xf0 | type));
        writer.uint32(items.length);
      }
      for (const item of items) item.write(writer);
    },
  };
}

/** @param fields by id; what is undefined is left out */
function struct(fields: Readonly<Record<number, Thrift | undefined>>): Thrift {
  return {
    type: 12,
    write(writer) {
      let last = 0;
      for (const [key, field] of Object.entries(fields)) {
        if (field === undefined) continue;
        // No struct of Parquet has a gap of more than 15.
        writer.raw(Uint8Array.of(Number(key) - last << 4 | field.type));
        field.write(writer);
        last = Number(key);
      }
      writer.raw(Uint8Array.of(0));
    },
  };
}

function writeZigzag(writer: ByteWriter, value: number): void {
  writer.int64(BigInt(value) * 2n);
}

function encoded(value: Thrift): Uint8Array {
  const writer = new ByteWriter();
  value.write(writer);
  return writer.written();
}
