import { WireError } from "../base/errors.ts";

/** How a protobuf field is stored, the low three bits of its tag. */
export const WireType = { VARINT: 0, FIXED64: 1, BYTES: 2, START_GROUP: 3, END_GROUP: 4, FIXED32: 5 } as const;

const MAX_DEPTH = 100;

/**
 * A cursor over protobuf bytes. Reads stay between `position` and `end`; anything that would leave them, or that
 * is no protobuf, throws a WireError.
 *
 * Encoding: https://protobuf.dev/programming-guides/encoding/
 */
export class ByteReader {
  bytes: Uint8Array = new Uint8Array();
  position = 0;
  end = 0;
  /** A view of the same bytes, for wider values. */
  view: DataView = new DataView(this.bytes.buffer);

  /** @param strings shared by the readers of one connection */
  constructor(readonly strings: StringTable = new StringTable()) {}

  /** Points the cursor at `bytes[start, end)`. */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): this {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.position = start;
    this.end = end;
    return this;
  }

  /**
   * Reads a varint and returns its low 32 bits: tags, lengths, enums, booleans. Longer varints are read to their end.
   */
  uint32(): number {
    const bytes = this.bytes;
    let position = this.position;
    const end = this.end;
    if (position < end) {
      const first = bytes[position];
      if (first < 0x80) {
        this.position = position + 1;
        return first;
      }
    }
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= end) throw cut();
      const byte = bytes[position++];
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = position;
        return value >>> 0;
      }
    }
    throw overlong();
  }

  /** Reads a varint as a boolean: true if any of 64 bits is set. */
  bool(): boolean {
    return this.int64() !== 0n;
  }

  /** A varint as a signed 64-bit integer. */
  int64(): bigint {
    const bytes = this.bytes;
    const end = this.end;
    let position = this.position;
    // Three numbers of 28, 28 and 8 bits, since bigint arithmetic on every byte costs ten times as much.
    let low = 0, middle = 0, high = 0;
    for (let i = 0; i < 10; i++) {
      if (position >= end) throw cut();
      const byte = bytes[position++];
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << 7 * i;
      else if (i < 8) middle |= bits << 7 * (i - 4);
      else high |= bits << 7 * (i - 8);
      if (byte < 0x80) {
        this.position = position;
        if (high === 0 && middle < 0x1000000) return BigInt(middle * 0x10000000 + low);
        scratch.setUint32(0, (low | middle << 28) >>> 0, true);
        scratch.setUint32(4, (middle >>> 4 | high << 24) >>> 0, true);
        return scratch.getBigInt64(0, true);
      }
    }
    throw overlong();
  }

  /** A 64-bit IEEE 754 number, little endian. */
  double(): number {
    const position = this.position;
    if (position + 8 > this.end) throw cut();
    this.position = position + 8;
    return this.view.getFloat64(position, true);
  }

  /** The end of a length-delimited value that starts here, after its length was read. */
  delimited(): number {
    const length = this.uint32();
    const end = this.position + length;
    if (end > this.end) throw cut();
    return end;
  }

  /** A string, from the table if it has been seen. */
  string(): string {
    const end = this.delimited();
    const text = this.strings.get(this.bytes, this.view, this.position, end);
    this.position = end;
    return text;
  }

  /** A copy of a byte string. */
  byteString(): Uint8Array {
    const end = this.delimited();
    const copy = this.bytes.slice(this.position, end);
    this.position = end;
    return copy;
  }

  /** Skips the value of a field whose tag was just read. */
  skip(tag: number, depth = 0): void {
    if (tag >>> 3 === 0) throw new WireError("bad-field", "a protobuf field has the number 0");
    switch (tag & 7) {
      case WireType.VARINT: {
        const bytes = this.bytes;
        for (let i = 0; i < 10; i++) {
          if (this.position >= this.end) throw cut();
          if (bytes[this.position++] < 0x80) return;
        }
        throw overlong();
      }
      case WireType.FIXED64:
        this.#advance(8);
        return;
      case WireType.BYTES:
        this.position = this.delimited();
        return;
      case WireType.START_GROUP:
        if (depth === MAX_DEPTH) throw new WireError("bad-field", `protobuf groups nest deeper than ${MAX_DEPTH}`);
        for (;;) {
          const inner = this.uint32();
          if ((inner & 7) === WireType.END_GROUP) {
            if (inner >>> 3 !== tag >>> 3) throw new WireError("bad-field", "a protobuf group ends another group");
            return;
          }
          this.skip(inner, depth + 1);
        }
      case WireType.FIXED32:
        this.#advance(4);
        return;
      default:
        throw new WireError("bad-field", `protobuf wire type ${tag & 7} of field ${tag >>> 3} is not valid here`);
    }
  }

  #advance(length: number): void {
    if (this.position + length > this.end) throw cut();
    this.position += length;
  }
}

const scratch = new DataView(new ArrayBuffer(8));

function cut(): WireError {
  return new WireError("cut-message", "a protobuf message ends in the middle of a field");
}

function overlong(): WireError {
  return new WireError("bad-varint", "a varint is longer than 10 bytes");
}

const SLOTS = 4096;
/** Leaves as many bits of a hash as there are slots. */
const SLOT_SHIFT = 20;
const MAX_KEPT_BYTES = 48;

/**
 * Decodes UTF-8 and keeps short strings, so that names, keys and tag values that repeat from
 * message to message are neither decoded nor allocated again.
 *
 * A fixed number of slots, each with the last string of that hash: memory is bounded for any input.
 */
export class StringTable {
  readonly #slots: (Entry | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #lenient = new TextDecoder("utf-8", { ignoreBOM: true });

  /** The number of strings that were not valid UTF-8; each was decoded with U+FFFD in place of the bad bytes. */
  invalid = 0;

  /**
   * Returns the string in `bytes[start, end)`.
   *
   * @param view of the same bytes
   */
  get(bytes: Uint8Array, view: DataView, start: number, end: number): string {
    const length = end - start;
    if (length === 0) return "";
    if (length > MAX_KEPT_BYTES) return this.#decode(bytes, start, end);
    const hash = hashOf(bytes, view, start, end);
    const slot = hash >>> SLOT_SHIFT;
    const entry = this.#slots[slot];
    if (entry !== undefined && entry.hash === hash && matches(entry, bytes, view, start, end)) return entry.text;
    const invalid = this.invalid;
    const text = this.#decode(bytes, start, end);
    // A string that is not valid is not kept, so that each occurrence counts.
    if (this.invalid === invalid) {
      this.#slots[slot] = { hash, length, words: wordsOf(bytes, view, start, end), text };
    }
    return text;
  }

  /** Whether `bytes[start, end)` is valid UTF-8. Does not count. */
  isValid(bytes: Uint8Array, start: number, end: number): boolean {
    let high = 0;
    for (let i = start; i < end; i++) high |= bytes[i];
    if (high < 0x80) return true;
    try {
      this.#strict.decode(bytes.subarray(start, end));
      return true;
    } catch {
      return false;
    }
  }

  #decode(bytes: Uint8Array, start: number, end: number): string {
    if (this.isValid(bytes, start, end)) return this.#lenient.decode(bytes.subarray(start, end));
    this.invalid++;
    return this.#lenient.decode(bytes.subarray(start, end));
  }
}

interface Entry {
  hash: number;
  length: number;
  /** Its bytes, four at a time; the last ones are the last four, some of them twice. Of fewer than four, all in one. */
  words: readonly number[];
  text: string;
}

/** Returns a hash of 32 bits, of which the upper ones are the best. It takes four bytes at a time. */
function hashOf(bytes: Uint8Array, view: DataView, start: number, end: number): number {
  let hash = end - start;
  if (hash < 4) return Math.imul(hash ^ shortWord(bytes, start, end), 0x9e3779b1);
  for (let i = start; i < end - 4; i += 4) {
    hash = Math.imul(hash ^ view.getInt32(i, true), 0x9e3779b1);
    hash = hash << 13 | hash >>> 19;
  }
  return Math.imul(hash ^ view.getInt32(end - 4, true), 0x9e3779b1);
}

function wordsOf(bytes: Uint8Array, view: DataView, start: number, end: number): number[] {
  if (end - start < 4) return [shortWord(bytes, start, end)];
  const words: number[] = [];
  for (let i = start; i < end - 4; i += 4) words.push(view.getInt32(i, true));
  words.push(view.getInt32(end - 4, true));
  return words;
}

function matches(entry: Entry, bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  const { length, words } = entry;
  if (length !== end - start) return false;
  if (length < 4) return words[0] === shortWord(bytes, start, end);
  const last = words.length - 1;
  for (let i = 0; i < last; i++) if (words[i] !== view.getInt32(start + i * 4, true)) return false;
  return words[last] === view.getInt32(end - 4, true);
}

/** Up to three bytes as one number. */
function shortWord(bytes: Uint8Array, start: number, end: number): number {
  let word = 0;
  for (let i = start; i < end; i++) word = word << 8 | bytes[i];
  return word;
}
