import { type ByteReader, WireType } from "../wire/byte_reader.ts";
import type { ByteWriter } from "../wire/byte_writer.ts";

/** Reads one entry of a `map<string, string>` into `map`. */
export function readStringEntry(reader: ByteReader, map: Map<string, string>): void {
  readEntry(reader, map, WireType.BYTES, "", readString);
}

/** Reads one entry of a `map<string, double>` into `map`. */
export function readDoubleEntry(reader: ByteReader, map: Map<string, number>): void {
  readEntry(reader, map, WireType.FIXED64, 0, readDouble);
}

/** Reads one entry of a `map<string, int64>` into `map`. */
export function readIntEntry(reader: ByteReader, map: Map<string, bigint>): void {
  readEntry(reader, map, WireType.VARINT, 0n, readInt);
}

/** Reads one entry of a `map<string, bool>` into `map`. */
export function readBoolEntry(reader: ByteReader, map: Map<string, boolean>): void {
  readEntry(reader, map, WireType.VARINT, false, readBool);
}

/**
 * Reads one entry of a map with string keys. A part that is missing has its default, an unknown one is skipped.
 *
 * @param wireType of the value
 */
export function readEntry<T>(
  reader: ByteReader,
  map: Map<string, T>,
  wireType: number,
  absent: T,
  readValue: (reader: ByteReader) => T,
): void {
  const outer = reader.end;
  reader.end = reader.delimited();
  let key = "";
  let value = absent;
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    if (tag === (1 << 3 | WireType.BYTES)) key = reader.string();
    else if (tag === (2 << 3 | wireType)) value = readValue(reader);
    else reader.skip(tag);
  }
  map.set(key, value);
  reader.end = outer;
}

const readString = (reader: ByteReader) => reader.string();
const readDouble = (reader: ByteReader) => reader.double();
const readInt = (reader: ByteReader) => reader.int64();
const readBool = (reader: ByteReader) => reader.bool();

/** What the values of a map are in JavaScript: string, double, int64 or bool. */
export type MapValue = string | number | bigint | boolean;

/**
 * Writes a map with string keys as the field with this tag.
 *
 * @param type of all values, as `typeof` says it: number for double, bigint for int64
 * @throws {TypeError} for a value of another type, which handlers in JavaScript can have
 */
export function writeMap(
  writer: ByteWriter,
  tag: number,
  type: "string" | "number" | "bigint" | "boolean",
  map: Map<string, MapValue>,
): void {
  for (const [key, value] of map) {
    const given = typeof value;
    if (given !== type) throw new TypeError(`${JSON.stringify(key)} must be a ${type}, got a ${given}`);
    writeEntry(writer, tag, key, value);
  }
}

/** Writes one entry of a map; the type of the value says which map that is. */
export function writeEntry(writer: ByteWriter, tag: number, key: string, value: MapValue): void {
  writer.uint32(tag);
  const start = writer.openLength();
  writer.uint32(1 << 3 | WireType.BYTES);
  writer.string(key);
  switch (typeof value) {
    case "string":
      writer.uint32(2 << 3 | WireType.BYTES);
      writer.string(value);
      break;
    case "number":
      writer.uint32(2 << 3 | WireType.FIXED64);
      writer.double(value);
      break;
    case "bigint":
      writer.uint32(2 << 3 | WireType.VARINT);
      writer.int64(value);
      break;
    case "boolean":
      writer.uint32(2 << 3 | WireType.VARINT);
      writer.uint32(value ? 1 : 0);
  }
  writer.closeLength(start);
}
