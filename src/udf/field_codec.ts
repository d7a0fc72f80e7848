/**
 * Fields of messages to and from bytes: scalars, lists, maps with string keys; and where the fields of an encoded point
 * lie.
 *
 * @module
 */

import { type ByteReader, WireType } from "../wire/byte_reader.ts";
import type { ByteWriter } from "../wire/byte_writer.ts";

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
  const end = reader.end;
  let position = reader.position;
  let found: T | undefined;
  while (position < end) {
    reader.position = position + 1; // behind the entry's tag
    const next = position = reader.delimited();
    reader.position++; // behind the key's tag
    const keyEnd = reader.delimited();
    if (isText(reader, reader.position, keyEnd, key)) {
      reader.position = keyEnd + 1; // behind the value's tag
      found = readValue(reader);
    }
    position = next;
  }
  return found;
}

/** Whether the UTF-8 bytes from `start` to `end` encode this text. */
function isText(reader: ByteReader, start: number, end: number, text: string): boolean {
  const bytes = reader.bytes;
  const length = text.length;
  // A text of n UTF-16 units takes n to 3n bytes.
  if (end - start < length || end - start > length * 3) return false;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return reader.strings.get(bytes, start, end) === text;
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
 * Finds the fields of an encoded Point without decoding them.
 *
 * @param reader stands at the first field, and stays there
 * @returns the position of field n at index n, and the end at index 13; undefined if the point is not laid out as
 * protobuf encoders write it (fields in order, once each, entries of maps with key and value), or holds a string that
 * is not valid UTF-8: such a point has to be decoded whole
 */
export function locatePointFields(reader: ByteReader): number[] | undefined {
  const { bytes, position: start, end } = reader;
  const offsets = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  let last = 0;
  let position = start;
  while (position < end) {
    const tag = bytes[position];
    const field = tag >>> 3;
    if (field > last) {
      do offsets[++last] = position; while (last < field && last < 13);
    } else if (field < last || field < 6 || field === 11) {
      return undefined; // out of order, or twice
    }
    position++;
    switch (tag) {
      case 0x08: // time
      case 0x58: // byName
        position = varintEnd(bytes, position, end);
        if (position < 0) return undefined;
        break;
      case 0x12: // name
      case 0x1a: // database
      case 0x22: // retentionPolicy
      case 0x2a: // group
      case 0x32: { // dimensions
        let length = bytes[position++];
        if (length > 0x7f) {
          if (bytes[position] > 0x7f) [length, position] = longLength(reader, position - 1);
          else length = length & 0x7f | bytes[position++] << 7;
        }
        const next = position + length;
        if (next > end || !isValidText(reader, position, next)) return undefined;
        position = next;
        break;
      }
      case 0x3a: // tags
      case 0x42: // fieldsDouble
      case 0x4a: // fieldsInt
      case 0x52: // fieldsString
      case 0x62: { // fieldsBool
        let length = bytes[position++];
        if (length > 0x7f) {
          if (bytes[position] > 0x7f) [length, position] = longLength(reader, position - 1);
          else length = length & 0x7f | bytes[position++] << 7;
        }
        const next = position + length;
        if (next > end || length < 4 || bytes[position++] !== 0x0a) return undefined;
        let keyLength = bytes[position++];
        if (keyLength > 0x7f) {
          if (bytes[position] > 0x7f) [keyLength, position] = longLength(reader, position - 1);
          else keyLength = keyLength & 0x7f | bytes[position++] << 7;
        }
        const keyEnd = position + keyLength;
        if (keyEnd + 1 >= next || !isValidText(reader, position, keyEnd)) return undefined;
        position = keyEnd + 1;
        const valueTag = bytes[keyEnd];
        if (tag === 0x42) {
          if (valueTag !== 0x11 || position + 8 !== next) return undefined;
        } else if (tag === 0x4a || tag === 0x62) {
          if (valueTag !== 0x10 || varintEnd(bytes, position, next) !== next) return undefined;
        } else {
          if (valueTag !== 0x12) return undefined;
          let valueLength = bytes[position++];
          if (valueLength > 0x7f) {
            if (bytes[position] > 0x7f) [valueLength, position] = longLength(reader, position - 1);
            else valueLength = valueLength & 0x7f | bytes[position++] << 7;
          }
          if (position + valueLength !== next || !isValidText(reader, position, next)) return undefined;
        }
        position = next;
        break;
      }
      default:
        return undefined;
    }
  }
  while (last < 13) offsets[++last] = end;
  return position === end ? offsets : undefined;
}

/**
 * Reads a length of three bytes and more, of texts of 16 KiB and more: they are rare.
 *
 * @returns the length, and where it ends
 * @throws {WireError} for a varint that has no end
 */
function longLength(reader: ByteReader, position: number): [length: number, end: number] {
  const start = reader.position;
  reader.position = position;
  const length = reader.uint32();
  const end = reader.position;
  reader.position = start;
  return [length, end];
}

/** Whether these bytes are valid UTF-8. */
function isValidText(reader: ByteReader, from: number, to: number): boolean {
  const { bytes, view } = reader;
  let high = 0;
  let i = from;
  if (to - from >= 4) {
    for (; i + 4 <= to; i += 4) high |= view.getInt32(i, true);
    high |= view.getInt32(to - 4, true); // the rest, some of it twice
    if ((high & 0x80808080) === 0) return true;
  } else {
    for (; i < to; i++) high |= bytes[i];
    if (high < 0x80) return true;
  }
  return reader.strings.isValid(bytes, from, to);
}

/** Where the varint at `position` ends, or -1. */
function varintEnd(bytes: Uint8Array, position: number, end: number): number {
  for (let i = 0; i < 10 && position < end; i++) if (bytes[position++] < 0x80) return position;
  return -1;
}
