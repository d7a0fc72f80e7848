import type { TextWriter } from "../../wire/text_writer.ts";
import type { BeginBatch, EndBatch } from "../messages.ts";
import type { Point } from "../point.ts";
import { EncodedPoint } from "./encoded_point.ts";
import type { Losses, PointWriter } from "./point_writer.ts";

// Field numbers of Point, see point.ts.
const TIME = 1, NAME = 2, TAGS = 7, DOUBLES = 8, INTS = 9, STRINGS = 10, BOOLS = 12;

const TAB = 0x09,
  NEWLINE = 0x0a,
  SPACE = 0x20,
  QUOTE = 0x22,
  HASH = 0x23,
  COMMA = 0x2c,
  EQUALS = 0x3d,
  BACKSLASH = 0x5c;
const ZERO = 0x30;

const encoder = new TextEncoder();

/**
 * Writes InfluxDB line protocol, times in ns. A blank line follows each batch, so that batches read back as batches.
 *
 * Line protocol cannot hold everything. Left out and counted are: fields that are NaN or infinite, or whose name is
 * empty, ends in a backslash or holds a newline; tags with an empty value, which InfluxDB takes for absent; and whole
 * points that have no field left, whose measurement or tags have such a name, or whose measurement starts like a
 * comment or a tab.
 *
 * Format: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 */
export class LineProtocolWriter implements PointWriter {
  readonly losses: Losses = { points: 0, fields: 0, tags: 0 };
  /** The name of the batch, which its points do not repeat, in UTF-8. */
  #batchName: Uint8Array = new Uint8Array();
  readonly #encoded = new EncodedPoint();
  #lostFields = 0;

  begin(begin: BeginBatch): void {
    this.#batchName = encoder.encode(begin.name);
  }

  end(_end: EndBatch, out: TextWriter): void {
    this.#batchName = new Uint8Array();
    out.byte(NEWLINE);
  }

  point(point: Point, out: TextWriter): void {
    const encoded = this.#encoded;
    encoded.set(point);
    const start = out.length;
    const emptyTags = this.#series(out);
    if (emptyTags >= 0) {
      this.#lostFields = 0;
      const fieldsStart = out.length;
      this.#bools(out);
      this.#doubles(out);
      this.#ints(out);
      this.#strings(out);
      if (out.length > fieldsStart) {
        this.losses.tags += emptyTags;
        this.losses.fields += this.#lostFields;
        // Each field wrote a comma before it.
        out.replace(fieldsStart, SPACE);
        out.byte(SPACE);
        this.#time(out);
        out.byte(NEWLINE);
        return;
      }
    }
    out.truncate(start);
    this.losses.points++;
  }

  flush(): void {}

  /** Writes name and tags; returns the number of tags left out, or -1 where line protocol cannot hold them. */
  #series(out: TextWriter): number {
    const encoded = this.#encoded;
    const { bytes, offsets } = encoded;
    if (encoded.has(NAME)) {
      encoded.string(offsets[NAME] + 1);
      if (!isMeasurement(out, bytes, encoded.valueStart, encoded.valueEnd)) return -1;
    } else if (!isMeasurement(out, this.#batchName, 0, this.#batchName.length)) {
      return -1;
    }
    let emptyTags = 0;
    const end = offsets[TAGS + 1];
    for (let position = offsets[TAGS]; position < end;) {
      position = encoded.entry(position);
      encoded.string(encoded.valueStart);
      const { keyStart, keyEnd, valueStart, valueEnd } = encoded;
      if (valueStart === valueEnd) {
        emptyTags++;
        continue;
      }
      out.byte(COMMA);
      if (!writeName(out, bytes, keyStart, keyEnd, TAG_MARKS)) return -1;
      out.byte(EQUALS);
      if (!writeName(out, bytes, valueStart, valueEnd, TAG_MARKS)) return -1;
    }
    return emptyTags;
  }

  /** Writes the name of the field whose entry was read, between a comma and an equals sign; false where it is lost. */
  #fieldName(out: TextWriter): boolean {
    const { bytes, keyStart, keyEnd } = this.#encoded;
    const start = out.length;
    out.byte(COMMA);
    if (writeName(out, bytes, keyStart, keyEnd, FIELD_MARKS)) {
      out.byte(EQUALS);
      return true;
    }
    out.truncate(start);
    this.#lostFields++;
    return false;
  }

  #doubles(out: TextWriter): void {
    const encoded = this.#encoded;
    const end = encoded.offsets[DOUBLES + 1];
    for (let position = encoded.offsets[DOUBLES]; position < end;) {
      position = encoded.entry(position);
      const value = encoded.view.getFloat64(encoded.valueStart, true);
      if (!Number.isFinite(value)) this.#lostFields++;
      else if (this.#fieldName(out)) out.double(value);
    }
  }

  #ints(out: TextWriter): void {
    const encoded = this.#encoded;
    const end = encoded.offsets[INTS + 1];
    for (let position = encoded.offsets[INTS]; position < end;) {
      position = encoded.entry(position);
      if (!this.#fieldName(out)) continue;
      encoded.varint(encoded.valueStart);
      out.int64(encoded.words[1], encoded.words[0]);
      out.byte(0x69); // i
    }
  }

  #bools(out: TextWriter): void {
    const encoded = this.#encoded;
    const end = encoded.offsets[BOOLS + 1];
    for (let position = encoded.offsets[BOOLS]; position < end;) {
      position = encoded.entry(position);
      if (!this.#fieldName(out)) continue;
      encoded.varint(encoded.valueStart);
      out.raw((encoded.words[0] | encoded.words[1]) === 0 ? FALSE : TRUE);
    }
  }

  #strings(out: TextWriter): void {
    const encoded = this.#encoded;
    const end = encoded.offsets[STRINGS + 1];
    for (let position = encoded.offsets[STRINGS]; position < end;) {
      position = encoded.entry(position);
      if (!this.#fieldName(out)) continue;
      encoded.string(encoded.valueStart);
      out.byte(QUOTE);
      out.escaped(encoded.bytes, encoded.valueStart, encoded.valueEnd, STRING_MARKS);
      out.byte(QUOTE);
    }
  }

  #time(out: TextWriter): void {
    const encoded = this.#encoded;
    if (!encoded.has(TIME)) return out.byte(ZERO);
    encoded.varint(encoded.offsets[TIME] + 1);
    out.int64(encoded.words[1], encoded.words[0]);
  }
}

const TRUE = encoder.encode("true"), FALSE = encoder.encode("false");

const MEASUREMENT_MARKS = marks(", ", "\n");
const TAG_MARKS = marks(",= ", "\n");
const FIELD_MARKS = marks(',= "', "\n");
const STRING_MARKS = marks('"\\', "");

/** For each byte whether it takes a backslash, 1, or cannot be written, 2. */
function marks(escaped: string, refused: string): Uint8Array {
  const marks = new Uint8Array(256);
  for (const byte of encoder.encode(escaped)) marks[byte] = 1;
  for (const byte of encoder.encode(refused)) marks[byte] = 2;
  return marks;
}

function isMeasurement(out: TextWriter, bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start];
  return first !== HASH && first !== TAB && writeName(out, bytes, start, end, MEASUREMENT_MARKS);
}

/** Writes a name, where names can hold it. A backslash at the end would escape what comes next. */
function writeName(out: TextWriter, bytes: Uint8Array, start: number, end: number, marks: Uint8Array): boolean {
  return start < end && bytes[end - 1] !== BACKSLASH && out.escaped(bytes, start, end, marks);
}
