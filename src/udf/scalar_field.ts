import { type ByteReader, WireType } from "../wire/byte_reader.ts";
import type { ByteWriter } from "../wire/byte_writer.ts";

const { VARINT, BYTES } = WireType;

/** Writes a string field; an empty one is left out. */
export function writeString(writer: ByteWriter, field: number, text: string): void {
  if (text === "") return;
  writer.uint32(field << 3 | BYTES);
  writer.string(text);
}

/** Writes an int64 field; zero is left out. */
export function writeInt64(writer: ByteWriter, field: number, value: bigint): void {
  if (value === 0n) return;
  writer.uint32(field << 3 | VARINT);
  writer.int64(value);
}

/** Writes a bool field; false is left out. */
export function writeBool(writer: ByteWriter, field: number, value: boolean): void {
  if (!value) return;
  writer.uint32(field << 3 | VARINT);
  writer.uint32(1);
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
 * @param reader stands behind the first tag, which takes one byte as all of them do, and ends with the last string
 */
export function readStrings(reader: ByteReader): string[] {
  const texts: string[] = [];
  for (;; reader.position++) {
    texts.push(reader.string());
    if (reader.position === reader.end) return texts;
  }
}
