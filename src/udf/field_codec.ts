/**
 * Fields of messages to and from bytes: scalars, lists, maps with string keys.
 *
 * @module
 */

import { type ByteReader, WireType } from "../wire/byte_reader.ts";
import type { ByteWriter } from "../wire/byte_writer.ts";
import type { PointInit } from "./udf_types.ts";

const { BYTES } = WireType;

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
 * Reads one entry of a map with string keys. A missing part has its default; unknown fields are skipped.
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

/**
 * Reads all entries of a map into `map`.
 *
 * @param reader stands behind the first tag and ends with the last entry; each tag takes one byte
 * @param read reads one entry
 */
export function readEntries<T>(
  reader: ByteReader,
  map: Map<string, T>,
  read: (reader: ByteReader, map: Map<string, T>) => void,
): void {
  for (;; reader.position++) {
    read(reader, map);
    if (reader.position === reader.end) return;
  }
}

/** Looks for a key in a `map<string, string>`, as {@linkcode findEntry} does. */
export function findStringEntry(reader: ByteReader, key: string): string | undefined {
  return findEntry(reader, key, readString);
}

/** Looks for a key in a `map<string, double>`, as {@linkcode findEntry} does. */
export function findDoubleEntry(reader: ByteReader, key: string): number | undefined {
  return findEntry(reader, key, readDouble);
}

/** Looks for a key in a `map<string, int64>`, as {@linkcode findEntry} does. */
export function findIntEntry(reader: ByteReader, key: string): bigint | undefined {
  return findEntry(reader, key, readInt);
}

/** Looks for a key in a `map<string, bool>`, as {@linkcode findEntry} does. */
export function findBoolEntry(reader: ByteReader, key: string): boolean | undefined {
  return findEntry(reader, key, readBool);
}

/**
 * Looks for a key among encoded entries, and decodes only its value.
 *
 * @param reader stands at the first entry and ends with the last; all have tags of one byte, a key and a value, in
 * order
 * @returns the last value of the key, undefined if it has none
 */
export function findEntry<T>(reader: ByteReader, key: string, readValue: (reader: ByteReader) => T): T | undefined {
  const { bytes, end } = reader;
  let found = -1;
  for (let position = reader.position; position < end;) {
    const length = bytes[position + 1];
    let keyLength = bytes[position + 3];
    let keyStart = position + 4, next = position + 2 + length;
    if ((length | keyLength) > 0x7f) { // lengths of several bytes
      reader.position = position + 1; // behind the entry's tag
      next = reader.delimited();
      reader.position++; // behind the key's tag
      keyLength = reader.delimited() - reader.position;
      keyStart = reader.position;
    }
    const keyEnd = keyStart + keyLength;
    if (isText(reader, keyStart, keyEnd, key)) found = keyEnd + 1; // behind the value's tag
    position = next;
  }
  if (found < 0) return undefined;
  reader.position = found;
  return readValue(reader);
}

/** Whether the UTF-8 bytes from `start` to `end` encode this text. */
function isText(reader: ByteReader, start: number, end: number, text: string): boolean {
  const bytes = reader.bytes;
  const length = text.length;
  // A text of n UTF-16 units takes n to 3n bytes.
  if (end - start < length || end - start > length * 3) return false;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return reader.strings.get(bytes, reader.view, start, end) === text;
    if (bytes[start + i] !== unit) return false;
  }
  return end - start === length;
}

const readString = (reader: ByteReader) => reader.string();
const readDouble = (reader: ByteReader) => reader.double();
const readInt = (reader: ByteReader) => reader.int64();
const readBool = (reader: ByteReader) => reader.bool();

/** A value of a map in JavaScript: string, double, int64 or bool. */
export type MapValue = string | number | bigint | boolean;

/** The type of all values of a map, as `typeof` names it: number for double, bigint for int64. */
export type MapType = "string" | "number" | "bigint" | "boolean";

/**
 * Writes a map with string keys as the field with this tag.
 *
 * @throws {TypeError} for a value of another type, which handlers in JavaScript can pass
 */
export function writeMap(writer: ByteWriter, tag: number, type: MapType, map: Map<string, MapValue>): void {
  for (const [key, value] of map) {
    const given = typeof value;
    if (given !== type) throw new TypeError(`${JSON.stringify(key)} must be a ${type}, got a ${given}`);
    writeEntry(writer, tag, key, value);
  }
}

/** Writes one entry of a map, by the type of the value. */
export function writeEntry(writer: ByteWriter, tag: number, key: string, value: MapValue): void {
  if (typeof value === "number" && writer.doubleEntry(tag, key, value)) return;
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

/** Writes a repeated string field. */
export function writeStrings(writer: ByteWriter, field: number, texts: readonly string[]): void {
  for (const text of texts) {
    writer.uint32(field << 3 | BYTES);
    writer.string(text);
  }
}

/**
 * Reads a repeated string field.
 *
 * @param reader stands behind the first tag and ends with the last string; each tag takes one byte
 */
export function readStrings(reader: ByteReader): string[] {
  const texts: string[] = [];
  for (;; reader.position++) {
    texts.push(reader.string());
    if (reader.position === reader.end) return texts;
  }
}

/**
 * Decodes all of a point, whatever its layout: fields may be out of order, repeated, unknown or not valid UTF-8.
 *
 * @param reader stands at the first field; the point fills it to its end
 * @throws {WireError} if the bytes are no Point
 */
export function decodeWhole(reader: ByteReader): PointInit {
  const point = {
    time: 0n,
    name: "",
    database: "",
    retentionPolicy: "",
    group: "",
    dimensions: new Array<string>(),
    tags: new Map<string, string>(),
    fieldsDouble: new Map<string, number>(),
    fieldsInt: new Map<string, bigint>(),
    fieldsString: new Map<string, string>(),
    byName: false,
    fieldsBool: new Map<string, boolean>(),
  };
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    switch (tag) {
      case 0x08: // time
        point.time = reader.int64();
        break;
      case 0x12: // name
        point.name = reader.string();
        break;
      case 0x1a: // database
        point.database = reader.string();
        break;
      case 0x22: // retentionPolicy
        point.retentionPolicy = reader.string();
        break;
      case 0x2a: // group
        point.group = reader.string();
        break;
      case 0x32: // dimensions
        point.dimensions.push(reader.string());
        break;
      case 0x3a: // tags
        readStringEntry(reader, point.tags);
        break;
      case 0x42: // fieldsDouble
        readDoubleEntry(reader, point.fieldsDouble);
        break;
      case 0x4a: // fieldsInt
        readIntEntry(reader, point.fieldsInt);
        break;
      case 0x52: // fieldsString
        readStringEntry(reader, point.fieldsString);
        break;
      case 0x58: // byName
        point.byName = reader.bool();
        break;
      case 0x62: // fieldsBool
        readBoolEntry(reader, point.fieldsBool);
        break;
      default:
        reader.skip(tag);
    }
  }
  return point;
}
