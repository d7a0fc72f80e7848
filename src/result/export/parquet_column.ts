import { ByteWriter } from "../../wire/byte_writer.ts";
import { type Column, isPresent, type Value, type Values } from "../tables/table.ts";

/** How values of a page are encoded, by the numbers that Parquet gives it. */
export const Encoding = { plain: 0, rle: 3, delta: 5, dictionary: 8 } as const;
export type Encoding = typeof Encoding[keyof typeof Encoding];

/** A column of a row group, as bytes that are not compressed. */
export interface EncodedColumn {
  readonly rows: number;
  /** Rows without a value. */
  readonly nulls: number;
  readonly encoding: Encoding;
  /** Which rows have a value, and the values of those that have one; in the writer. */
  readonly page: Uint8Array;
  /** Texts that the page refers to by number. */
  readonly dictionary?: { readonly count: number; readonly bytes: Uint8Array };
  /** Of times and ints: the least and the greatest one. */
  readonly range?: { readonly min: bigint; readonly max: bigint };
}

/** What is added to times and ints is exact up to here. */
const MAX_EXACT = 2 ** 51;
/** Texts that come again are written once, and numbered, where that halves them; more are not worth their numbers. */
const MAX_DICTIONARY = 2 ** 16;

/**
 * A column of a row group: values that wait, and their encoding. Times and ints have delta encoding, repeated texts a
 * dictionary, all others are plain.
 *
 * Format: https://github.com/apache/parquet-format/blob/master/Encodings.md
 */
export class ParquetColumn {
  /** Rows that wait. */
  #rows = 0;
  /** Values of these; what follows has only values that are there. */
  #count = 0;
  /** By row, whether it has no value; undefined while all have. */
  #absent: Uint8Array | undefined;
  /** Numbers; of times and ints, less `base`. */
  readonly #numbers: Float64Array<ArrayBuffer>;
  #base = 0n;
  /** Times and ints that differ by more than doubles hold. */
  #wide: BigInt64Array<ArrayBuffer> | undefined;
  /** Of texts: the place of each among those that differ. */
  readonly #places: Uint32Array;
  readonly #texts = new Map<string, number>();
  /** Characters of the texts that differ. */
  textLength = 0;

  /** @param capacity rows at most */
  constructor(readonly column: Pick<Column, "type">, readonly capacity: number) {
    this.#numbers = new Float64Array(column.type === "text" ? 0 : capacity);
    this.#places = new Uint32Array(column.type === "text" ? capacity : 0);
  }

  /** Adds the values of some rows. */
  add(values: Values, from: number, to: number): void {
    switch (values.type) {
      case "constant":
        this.#addConstant(values.value, to - from);
        break;
      case "time":
        this.#addTimes(values.base, values.offsets, from, to);
        break;
      case "number":
        this.#addNumbers(values.values, values.present, from, to);
        break;
      case "bigint":
        for (let row = from; row < to; row++) {
          if (isPresent(values, row)) this.#addWide(values.values[row]);
          else this.#leaveOut(row - from);
        }
        break;
      case "bool":
        for (let row = from; row < to; row++) {
          if (values.values[row] === 2) this.#leaveOut(row - from);
          else this.#numbers[this.#count++] = values.values[row];
        }
        break;
      case "text":
        for (let row = from; row < to; row++) {
          const text = values.values[row];
          if (text === undefined) this.#leaveOut(row - from);
          else this.#places[this.#count++] = this.#placeOf(text);
        }
    }
    this.#rows += to - from;
  }

  /**
   * Encodes the rows that wait, and starts again.
   *
   * @param writer gets the page; what it has had is overwritten
   */
  take(writer: ByteWriter): EncodedColumn {
    writer.position = 0;
    this.#writeLevels(writer);
    const common = { rows: this.#rows, nulls: this.#rows - this.#count };
    const encoded = { ...common, ...this.#encode(writer), page: writer.written() };
    this.#rows = 0;
    this.#count = 0;
    this.#absent = undefined;
    this.#wide = undefined;
    this.#texts.clear();
    this.textLength = 0;
    return encoded;
  }

  #addConstant(value: Value, rows: number): void {
    const end = this.#count + rows;
    if (value === undefined) { for (let i = 0; i < rows; i++) this.#leaveOut(i); }
    else if (typeof value === "string") this.#places.fill(this.#placeOf(value), this.#count, this.#count = end);
    else if (typeof value === "bigint" || this.#wide !== undefined) {
      for (let i = 0; i < rows; i++) this.#addWide(BigInt(value));
    } else {
      if (this.#count === 0) this.#base = 0n;
      // Others than those of ints may be of any size.
      const isExact = this.column.type !== "int" || this.#base === 0n && Math.abs(Number(value)) <= MAX_EXACT;
      if (isExact) this.#numbers.fill(Number(value), this.#count, this.#count = end);
      else for (let i = 0; i < rows; i++) this.#addWide(BigInt(value));
    }
  }

  #addTimes(base: bigint, offsets: Float64Array, from: number, to: number): void {
    if (this.#count === 0) this.#base = base;
    const shift = Number(base - this.#base);
    for (let row = from; row < to; row++) {
      const offset = offsets[row];
      if (Number.isNaN(offset)) this.#leaveOut(row - from);
      else if (this.#wide === undefined && Math.abs(shift + offset) <= MAX_EXACT) {
        this.#numbers[this.#count++] = shift + offset;
      } else this.#addWide(base + BigInt(offset));
    }
  }

  #addNumbers(values: Float64Array, present: Uint8Array | undefined, from: number, to: number): void {
    const isInt = this.column.type === "int";
    if (isInt && this.#count === 0) this.#base = 0n;
    for (let row = from; row < to; row++) {
      const value = values[row];
      if (present === undefined ? Number.isNaN(value) : present[row] === 0) this.#leaveOut(row - from);
      else if (isInt && (this.#wide !== undefined || Math.abs(value) > MAX_EXACT)) this.#addWide(BigInt(value));
      else this.#numbers[this.#count++] = value;
    }
  }

  #addWide(value: bigint): void {
    this.#widen()[this.#count++] = value;
  }

  /** Turns all numbers into whole ones of 64 bits. */
  #widen(): BigInt64Array<ArrayBuffer> {
    if (this.#wide !== undefined) return this.#wide;
    const wide = this.#wide = new BigInt64Array(this.capacity);
    for (let i = 0; i < this.#count; i++) wide[i] = this.#base + BigInt(this.#numbers[i]);
    return wide;
  }

  #placeOf(text: string): number {
    let place = this.#texts.get(text);
    if (place === undefined) {
      this.#texts.set(text, place = this.#texts.size);
      this.textLength += text.length;
    }
    return place;
  }

  /** @param i of the row, among those that are being added */
  #leaveOut(i: number): void {
    (this.#absent ??= new Uint8Array(this.capacity))[this.#rows + i] = 1;
  }

  /** Writes which rows have a value: definition levels of one bit. */
  #writeLevels(writer: ByteWriter): void {
    const start = writer.position;
    writer.raw(new Uint8Array(4));
    if (this.#count === this.#rows || this.#count === 0) {
      writer.uint32(this.#rows * 2);
      writer.uint32(this.#count === 0 ? 0 : 1);
    } else {
      const absent = this.#absent!;
      writer.uint32(Math.ceil(this.#rows / 8) * 2 + 1);
      writer.raw(bits(this.#rows, (row) => absent[row] === 0));
    }
    new DataView(writer.bytes.buffer).setUint32(start, writer.position - start - 4, true);
  }

  #encode(writer: ByteWriter): Pick<EncodedColumn, "encoding" | "dictionary" | "range"> {
    switch (this.column.type) {
      case "double":
        writer.raw(new Uint8Array(this.#numbers.buffer, 0, this.#count * 8));
        return { encoding: Encoding.plain };
      case "bool":
        writer.raw(bits(this.#count, (i) => this.#numbers[i] === 1));
        return { encoding: Encoding.plain };
      case "text":
        return this.#encodeTexts(writer);
      default:
        return this.#encodeInts(writer);
    }
  }

  #encodeInts(writer: ByteWriter): Pick<EncodedColumn, "encoding" | "range"> {
    if (this.#wide !== undefined) {
      const wide = this.#wide.subarray(0, this.#count);
      writer.raw(new Uint8Array(wide.buffer, 0, this.#count * 8));
      let [min, max] = [wide[0], wide[0]];
      for (const value of wide) {
        if (value < min) min = value;
        else if (value > max) max = value;
      }
      return { encoding: Encoding.plain, range: { min, max } };
    }
    const numbers = this.#numbers.subarray(0, this.#count);
    writeDeltas(writer, numbers, this.#base);
    if (this.#count === 0) return { encoding: Encoding.delta };
    let min = Infinity, max = -Infinity;
    for (let i = 0; i < numbers.length; i++) {
      if (numbers[i] < min) min = numbers[i];
      if (numbers[i] > max) max = numbers[i];
    }
    return {
      encoding: Encoding.delta,
      range: { min: this.#base + BigInt(min), max: this.#base + BigInt(max) },
    };
  }

  #encodeTexts(writer: ByteWriter): Pick<EncodedColumn, "encoding" | "dictionary"> {
    const encoder = new TextEncoder();
    const places = this.#places.subarray(0, this.#count);
    const count = this.#texts.size;
    if (count > MAX_DICTIONARY || count > 1 && count > this.#count / 2) {
      const texts = Array.from(this.#texts.keys(), (text) => encoder.encode(text));
      for (const place of places) writeText(writer, texts[place]);
      return { encoding: Encoding.plain };
    }
    const bytes = new ByteWriter(this.textLength + 4 * count);
    for (const text of this.#texts.keys()) writeText(bytes, encoder.encode(text));
    const width = Math.max(1, 32 - Math.clz32(Math.max(0, count - 1)));
    writer.raw(Uint8Array.of(width));
    writeRuns(writer, places, width);
    return { encoding: Encoding.dictionary, dictionary: { count, bytes: bytes.written() } };
  }
}

/** Bits, the first one the lowest of its byte. */
function bits(count: number, isSet: (i: number) => boolean): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(count / 8));
  for (let i = 0; i < count; i++) if (isSet(i)) bytes[i >> 3] |= 1 << (i & 7);
  return bytes;
}

function writeText(writer: ByteWriter, text: Uint8Array): void {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length, true);
  writer.raw(length);
  writer.raw(text);
}

/** A value that comes so often in a row is written once. */
const MIN_RUN = 16;

/** Writes numbers as runs of equal ones, and the others in groups of 8 of `width` bits each. */
function writeRuns(writer: ByteWriter, values: Uint32Array, width: number): void {
  const runAt = (start: number) => {
    let end = start + 1;
    while (end < values.length && values[end] === values[start]) end++;
    return end - start;
  };
  for (let at = 0; at < values.length;) {
    const run = runAt(at);
    if (run >= MIN_RUN || run === values.length - at) {
      writer.uint32(run * 2);
      for (let byte = 0; byte < width; byte += 8) writer.raw(Uint8Array.of(values[at] >>> byte));
      at += run;
      continue;
    }
    let end = at;
    do end += 8; while (end < values.length && runAt(end) < MIN_RUN);
    writer.uint32((end - at) / 8 * 2 + 1);
    writer.reserve((end - at) / 8 * width);
    writer.position = pack(writer.bytes, writer.position, end - at, width, (i) => values[at + i] ?? 0);
    at = end;
  }
}

const BLOCK = 128;
const MINIBLOCKS = 4;
const MINIBLOCK = BLOCK / MINIBLOCKS;

/**
 * Writes numbers by their differences: for each 128 of them the least one, and what the others are above it, with as
 * many bits as each 32 of them need.
 *
 * @param values whole numbers up to {@linkcode MAX_EXACT}
 * @param base what is added to them
 */
function writeDeltas(writer: ByteWriter, values: Float64Array, base: bigint): void {
  writer.uint32(BLOCK);
  writer.uint32(MINIBLOCKS);
  writer.uint32(values.length);
  writeZigzag(writer, values.length === 0 ? 0n : base + BigInt(values[0]));
  const deltas = new Float64Array(BLOCK);
  for (let start = 1; start < values.length; start += BLOCK) {
    const count = Math.min(BLOCK, values.length - start);
    let least = Infinity;
    for (let i = 0; i < count; i++) {
      const delta = deltas[i] = values[start + i] - values[start + i - 1];
      if (delta < least) least = delta;
    }
    writeZigzag(writer, BigInt(least));
    writer.reserve(MINIBLOCKS + BLOCK * 8);
    const widths = writer.position;
    let position = widths + MINIBLOCKS;
    for (let k = 0; k < MINIBLOCKS; k++) {
      const from = k * MINIBLOCK, to = Math.min(from + MINIBLOCK, count);
      let most = 0;
      for (let i = from; i < to; i++) {
        deltas[i] -= least;
        if (deltas[i] > most) most = deltas[i];
      }
      for (let i = Math.max(from, to); i < from + MINIBLOCK; i++) deltas[i] = 0;
      const width = bitWidth(most);
      writer.bytes[widths + k] = width;
      position = pack(writer.bytes, position, MINIBLOCK, width, (i) => deltas[from + i]);
    }
    writer.position = position;
  }
}

/** The bits that a whole number up to 2^53 needs. */
function bitWidth(value: number): number {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(value / 2 ** 32);
}

/** Bits that are packed at once: with those of a byte that is not full, they fit an integer. */
const PART = 24;

/**
 * Packs whole numbers, the lowest bit first.
 *
 * @returns the position behind them
 */
function pack(
  bytes: Uint8Array,
  position: number,
  count: number,
  width: number,
  valueAt: (i: number) => number,
): number {
  if (width === 0) return position;
  let waiting = 0, waitingBits = 0;
  for (let i = 0; i < count; i++) {
    let value = valueAt(i);
    for (let left = width; left > 0; left -= PART) {
      const high = left > PART ? Math.floor(value / 2 ** PART) : 0;
      waiting |= (left > PART ? value - high * 2 ** PART : value) << waitingBits;
      waitingBits += Math.min(left, PART);
      for (; waitingBits >= 8; waitingBits -= 8, waiting >>>= 8) bytes[position++] = waiting;
      value = high;
    }
  }
  if (waitingBits > 0) bytes[position++] = waiting;
  return position;
}

function writeZigzag(writer: ByteWriter, value: bigint): void {
  writer.int64(BigInt.asIntN(64, value << 1n ^ value >> 63n));
}
