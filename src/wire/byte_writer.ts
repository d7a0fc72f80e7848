import { WireType } from "./byte_reader.ts";

const { VARINT, BYTES } = WireType;
const encoder = new TextEncoder();
const scratch = new DataView(new ArrayBuffer(8));

/** A growing buffer of protobuf bytes. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>;
  position = 0;
  /** How many bytes the length of the next point probably takes: as many as that of the last one. */
  guess = 1;
  #view: DataView;

  /** @param capacity bytes to start with */
  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `length` more bytes. */
  reserve(length: number): void {
    const needed = this.position + length;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.position));
    this.bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** An unsigned varint below 2^32: a tag, a length, an enum. */
  uint32(value: number): void {
    this.reserve(5);
    const bytes = this.bytes;
    let position = this.position;
    while (value > 0x7f) {
      bytes[position++] = value & 0x7f | 0x80;
      value >>>= 7;
    }
    bytes[position++] = value;
    this.position = position;
  }

  /**
   * A signed 64-bit varint; negative values take 10 bytes.
   *
   * @throws {RangeError} if the value does not fit
   */
  int64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} does not fit into 64 bits`);
    this.reserve(10);
    scratch.setBigInt64(0, value, true);
    let low = scratch.getUint32(0, true);
    let high = scratch.getUint32(4, true);
    const bytes = this.bytes;
    let position = this.position;
    while (high !== 0) {
      bytes[position++] = low & 0x7f | 0x80;
      low = (low >>> 7 | high << 25) >>> 0;
      high >>>= 7;
    }
    while (low > 0x7f) {
      bytes[position++] = low & 0x7f | 0x80;
      low >>>= 7;
    }
    bytes[position++] = low;
    this.position = position;
  }

  /** The low 64 bits of an integer, little endian. */
  fixed64(value: bigint): void {
    this.reserve(8);
    this.#view.setBigInt64(this.position, value, true);
    this.position += 8;
  }

  /** A 64-bit IEEE 754 number, little endian. */
  double(value: number): void {
    this.reserve(8);
    this.#view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  /** A string with its length before it; lone surrogates become U+FFFD. */
  string(text: string): void {
    const length = text.length;
    this.reserve(length * 3 + 5);
    if (length < 64) {
      const bytes = this.bytes;
      let position = this.position + 1;
      for (let i = 0; i < length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) return this.#encode(text);
        bytes[position++] = unit;
      }
      bytes[this.position] = length;
      this.position = position;
      return;
    }
    this.#encode(text);
  }

  /**
   * Writes an entry of a map from string to double at once, where the key is short and ASCII.
   *
   * @param tag of the entry, of one byte
   * @returns false where nothing is written, since the key is longer
   */
  doubleEntry(tag: number, key: string, value: number): boolean {
    const length = key.length;
    if (length > 64) return false;
    this.reserve(length + 13);
    const bytes = this.bytes;
    const start = this.position;
    let position = start + 4;
    for (let i = 0; i < length; i++) {
      const unit = key.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[position++] = unit;
    }
    bytes[start] = tag;
    bytes[start + 1] = length + 11;
    bytes[start + 2] = 1 << 3 | BYTES;
    bytes[start + 3] = length;
    bytes[position] = 2 << 3 | WireType.FIXED64;
    this.#view.setFloat64(position + 1, value, true);
    this.position = position + 9;
    return true;
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const length = end - start;
    this.reserve(length);
    this.bytes.set(length === bytes.length ? bytes : bytes.subarray(start, end), this.position);
    this.position += length;
  }

  /** A piece of bytes as they are; `view` is on the same bytes. */
  rawSlice(bytes: Uint8Array, view: DataView, start: number, end: number): void {
    const length = end - start;
    this.reserve(length);
    let position = this.position;
    this.position += length;
    if (length > 256) {
      this.bytes.set(bytes.subarray(start, end), position);
      return;
    }
    // For short pieces a loop over words costs a third of what a subarray and a set do.
    const own = this.bytes;
    const ownView = this.#view;
    for (; start + 8 <= end; start += 8, position += 8) {
      ownView.setBigUint64(position, view.getBigUint64(start, true), true);
    }
    while (start < end) own[position++] = bytes[start++];
  }

  /**
   * Starts something that is preceded by its length; leaves `guess` bytes for the length.
   *
   * @returns where it starts, for {@linkcode closeLength}
   */
  openLength(guess = 1): number {
    this.reserve(guess);
    this.position += guess;
    return this.position;
  }

  /** Writes the length of what began at `start`; moves it where the guess was wrong. Returns the length's size. */
  closeLength(start: number, guess = 1): number {
    const length = this.position - start;
    const size = varintSize(length);
    if (size !== guess) {
      this.reserve(Math.max(0, size - guess));
      this.bytes.copyWithin(start - guess + size, start, this.position);
    }
    // Not by uint32(): that makes room for its longest, and growing here would lose what stands behind the length.
    const bytes = this.bytes;
    let position = start - guess;
    let rest = length;
    while (rest > 0x7f) {
      bytes[position++] = rest & 0x7f | 0x80;
      rest >>>= 7;
    }
    bytes[position++] = rest;
    this.position = position + length;
    return size;
  }

  /** The bytes written so far; valid until the next write. */
  written(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.position);
  }

  #encode(text: string): void {
    const start = this.openLength(2);
    this.reserve(text.length * 3);
    this.position += encoder.encodeInto(text, this.bytes.subarray(start)).written;
    this.closeLength(start, 2);
  }
}

/** How many bytes an unsigned varint below 2^32 takes. */
export function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

/** Writes an unsigned field of up to 32 bits; zero is left out. */
export function writeUint32(writer: ByteWriter, field: number, value: number): void {
  if (value === 0) return;
  writer.uint32(field << 3 | VARINT);
  writer.uint32(value);
}

/** Writes a bytes field; one without bytes is left out. */
export function writeBytes(writer: ByteWriter, field: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  writer.uint32(field << 3 | BYTES);
  writer.uint32(bytes.length);
  writer.raw(bytes);
}

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
