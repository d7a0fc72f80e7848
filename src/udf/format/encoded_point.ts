import { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { locatePointFields } from "../point_layout.ts";
import type { FieldValue, Point, PointLayout } from "../point.ts";

// Field numbers of Point, see point.ts.
const TAGS = 7, DOUBLES = 8, BOOLS = 12;
const BY_NAME_TAG = 0x58;

/**
 * The bytes of points, one point at a time, for writers that print them without decoding.
 *
 * All names of tags differ, and all names of fields: of a field that several maps hold, only the entry that counts is
 * there, see {@linkcode Point.fields}.
 */
export class EncodedPoint implements PointLayout {
  bytes: Uint8Array = new Uint8Array();
  view: DataView = new DataView(this.bytes.buffer);
  offsets: readonly number[] = [];

  // The entry that was read last: where its name starts and ends, and its value.
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;

  readonly #scratch = new ByteWriter();
  readonly #reader = new ByteReader();

  /** Turns to a point; the bytes are valid until the next one. */
  set(point: Point): void {
    if (!point.locate(this)) this.#encode(point);
    if (!this.#repeats(TAGS, TAGS) && !this.#repeats(DOUBLES, BOOLS)) return;
    const fields: [string, FieldValue][] = [...point.fields()];
    const distinct = point.copy();
    distinct.setFields(fields);
    this.#encode(distinct);
  }

  /** Whether a field of the message is there. */
  has(field: number): boolean {
    return this.offsets[field] < this.offsets[field + 1];
  }

  /** Reads the string at `position` behind its tag, as {@linkcode valueStart} and {@linkcode valueEnd}. */
  string(position: number): void {
    const bytes = this.bytes;
    let length = bytes[position++];
    if (length > 0x7f) {
      length &= 0x7f;
      for (let shift = 7;; shift += 7) {
        const byte = bytes[position++];
        length |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
    }
    this.valueStart = position;
    this.valueEnd = position + length;
  }

  /**
   * Reads the entry of a map.
   *
   * @param position of its tag
   * @returns where the next one starts
   */
  entry(position: number): number {
    this.string(position + 1);
    const next = this.valueEnd;
    this.string(this.valueStart + 1);
    this.keyStart = this.valueStart;
    this.keyEnd = this.valueEnd;
    this.valueStart = this.keyEnd + 1;
    this.valueEnd = next;
    return next;
  }

  /** The lower 32 bits of the varint in the first of two words, the upper ones in the second. */
  readonly words = new Int32Array(2);

  /** Reads the varint at a position into {@linkcode words}. */
  varint(position: number): void {
    const bytes = this.bytes;
    let low = 0, middle = 0, high = 0;
    for (let i = 0; i < 10; i++) {
      const byte = bytes[position++];
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << 7 * i;
      else if (i < 8) middle |= bits << 7 * (i - 4);
      else high |= bits << 7 * (i - 8);
      if (byte < 0x80) break;
    }
    this.words[0] = low | middle << 28;
    this.words[1] = middle >>> 4 | high << 24;
  }

  #encode(point: Point): void {
    this.#scratch.position = 0;
    point.encode(this.#scratch);
    const bytes = this.#scratch.written();
    this.#reader.reset(bytes);
    this.bytes = bytes;
    this.view = this.#reader.view;
    this.offsets = locatePointFields(this.#reader)!; // what encode writes is laid out as usual
  }

  /** Whether two entries of the maps between two fields have the same name. */
  #repeats(first: number, last: number): boolean {
    const { bytes, offsets } = this;
    const end = offsets[last + 1];
    let seen = 0;
    for (let position = offsets[first]; position < end;) {
      if (bytes[position] === BY_NAME_TAG) {
        position = this.#behindByName(position);
        continue;
      }
      const start = position;
      position = this.entry(position);
      const { keyStart, keyEnd } = this;
      const bit = keyStart === keyEnd ? 1 : 1 << (bytes[keyStart] * 7 + bytes[keyEnd - 1] * 3 + keyEnd - keyStart);
      if ((seen & bit) !== 0 && this.#isBefore(offsets[first], start, keyStart, keyEnd)) return true;
      seen |= bit;
    }
    return false;
  }

  /** byName stands between the maps of fields. */
  #behindByName(position: number): number {
    while (this.bytes[++position] > 0x7f);
    return position + 1;
  }

  /** Whether an entry in `bytes[from, to)` has this name. */
  #isBefore(from: number, to: number, keyStart: number, keyEnd: number): boolean {
    const { bytes } = this;
    const length = keyEnd - keyStart;
    for (let position = from; position < to;) {
      if (bytes[position] === BY_NAME_TAG) {
        position = this.#behindByName(position);
        continue;
      }
      position = this.entry(position);
      if (this.keyEnd - this.keyStart !== length) continue;
      let i = 0;
      while (i < length && bytes[this.keyStart + i] === bytes[keyStart + i]) i++;
      if (i === length) return true;
    }
    return false;
  }
}
