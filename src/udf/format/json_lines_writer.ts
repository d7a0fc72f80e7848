import type { TextWriter } from "../../wire/text_writer.ts";
import type { BeginBatch, EndBatch } from "../messages.ts";
import type { Point } from "../point.ts";
import { EncodedPoint } from "./encoded_point.ts";
import type { PointWriter } from "./point_writer.ts";

// Field numbers of Point, see point.ts.
const TIME = 1, NAME = 2, DATABASE = 3, RETENTION_POLICY = 4, GROUP = 5, DIMENSIONS = 6, TAGS = 7;
const DOUBLES = 8, INTS = 9, STRINGS = 10, BY_NAME = 11, BOOLS = 12;

const NEWLINE = 0x0a, SPACE = 0x20, QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, DELETE = 0x7f;
const ZERO = 0x30;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The strings that stand for doubles in JSON, which has no number for them; as in protobuf's JSON format. */
export const SPECIAL_DOUBLES: ReadonlyMap<string, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

/**
 * Writes a line of JSON for each point, and for the begin and the end of each batch; {@linkcode JsonLinesParser}
 * reads them back as they were.
 *
 * A point: `{"name":"cpu","time":1,"tags":{"host":"a"},"fields":{"load":1.0,"n":3,"up":true,"text":"a"}}`, and, if they
 * are set, `database`, `retentionPolicy`, `group`, `dimensions` and `byName`. Time is in ns. A number with `.` or
 * exponent is a double, one without an int64. The strings "NaN", "Infinity" and "-Infinity" are doubles; a string field
 * with such a text is
 * `{"string":"NaN"}`. A batch starts with `{"begin":{"name","group","tags","size","byName"}}` and ends with
 * `{"end":{"name","group","tmax","tags","byName"}}`; empty values are left out, and so are the names of points in a
 * batch.
 */
export class JsonLinesWriter implements PointWriter {
  readonly losses = { points: 0, fields: 0, tags: 0 };
  readonly #encoded = new EncodedPoint();
  #inBatch = false;
  #first = true;

  point(point: Point, out: TextWriter): void {
    const encoded = this.#encoded;
    encoded.set(point);
    const { bytes, offsets } = encoded;
    out.byte(OPEN_BRACE);
    if (encoded.has(NAME)) {
      this.#text(out, NAME_KEY, NAME);
      out.byte(COMMA);
    } else if (!this.#inBatch) {
      out.raw(EMPTY_NAME);
    }
    out.raw(TIME_KEY);
    if (encoded.has(TIME)) this.#int(out, offsets[TIME] + 1);
    else out.byte(ZERO);
    out.raw(TAGS_KEY);
    this.#tags(out);
    out.raw(FIELDS_KEY);
    this.#fields(out);
    if (encoded.has(DATABASE)) this.#text(out, DATABASE_KEY, DATABASE);
    if (encoded.has(RETENTION_POLICY)) this.#text(out, RETENTION_POLICY_KEY, RETENTION_POLICY);
    if (encoded.has(GROUP)) this.#text(out, GROUP_KEY, GROUP);
    if (encoded.has(DIMENSIONS)) {
      out.raw(DIMENSIONS_KEY);
      for (let position = offsets[DIMENSIONS]; position < offsets[DIMENSIONS + 1]; position = encoded.valueEnd) {
        if (position > offsets[DIMENSIONS]) out.byte(COMMA);
        encoded.string(position + 1);
        writeQuoted(out, bytes, encoded.valueStart, encoded.valueEnd);
      }
      out.byte(CLOSE_BRACKET);
    }
    if (encoded.has(BY_NAME) && this.#bool(offsets[BY_NAME] + 1)) out.raw(BY_NAME_TRUE);
    out.byte(CLOSE_BRACE);
    out.byte(NEWLINE);
  }

  begin(begin: BeginBatch, out: TextWriter): void {
    this.#inBatch = true;
    const size = begin.size === 0n ? "" : `,"size":${begin.size}`;
    out.text(`{"begin":{${groupText(begin)}${size}${byNameText(begin)}}}\n`);
  }

  end(end: EndBatch, out: TextWriter): void {
    this.#inBatch = false;
    out.text(`{"end":{${groupText(end)},"tmax":${end.tmax}${byNameText(end)}}}\n`);
  }

  flush(): void {}

  /** Writes a member that is a string. */
  #text(out: TextWriter, key: Uint8Array, field: number): void {
    const encoded = this.#encoded;
    encoded.string(encoded.offsets[field] + 1);
    out.raw(key);
    writeQuoted(out, encoded.bytes, encoded.valueStart, encoded.valueEnd);
  }

  #tags(out: TextWriter): void {
    const encoded = this.#encoded;
    const { bytes, offsets } = encoded;
    this.#first = true;
    for (let position = offsets[TAGS]; position < offsets[TAGS + 1];) {
      position = this.#key(out, position);
      encoded.string(encoded.valueStart);
      writeQuoted(out, bytes, encoded.valueStart, encoded.valueEnd);
    }
    out.byte(CLOSE_BRACE);
  }

  #fields(out: TextWriter): void {
    const encoded = this.#encoded;
    const { bytes, view, offsets } = encoded;
    this.#first = true;
    for (let position = offsets[BOOLS]; position < offsets[BOOLS + 1];) {
      position = this.#key(out, position);
      out.raw(this.#bool(encoded.valueStart) ? TRUE : FALSE);
    }
    for (let position = offsets[DOUBLES]; position < offsets[DOUBLES + 1];) {
      position = this.#key(out, position);
      writeDouble(out, view.getFloat64(encoded.valueStart, true));
    }
    for (let position = offsets[INTS]; position < offsets[INTS + 1];) {
      position = this.#key(out, position);
      this.#int(out, encoded.valueStart);
    }
    for (let position = offsets[STRINGS]; position < offsets[STRINGS + 1];) {
      position = this.#key(out, position);
      encoded.string(encoded.valueStart);
      const tagged = isSpecial(bytes, encoded.valueStart, encoded.valueEnd);
      if (tagged) out.raw(STRING_KEY);
      writeQuoted(out, bytes, encoded.valueStart, encoded.valueEnd);
      if (tagged) out.byte(CLOSE_BRACE);
    }
    out.byte(CLOSE_BRACE);
  }

  /** Writes the name of the entry at a position, and what stands around it; returns where the next entry starts. */
  #key(out: TextWriter, position: number): number {
    const encoded = this.#encoded;
    const next = encoded.entry(position);
    if (!this.#first) out.byte(COMMA);
    this.#first = false;
    writeQuoted(out, encoded.bytes, encoded.keyStart, encoded.keyEnd);
    out.byte(COLON);
    return next;
  }

  #int(out: TextWriter, position: number): void {
    const { words } = this.#encoded;
    this.#encoded.varint(position);
    out.int64(words[1], words[0]);
  }

  #bool(position: number): boolean {
    const { words } = this.#encoded;
    this.#encoded.varint(position);
    return (words[0] | words[1]) !== 0;
  }
}

const EMPTY_NAME = encoder.encode('"name":"",');
const NAME_KEY = encoder.encode('"name":');
const TIME_KEY = encoder.encode('"time":');
const TAGS_KEY = encoder.encode(',"tags":{');
const FIELDS_KEY = encoder.encode(',"fields":{');
const DATABASE_KEY = encoder.encode(',"database":');
const RETENTION_POLICY_KEY = encoder.encode(',"retentionPolicy":');
const GROUP_KEY = encoder.encode(',"group":');
const DIMENSIONS_KEY = encoder.encode(',"dimensions":[');
const BY_NAME_TRUE = encoder.encode(',"byName":true');
const STRING_KEY = encoder.encode('{"string":');
const TRUE = encoder.encode("true"), FALSE = encoder.encode("false");
const FRACTION = encoder.encode(".0");

function groupText({ name, group, tags }: BeginBatch | EndBatch): string {
  return `"name":${quote(name)}${group === "" ? "" : `,"group":${quote(group)}`},"tags":${tagsText(tags)}`;
}

function byNameText({ byName }: BeginBatch | EndBatch): string {
  return byName ? `,"byName":true` : "";
}

function tagsText(tags: Map<string, string>): string {
  return `{${Array.from(tags, ([key, value]) => quote(key) + ":" + quote(value)).join(",")}}`;
}

function writeDouble(out: TextWriter, value: number): void {
  if (!Number.isFinite(value)) return out.text(`"${value}"`);
  out.double(value);
  // Numbers of 1e21 and more have an exponent already.
  if (Number.isInteger(value) && Math.abs(value) < 1e21) out.raw(FRACTION);
}

/** Whether a string looks like a double that has no number in JSON. */
function isSpecial(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  return (length === 3 || length === 8 || length === 9) &&
    SPECIAL_DOUBLES.has(decoder.decode(bytes.subarray(start, end)));
}

/** Writes a string; bytes that need no escapes, which is nearly all, as they are. */
function writeQuoted(out: TextWriter, bytes: Uint8Array, start: number, end: number): void {
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    // C1 controls start with C2, and do not go beyond 9F.
    if (
      byte < SPACE || byte === QUOTE || byte === BACKSLASH || byte === DELETE || byte === 0xc2 && bytes[i + 1] < 0xa0
    ) {
      return out.text(quote(decoder.decode(bytes.subarray(start, end))));
    }
  }
  out.byte(QUOTE);
  out.slice(bytes, start, end);
  out.byte(QUOTE);
}

/** JSON.stringify, but for lone surrogates, and for DEL and C1 controls: a terminal must not see those. */
function quote(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[\x7f-\x9f]/g,
    (unit) => "\\u00" + unit.charCodeAt(0).toString(16),
  );
}
