import type { FastReader } from "./fast_lines.ts";
import type { PointDefaults } from "./input_item.ts";
import { NumberScanner } from "./number_scanner.ts";
import { PointEncoder } from "./point_encoder.ts";
import { OWN } from "./point_shapes.ts";

const NEWLINE = 0x0a,
  RETURN = 0x0d,
  SPACE = 0x20,
  QUOTE = 0x22,
  COMMA = 0x2c,
  MINUS = 0x2d,
  EQUALS = 0x3d,
  BACKSLASH = 0x5c;

// What a byte is to a scan.
const PLAIN = 0, END = 1, NEVER = 2, ESCAPE = 3;

const MEASUREMENT = scanTable(", ");
const TAG = scanTable(",= ");
/** Where bare values end. */
const VALUE = scanTable(", \n\r");
/** What a backslash escapes. */
const MEASUREMENT_ESCAPES = scanTable(", "), TAG_ESCAPES = scanTable(",= "), FIELD_ESCAPES = scanTable(',= "');
const STRING_ESCAPES = scanTable('"\\');

/** How a line starts that is for the parser: white space, a comment, a byte order mark. */
const STARTS = new Uint8Array(256);
for (const start of [0x09, RETURN, SPACE, 0x23, 0xef]) STARTS[start] = 1;

/**
 * Reads lines of line protocol straight into encoded points: nearly all lines that programs write. It leaves to
 * {@linkcode LineProtocolParser} what takes more than that: bad lines, comments, fields whose name comes again, text that
 * is not UTF-8. What both read is the same.
 */
export class LineReader implements FastReader {
  lines = 1;
  found: FastReader["found"] = "point";
  readonly #defaults: PointDefaults;
  readonly encoder: PointEncoder;
  readonly #number = new NumberScanner();
  /** Whether the last scan met a backslash. */
  #escaped = false;
  /** The bits of all bytes of names and strings: below 0x80 in ASCII. */
  #bits = 0;
  /** Where the last text ends. */
  #textEnd = 0;

  constructor(defaults: PointDefaults) {
    this.#defaults = defaults;
    this.encoder = new PointEncoder(defaults.database, defaults.retentionPolicy);
  }

  read(bytes: Uint8Array, start: number, end: number): number {
    this.lines = 1;
    let position = start;
    const first = bytes[position];
    this.found = first === NEWLINE ? "boundary" : "point";
    if (first === NEWLINE) return position + 1;
    if (STARTS[first] === 1) return -1;
    this.#bits = 0;
    const encoder = this.encoder;
    encoder.input = bytes;
    encoder.begin();

    position = this.#scan(bytes, position, MEASUREMENT);
    if (position <= start) return -1;
    encoder.nameStart = this.#name(bytes, start, position, MEASUREMENT_ESCAPES);
    encoder.nameEnd = this.#textEnd;

    while (bytes[position] === COMMA) {
      const from = position + 1;
      position = this.#scan(bytes, from, TAG);
      if (position <= from || bytes[position] !== EQUALS) return -1;
      const key = this.#name(bytes, from, position, TAG_ESCAPES);
      const keyEnd = this.#textEnd;
      const valueFrom = position + 1;
      position = this.#scan(bytes, valueFrom, TAG);
      if (position <= valueFrom || bytes[position] === EQUALS) return -1;
      const value = this.#name(bytes, valueFrom, position, TAG_ESCAPES);
      encoder.tag(key, keyEnd, value, this.#textEnd);
    }
    while (bytes[position] === SPACE) position++;

    for (;;) {
      const from = position;
      position = this.#scan(bytes, from, TAG);
      if (position <= from || bytes[position] !== EQUALS) return -1;
      const key = this.#name(bytes, from, position, FIELD_ESCAPES);
      position = this.#value(bytes, position + 1, end, key, this.#textEnd);
      if (position < 0) return -1;
      if (bytes[position] !== COMMA) break;
      position++;
    }

    const fieldsEnd = position;
    while (bytes[position] === SPACE) position++;
    let next = bytes[position];
    const number = this.#number;
    if (next === NEWLINE || next === RETURN) {
      number.set(this.#defaults.now());
    } else {
      if (position === fieldsEnd) return -1;
      const timeEnd = number.scan(bytes, position);
      if (timeEnd === position || !number.integral || !number.int64()) return -1;
      if (this.#defaults.unit !== 1n && !number.scale(this.#defaults.unit)) return -1;
      position = timeEnd;
      while (bytes[position] === SPACE) position++;
      next = bytes[position];
    }
    if (next === RETURN) next = bytes[++position];
    if (next !== NEWLINE) return -1;
    if (this.#bits > 0x7f && !encoder.isUtf8(start, position)) return -1;
    if (!encoder.finish(number.high, number.low)) return -1;
    return position + 1;
  }

  /** Adds the field with the value at `position`; returns where it ends, or -1. */
  #value(bytes: Uint8Array, position: number, end: number, key: number, keyEnd: number): number {
    const encoder = this.encoder;
    const first = bytes[position];
    if (first === QUOTE) {
      const start = position + 1;
      const close = this.#closingQuote(bytes, start, end);
      if (close < 0) return -1;
      const text = this.#name(bytes, start, close, STRING_ESCAPES);
      encoder.string(key, keyEnd, text, this.#textEnd);
      return close + 1;
    }
    const number = this.#number;
    const numberEnd = number.scan(bytes, position);
    if (numberEnd > position) {
      const unit = bytes[numberEnd];
      if (VALUE[unit] === END) {
        const value = number.double();
        if (!Number.isFinite(value)) return -1;
        encoder.double(key, keyEnd, value);
        return numberEnd;
      }
      // i, u
      if (unit !== 0x69 && (unit !== 0x75 || first === MINUS) || VALUE[bytes[numberEnd + 1]] !== END) return -1;
      if (!number.integral || !number.int64()) return -1;
      encoder.int(key, keyEnd, number.high, number.low);
      return numberEnd + 1;
    }
    let wordEnd = position;
    while (VALUE[bytes[wordEnd]] !== END) wordEnd++;
    const value = booleanOf(bytes, position, wordEnd);
    if (value === undefined) return -1;
    encoder.bool(key, keyEnd, value);
    return wordEnd;
  }

  /** Returns where a name ends, at a byte that no backslash precedes; -1 where the line ends before. */
  #scan(bytes: Uint8Array, position: number, table: Uint8Array): number {
    let bits = this.#bits;
    this.#escaped = false;
    for (;; position++) {
      const byte = bytes[position];
      const kind = table[byte];
      if (kind !== PLAIN) {
        if (kind === END) break;
        if (kind === NEVER) return -1;
        this.#escaped = true;
        if (table[bytes[position + 1]] === END) position++;
      }
      bits |= byte;
    }
    this.#bits = bits;
    return position;
  }

  #closingQuote(bytes: Uint8Array, position: number, end: number): number {
    let bits = this.#bits;
    this.#escaped = false;
    for (; position < end; position++) {
      const byte = bytes[position];
      if (byte === QUOTE) {
        this.#bits = bits;
        return position;
      }
      if (byte === BACKSLASH) {
        const next = bytes[position + 1];
        if (next === QUOTE || next === BACKSLASH) {
          this.#escaped = true;
          position++;
        }
      } else if (byte === NEWLINE) {
        this.lines++;
      }
      bits |= byte;
    }
    return -1;
  }

  /** Where the text that was scanned stands, without its backslashes; `#textEnd` is where it ends. */
  #name(bytes: Uint8Array, start: number, end: number, escapes: Uint8Array): number {
    if (!this.#escaped) {
      this.#textEnd = end;
      return start;
    }
    const { own, ownEnd } = this.encoder;
    let to = ownEnd;
    if (own.length - to < end - start) {
      // Too long for the encoder, which then refuses the point.
      this.#textEnd = start + own.length;
      return start;
    }
    for (let i = start; i < end; i++) {
      let byte = bytes[i];
      if (byte === BACKSLASH && i + 1 < end && escapes[bytes[i + 1]] === END) byte = bytes[++i];
      own[to++] = byte;
    }
    this.encoder.ownEnd = to;
    this.#textEnd = OWN + to;
    return OWN + ownEnd;
  }
}

/** What each byte is to a scan that ends at these. */
function scanTable(ends: string): Uint8Array {
  const table = new Uint8Array(256);
  table[NEWLINE] = NEVER;
  table[BACKSLASH] = ESCAPE;
  for (const end of new TextEncoder().encode(ends)) table[end] = END;
  return table;
}

const BOOLEANS = ["t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"]
  .map((word) => new TextEncoder().encode(word));

function booleanOf(bytes: Uint8Array, start: number, end: number): boolean | undefined {
  for (let i = 0; i < BOOLEANS.length; i++) {
    const word = BOOLEANS[i];
    if (word.length !== end - start) continue;
    let n = 0;
    while (n < word.length && bytes[start + n] === word[n]) n++;
    if (n === word.length) return i < 5;
  }
}
