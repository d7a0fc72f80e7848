import { TineError } from "../../base/errors.ts";
import {
  CHUNK_HEAD_BYTES,
  CHUNK_VERSION,
  type Columns,
  declarationOf,
  MAX_CHUNK_BYTES,
  MAX_CHUNK_COLUMNS,
  MAX_CHUNK_SAMPLES,
  RAW,
  type RecordKind,
  recordKindOf,
  RELATIVE,
  type Sample,
} from "./format.ts";

/** The samples of a chunk. */
export type Chunk<K extends RecordKind = RecordKind> = K extends RecordKind ? {
    readonly kind: K;
    /** The number of samples. */
    readonly count: number;
    /** Each of `count` values; NaN in a column that the writer did not know. */
    readonly columns: Columns<K>;
  }
  : never;

/**
 * Reads the kind of a chunk and the number of its samples, without decoding these.
 *
 * @throws {TineError} `bad-records`, if it is no chunk, or of another version
 */
export function chunkHead(bytes: Uint8Array): { kind: RecordKind; count: number } {
  if (bytes.length < CHUNK_HEAD_BYTES) throw bad(`has ${bytes.length} bytes, which is no head of one`);
  if (bytes.length > MAX_CHUNK_BYTES) throw bad(`has ${bytes.length} bytes, the limit is ${MAX_CHUNK_BYTES}`);
  if (bytes[0] !== CHUNK_VERSION) throw bad(`is of version ${bytes[0]}, this tine reads version ${CHUNK_VERSION}`);
  const kind = recordKindOf(bytes[1]);
  if (kind === undefined) throw bad(`holds samples of the kind ${bytes[1]}, which this tine does not know`);
  const count = bytes[2] | bytes[3] << 8;
  if (count === 0 || count > MAX_CHUNK_SAMPLES) {
    throw bad(`claims ${count} samples, expected 1 to ${MAX_CHUNK_SAMPLES}`);
  }
  return { kind, count };
}

/**
 * Reads whether a chunk has samples of packets at a server, without decoding it: a chunk has the samples of one end.
 *
 * @returns false for other kinds, and where it does not say
 * @throws {TineError} `bad-records`, as {@linkcode readChunk} does
 */
export function isAtServer(bytes: Uint8Array): boolean {
  const { kind, count } = chunkHead(bytes);
  if (kind !== "packetIO") return false;
  const input = new ColumnReader(bytes, count);
  for (let i = 0; i < bytes[4]; i++) {
    if (input.name() !== "server") input.skip();
    else return input.first() === 1;
  }
  return false;
}

/**
 * Decodes a chunk. Columns that this tine does not know are left out.
 *
 * @throws {TineError} `bad-records`, if it is no chunk, cut, or of another version
 */
export function readChunk(bytes: Uint8Array): Chunk {
  return new ChunkReader().read(bytes);
}

/** Decodes chunks one after another into the same memory: millions of samples would leave gigabytes to be collected. */
export class ChunkReader {
  #room = new Float64Array(0);

  /**
   * Decodes a chunk, as {@linkcode readChunk} does.
   *
   * @returns the samples; their columns are valid until the next call
   * @throws {TineError} `bad-records`
   */
  read(bytes: Uint8Array): Chunk {
    const { kind, count } = chunkHead(bytes);
    const known = namesOf(kind);
    const input = new ColumnReader(bytes, count);
    const decoded: Float64Array[] = [];
    const columns: Record<string, Float64Array> = {};
    const columnCount = bytes[4];
    if (columnCount > MAX_CHUNK_COLUMNS) throw bad(`claims ${columnCount} columns, the limit is ${MAX_CHUNK_COLUMNS}`);
    // One allocation for all columns: it is half the time of decoding otherwise.
    if (this.#room.length < columnCount * count) this.#room = new Float64Array(columnCount * count);
    for (let i = 0; i < columnCount; i++) {
      const name = input.name(known[i]);
      const values = this.#room.subarray(i * count, (i + 1) * count);
      input.decode(values, decoded);
      decoded.push(values);
      if (name === known[i] || known.includes(name)) columns[name] = values;
    }
    if (input.position !== bytes.length) throw bad(`has ${bytes.length - input.position} bytes behind its end`);
    for (const name of known) columns[name] ??= new Float64Array(count).fill(NaN);
    return { kind, count, columns } as Chunk;
  }
}

/**
 * Yields the samples of a chunk one by one. It is the same object each time, with other values: copy what you keep.
 *
 * @example
 * ```ts
 * import { ChunkWriter } from "./chunk_writer.ts";
 * import { readChunk, samplesOf } from "./read_chunk.ts";
 *
 * const writer = new ChunkWriter("streamIO");
 * writer.columns.total[writer.next()] = 1;
 * const chunk = readChunk(writer.take());
 * if (chunk.kind === "streamIO") {
 *   for (const { t, total } of samplesOf<"streamIO">(chunk)) console.log(t, total);
 * }
 * ```
 */
export function* samplesOf<K extends RecordKind>(chunk: Chunk<K>): Generator<Readonly<Sample<K>>, void, void> {
  const columns = Object.entries<Float64Array>(chunk.columns);
  const sample = Object.fromEntries(columns.map(([name]) => [name, 0])) as Record<string, number>;
  for (let i = 0; i < chunk.count; i++) {
    for (const [name, values] of columns) sample[name] = values[i];
    yield sample as Sample<K>;
  }
}

const NAMES = new Map<RecordKind, readonly string[]>();

function namesOf(kind: RecordKind): readonly string[] {
  let names = NAMES.get(kind);
  if (names === undefined) NAMES.set(kind, names = Object.keys(declarationOf(kind).columns));
  return names;
}

/** A cursor over the columns of a chunk. */
class ColumnReader {
  position = CHUNK_HEAD_BYTES;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #count: number;

  constructor(bytes: Uint8Array, count: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#count = count;
  }

  /** Reads a name; one that is expected is not made anew. */
  name(expected = ""): string {
    const length = this.#byte();
    const start = this.#take(length);
    const bytes = this.#bytes;
    if (length === expected.length) {
      let i = 0;
      while (i < length && bytes[start + i] === expected.charCodeAt(i)) i++;
      if (i === length) return expected;
    }
    return String.fromCharCode(...bytes.subarray(start, start + length));
  }

  /** Moves on to the next column. */
  skip(): void {
    const form = this.#byte();
    const order = form & 3;
    if (form & RELATIVE) this.#byte();
    if (order === RAW) {
      this.#take(8 * this.#count);
      return;
    }
    for (let i = 0; i <= order; i++) this.#integer();
    this.#take((form >> 2 & 7) * Math.max(0, this.#count - order));
  }

  /** Returns the first value of a column that is not relative to another one; NaN of one that is. */
  first(): number {
    const form = this.#byte();
    const order = form & 3, width = form >> 2 & 7;
    if (form & RELATIVE) return NaN;
    if (order === RAW) return this.#view.getFloat64(this.#take(8), true);
    const first = this.#integer();
    if (order > 0) return first;
    let value = 0;
    const start = this.#take(width);
    for (let byte = width - 1; byte >= 0; byte--) value = value * 256 + this.#bytes[start + byte];
    return value + first;
  }

  /** Decodes a column; `before` are those before it. */
  decode(values: Float64Array, before: readonly Float64Array[]): void {
    const form = this.#byte();
    const order = form & 3;
    const width = form >> 2 & 7;
    const base = form & RELATIVE ? this.#byte() : undefined;
    if (form >> 6 !== 0) throw bad(`has a column of the unknown form ${form}`);
    if (order === RAW) this.#raw(values);
    else {
      // A series that is shorter than its order has no start.
      if (order > this.#count) throw bad(`has a series of order ${order} with ${this.#count} samples`);
      const first = order > 0 ? this.#integer() : 0;
      const step = order > 1 ? this.#integer() : 0;
      const min = this.#integer();
      this.#fixed(values, order, width);
      restore(values, order, first, step, min);
    }
    if (base === undefined) return;
    if (base >= before.length) throw bad(`has a column relative to column ${base}, which is not before it`);
    const other = before[base];
    for (let i = 0; i < values.length; i++) values[i] += other[i];
  }

  #raw(values: Float64Array): void {
    let position = this.#take(8 * values.length);
    for (let i = 0; i < values.length; i++, position += 8) values[i] = this.#view.getFloat64(position, true);
  }

  #integer(): number {
    const head = this.#byte();
    const length = head & 0x7f;
    if (length > 7) throw bad(`has an integer of ${length} bytes`);
    const start = this.#take(length);
    let value = 0;
    for (let i = length - 1; i >= 0; i--) value = value * 256 + this.#bytes[start + i];
    return head & 0x80 ? -value : value;
  }

  #fixed(values: Float64Array, start: number, width: number): void {
    const end = values.length;
    const view = this.#view;
    let position = this.#take(width * (end - start));
    switch (width) {
      case 0:
        values.fill(0);
        break;
      case 1:
        for (let i = start; i < end; i++) values[i] = view.getUint8(position++);
        break;
      case 2:
        for (let i = start; i < end; i++, position += 2) values[i] = view.getUint16(position, true);
        break;
      case 3:
        for (let i = start; i < end; i++, position += 3) {
          values[i] = view.getUint16(position, true) | view.getUint8(position + 2) << 16;
        }
        break;
      case 4:
        for (let i = start; i < end; i++, position += 4) values[i] = view.getUint32(position, true);
        break;
      default:
        for (let i = start; i < end; i++, position += width) {
          let high = 0;
          for (let byte = width - 1; byte >= 4; byte--) high = high << 8 | view.getUint8(position + byte);
          values[i] = view.getUint32(position, true) + high * 0x100000000;
        }
    }
  }

  #byte(): number {
    return this.#bytes[this.#take(1)];
  }

  /** Moves on; returns where it was. */
  #take(length: number): number {
    const start = this.position;
    if (start + length > this.#bytes.length) throw bad("is cut");
    this.position = start + length;
    return start;
  }
}

/** Turns differences into values. */
function restore(values: Float64Array, order: number, first: number, step: number, min: number): void {
  switch (order) {
    case 0:
      for (let i = 0; i < values.length; i++) values[i] += min;
      break;
    case 1: {
      let value = values[0] = first;
      for (let i = 1; i < values.length; i++) values[i] = value += values[i] + min;
      break;
    }
    default: {
      let value = first + step;
      values[0] = first;
      values[1] = value;
      for (let i = 2; i < values.length; i++) {
        step += values[i] + min;
        values[i] = value += step;
      }
    }
  }
}

function bad(what: string): TineError {
  return new TineError("bad-records", `a chunk of samples ${what}`);
}
