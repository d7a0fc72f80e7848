import type { FastReader } from "./fast_lines.ts";
import type { PointDefaults } from "./input_item.ts";
import { SPECIAL_DOUBLES } from "./json_lines_writer.ts";
import { NumberScanner } from "./number_scanner.ts";
import { PointEncoder } from "./point_encoder.ts";
import { OWN } from "./point_shapes.ts";
import { scanRfc3339 } from "./timestamp.ts";

const NEWLINE = 0x0a, QUOTE = 0x22, COMMA = 0x2c, MINUS = 0x2d, SLASH = 0x2f, ZERO = 0x30, COLON = 0x3a;
const BACKSLASH = 0x5c, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;

const encoder = new TextEncoder();
const [TRUE, FALSE, NULL] = ["true", "false", "null"].map((word) => encoder.encode(word));
const SPECIALS = Array.from(SPECIAL_DOUBLES, ([word, value]) => ({ word: encoder.encode(word), value }));

/** Members of a point. */
const MEMBERS = ["name", "time", "tags", "fields", "database", "retentionPolicy", "group", "dimensions", "byName"]
  .map((word) => encoder.encode(word));

/** What a backslash and these stand for. */
const ESCAPES = new Uint8Array(256);
for (
  const [letter, byte] of [[QUOTE, QUOTE], [BACKSLASH, BACKSLASH], [SLASH, SLASH], [0x62, 8], [0x66, 12], [0x6e, 10], [
    0x72,
    13,
  ], [0x74, 9]]
) {
  ESCAPES[letter] = byte;
}

/**
 * Reads JSON lines straight into encoded points: nearly all lines that programs write. It leaves to {@linkcode
 * JsonLinesParser} what takes more than that: bad lines, begins and ends of batches, points without a name, doubles that
 * look like integers, members that come again, text that is not UTF-8. What both read is the same.
 */
export class JsonReader implements FastReader {
  readonly lines = 1;
  readonly found = "point";
  readonly #defaults: PointDefaults;
  readonly encoder: PointEncoder;
  readonly #number = new NumberScanner();
  #bytes: Uint8Array = new Uint8Array();
  /** The bits of all bytes of strings: below 0x80 in ASCII. */
  #bits = 0;
  // Where the string that was read last stands.
  #textStart = 0;
  #textEnd = 0;
  // The time, in two words.
  #high = 0;
  #low = 0;

  constructor(defaults: PointDefaults) {
    this.#defaults = defaults;
    this.encoder = new PointEncoder(defaults.database, defaults.retentionPolicy);
  }

  read(bytes: Uint8Array, start: number): number {
    this.#bytes = bytes;
    this.#bits = 0;
    const encoder = this.encoder;
    encoder.input = bytes;
    encoder.begin();
    let seen = 0;
    let position = this.#skip(start);
    if (bytes[position] !== OPEN_BRACE) return -1;
    do {
      position = this.#skip(position + 1);
      const member = this.#member(position);
      if (member < 0 || (seen & 1 << member) !== 0) return -1;
      seen |= 1 << member;
      position = this.#skip(position + MEMBERS[member].length + 2);
      if (bytes[position] !== COLON) return -1;
      position = this.#value(member, this.#skip(position + 1));
      if (position < 0) return -1;
      position = this.#skip(position);
    } while (bytes[position] === COMMA);
    if (bytes[position] !== CLOSE_BRACE || (seen & 1) === 0) return -1;
    position = this.#skip(position + 1);
    if (bytes[position] !== NEWLINE) return -1;
    if (this.#bits > 0x7f && !encoder.isUtf8(start, position)) return -1;
    if ((seen & 2) === 0) {
      this.#number.set(this.#defaults.now());
      this.#high = this.#number.high;
      this.#low = this.#number.low;
    }
    if (!encoder.finish(this.#high, this.#low)) return -1;
    return position + 1;
  }

  /** Which member starts at `position` with its quote, or -1. */
  #member(position: number): number {
    const bytes = this.#bytes;
    if (bytes[position] !== QUOTE) return -1;
    for (let i = 0; i < MEMBERS.length; i++) {
      const end = this.#word(position + 1, MEMBERS[i]);
      if (end >= 0 && bytes[end] === QUOTE) return i;
    }
    return -1;
  }

  /** Reads the value of a member; returns where it ends, or -1. */
  #value(member: number, position: number): number {
    const encoder = this.encoder;
    switch (member) {
      case 0:
        position = this.#string(position);
        encoder.nameStart = this.#textStart;
        encoder.nameEnd = this.#textEnd;
        return position;
      case 1:
        return this.#time(position);
      case 2:
        return this.#entries(position, true);
      case 3:
        return this.#entries(position, false);
      case 4:
        position = this.#string(position);
        encoder.databaseStart = this.#textStart;
        encoder.databaseEnd = this.#textEnd;
        return position;
      case 5:
        position = this.#string(position);
        encoder.retentionPolicyStart = this.#textStart;
        encoder.retentionPolicyEnd = this.#textEnd;
        return position;
      case 6:
        position = this.#string(position);
        encoder.groupStart = this.#textStart;
        encoder.groupEnd = this.#textEnd;
        return position;
      case 7:
        return this.#dimensions(position);
      default: {
        const end = this.#word(position, TRUE);
        encoder.byName = end >= 0;
        return end >= 0 ? end : this.#word(position, FALSE);
      }
    }
  }

  #time(position: number): number {
    const bytes = this.#bytes;
    const number = this.#number;
    let end: number;
    if (bytes[position] === QUOTE) {
      end = scanRfc3339(bytes, position + 1, number);
      if (end < 0 || bytes[end++] !== QUOTE) return -1;
    } else {
      end = this.#scanNumber(position);
      if (end < 0 || !number.integral || !number.int64()) return -1;
      if (this.#defaults.unit !== 1n && !number.scale(this.#defaults.unit)) return -1;
    }
    this.#high = number.high;
    this.#low = number.low;
    return end;
  }

  /** Reads an object of tags or of fields. */
  #entries(position: number, areTags: boolean): number {
    const bytes = this.#bytes;
    const encoder = this.encoder;
    if (bytes[position] !== OPEN_BRACE) return -1;
    position = this.#skip(position + 1);
    if (bytes[position] === CLOSE_BRACE) return position + 1;
    for (;;) {
      position = this.#string(position);
      if (position < 0) return -1;
      const key = this.#textStart, keyEnd = this.#textEnd;
      position = this.#skip(position);
      if (bytes[position] !== COLON) return -1;
      position = this.#skip(position + 1);
      if (areTags) {
        position = this.#string(position);
        encoder.tag(key, keyEnd, this.#textStart, this.#textEnd);
      } else {
        position = this.#field(position, key, keyEnd);
      }
      if (position < 0) return -1;
      position = this.#skip(position);
      const next = bytes[position];
      if (next === CLOSE_BRACE) return position + 1;
      if (next !== COMMA) return -1;
      position = this.#skip(position + 1);
    }
  }

  /** Adds the field with the value at `position`. */
  #field(position: number, key: number, keyEnd: number): number {
    const encoder = this.encoder;
    const first = this.#bytes[position];
    if (first === QUOTE) {
      const end = this.#string(position);
      if (end < 0) return -1;
      const special = this.#special();
      if (special === undefined) encoder.string(key, keyEnd, this.#textStart, this.#textEnd);
      else encoder.double(key, keyEnd, special);
      return end;
    }
    if (first === MINUS || first >= ZERO && first <= ZERO + 9) {
      const number = this.#number;
      const end = this.#scanNumber(position);
      if (end < 0) return -1;
      if (number.integral) {
        if (!number.int64()) return -1;
        encoder.int(key, keyEnd, number.high, number.low);
      } else {
        const value = number.double();
        if (!Number.isFinite(value)) return -1;
        encoder.double(key, keyEnd, value);
      }
      return end;
    }
    let end = this.#word(position, TRUE);
    if (end >= 0) {
      encoder.bool(key, keyEnd, true);
      return end;
    }
    end = this.#word(position, FALSE);
    if (end >= 0) {
      encoder.bool(key, keyEnd, false);
      return end;
    }
    end = this.#word(position, NULL);
    if (end >= 0) encoder.absent(key, keyEnd);
    return end;
  }

  #dimensions(position: number): number {
    const bytes = this.#bytes;
    if (bytes[position] !== OPEN_BRACKET) return -1;
    position = this.#skip(position + 1);
    if (bytes[position] === CLOSE_BRACKET) return position + 1;
    for (;;) {
      position = this.#string(position);
      if (position < 0) return -1;
      this.encoder.dimension(this.#textStart, this.#textEnd);
      position = this.#skip(position);
      const next = bytes[position];
      if (next === CLOSE_BRACKET) return position + 1;
      if (next !== COMMA) return -1;
      position = this.#skip(position + 1);
    }
  }

  /** Scans a number as JSON has them; returns where it ends, or -1. */
  #scanNumber(position: number): number {
    const number = this.#number;
    const end = number.scan(this.#bytes, position);
    // Neither a plus sign, nor leading zeros, nor a point without digits on both sides.
    const isJson = end > position && number.whole > 0 && !number.padded && this.#bytes[position] !== 0x2b &&
      (number.decimals > 0 || !number.pointed);
    return isJson ? end : -1;
  }

  /** The double that the string read last stands for. */
  #special(): number | undefined {
    const start = this.#textStart;
    const length = this.#textEnd - start;
    const isOwn = start >= OWN;
    for (const { word, value } of SPECIALS) {
      if (word.length !== length) continue;
      return wordEnd(isOwn ? this.encoder.own : this.#bytes, isOwn ? start - OWN : start, word) < 0 ? undefined : value;
    }
  }

  /** Reads a string; returns where it ends, or -1. */
  #string(position: number): number {
    const bytes = this.#bytes;
    if (bytes[position] !== QUOTE) return -1;
    const start = ++position;
    let bits = this.#bits;
    for (;; position++) {
      const byte = bytes[position];
      if (byte === QUOTE) break;
      if (byte < 0x20) return -1;
      if (byte === BACKSLASH) return this.#escapedString(start, position);
      bits |= byte;
    }
    this.#bits = bits;
    this.#textStart = start;
    this.#textEnd = position;
    return position + 1;
  }

  /** Reads a string whose first backslash is at `position`. */
  #escapedString(start: number, position: number): number {
    const bytes = this.#bytes;
    const { own, ownEnd } = this.encoder;
    const limit = own.length - 4;
    let to = ownEnd;
    if (to + position - start > limit) return -1;
    for (let i = start; i < position; i++) {
      this.#bits |= bytes[i];
      own[to++] = bytes[i];
    }
    for (;; position++) {
      const byte = bytes[position];
      if (byte === QUOTE) break;
      if (byte < 0x20 || to > limit) return -1;
      if (byte !== BACKSLASH) {
        this.#bits |= byte;
        own[to++] = byte;
        continue;
      }
      const letter = bytes[++position];
      if (letter === 0x75) { // u
        let code = this.#hex(position + 1);
        position += 4;
        if (code >= 0xd800 && code < 0xe000) {
          // A lone surrogate is for the parser.
          if (code >= 0xdc00 || bytes[position + 1] !== BACKSLASH || bytes[position + 2] !== 0x75) return -1;
          const second = this.#hex(position + 3);
          if (second < 0xdc00 || second >= 0xe000) return -1;
          code = 0x10000 + (code - 0xd800 << 10) + (second - 0xdc00);
          position += 6;
        }
        if (code < 0) return -1;
        to = writeUtf8(own, to, code);
      } else {
        const escaped = ESCAPES[letter];
        if (escaped === 0) return -1;
        own[to++] = escaped;
      }
    }
    this.encoder.ownEnd = to;
    this.#textStart = OWN + ownEnd;
    this.#textEnd = OWN + to;
    return position + 1;
  }

  /** The value of four hexadecimal digits, or -1. */
  #hex(position: number): number {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const byte = this.#bytes[position + i];
      const letter = (byte | 0x20) - 0x61;
      const digit = byte >= ZERO && byte <= ZERO + 9 ? byte - ZERO : letter >= 0 && letter < 6 ? letter + 10 : -1;
      if (digit < 0) return -1;
      value = value << 4 | digit;
    }
    return value;
  }

  #word(position: number, word: Uint8Array): number {
    return wordEnd(this.#bytes, position, word);
  }

  #skip(position: number): number {
    const bytes = this.#bytes;
    let byte = bytes[position];
    while (byte === 0x20 || byte === 0x09 || byte === 0x0d) byte = bytes[++position];
    return position;
  }
}

/** Where a word ends that stands at `position`; -1 where another one does. */
function wordEnd(bytes: Uint8Array, position: number, word: Uint8Array): number {
  for (let i = 0; i < word.length; i++) if (bytes[position + i] !== word[i]) return -1;
  return position + word.length;
}

/** Writes a character; returns where it ends. */
function writeUtf8(bytes: Uint8Array, position: number, code: number): number {
  if (code < 0x80) {
    bytes[position++] = code;
  } else if (code < 0x800) {
    bytes[position++] = 0xc0 | code >> 6;
    bytes[position++] = 0x80 | code & 0x3f;
  } else {
    if (code < 0x10000) {
      bytes[position++] = 0xe0 | code >> 12;
    } else {
      bytes[position++] = 0xf0 | code >> 18;
      bytes[position++] = 0x80 | code >> 12 & 0x3f;
    }
    bytes[position++] = 0x80 | code >> 6 & 0x3f;
    bytes[position++] = 0x80 | code & 0x3f;
  }
  return position;
}
