import {
  CHUNK_HEAD_BYTES,
  CHUNK_VERSION,
  columnHeadBytes,
  MAX_CHUNK_BYTES,
  MAX_CHUNK_SAMPLES,
  RAW,
  RELATIVE,
} from "./chunk_format.ts";
import { chooseForm, type ColumnForm, encodeColumn, encodeInteger } from "./column_encoder.ts";
import { type ColumnName, type Columns, declarationOf, type RecordKind } from "./kinds.ts";

/**
 * Collects samples of one kind in columns, and turns them into chunks of at most 60 KiB.
 *
 * @example
 * ```ts
 * import { ChunkWriter } from "./chunk_writer.ts";
 * import { readChunk } from "./read_chunk.ts";
 *
 * const writer = new ChunkWriter("streamIO");
 * const { t, total, sent } = writer.columns;
 * const i = writer.next();
 * t[i] = 1_000_000;
 * total[i] = 131072;
 * sent[i] = 1;
 * const chunk = readChunk(writer.take());
 * console.assert(chunk.kind === "streamIO" && chunk.columns.total[0] === 131072);
 * ```
 */
export class ChunkWriter<K extends RecordKind> {
  /** The columns; a sample that {@linkcode next} has added is set in each of them. */
  readonly columns: Columns<K>;
  /** How many samples fit one chunk, however large their values are. */
  readonly capacity: number;

  readonly #id: number;
  readonly #columns: readonly Column[];
  readonly #target: DataView<ArrayBuffer>;
  readonly #scratch: Float64Array;
  readonly #distances: Float64Array;
  readonly #form: ColumnForm = { order: 0, width: 0, min: 0 };
  #length = 0;

  /** @param kind what is sampled */
  constructor(readonly kind: K) {
    const { id, columns, near = {} } = declarationOf(kind);
    const names = Object.keys(columns) as ColumnName<K>[];
    this.#id = id;
    const heads = names.reduce((sum, name) => sum + columnHeadBytes(name), CHUNK_HEAD_BYTES);
    this.capacity = Math.min(MAX_CHUNK_SAMPLES, Math.floor((MAX_CHUNK_BYTES - heads) / (8 * names.length)));
    this.#columns = names.map((name) => ({
      name: new TextEncoder().encode(name),
      values: new Float64Array(this.capacity),
      near: name in near ? names.indexOf(near[name] as ColumnName<K>) : undefined,
    }));
    this.columns = Object.fromEntries(names.map((name, i) => [name, this.#columns[i].values])) as Columns<K>;
    this.#target = new DataView(new ArrayBuffer(MAX_CHUNK_BYTES));
    this.#scratch = new Float64Array(this.capacity);
    this.#distances = new Float64Array(this.capacity);
  }

  /** How many samples wait. */
  get length(): number {
    return this.#length;
  }

  /** Whether {@linkcode take} must come before the next sample. */
  get full(): boolean {
    return this.#length === this.capacity;
  }

  /**
   * Adds a sample. Set all its columns: they hold values of an earlier one.
   *
   * @returns its index in {@linkcode columns}
   * @throws {RangeError} when full
   */
  next(): number {
    if (this.#length === this.capacity) throw new RangeError("the chunk is full");
    return this.#length++;
  }

  /** The samples as a chunk; the next one starts empty. Without samples, no bytes. */
  take(): Uint8Array<ArrayBuffer> {
    const count = this.#length;
    this.#length = 0;
    if (count === 0) return new Uint8Array();
    const target = this.#target;
    target.setUint8(0, CHUNK_VERSION);
    target.setUint8(1, this.#id);
    target.setUint16(2, count, true);
    target.setUint8(4, this.#columns.length);
    let position = CHUNK_HEAD_BYTES;
    for (const column of this.#columns) position = this.#encode(column, count, position);
    return new Uint8Array(target.buffer.slice(0, position));
  }

  #encode({ name, values, near }: Column, count: number, position: number): number {
    const target = this.#target;
    const form = this.#form;
    let relative = false;
    if (near !== undefined) {
      const base = this.#columns[near].values;
      const distances = this.#distances;
      for (let i = 0; i < count; i++) distances[i] = values[i] - base[i];
      chooseForm(distances, count, form);
      relative = form.order !== RAW;
      if (relative) values = distances;
    }
    if (!relative) chooseForm(values, count, form);

    target.setUint8(position++, name.length);
    for (const byte of name) target.setUint8(position++, byte);
    const { order, width, min } = form;
    target.setUint8(position++, order | width << 2 | (relative ? RELATIVE : 0));
    if (relative) target.setUint8(position++, near!);
    if (order !== RAW) {
      if (order > 0) position = encodeInteger(values[0], target, position);
      if (order > 1) position = encodeInteger(values[1] - values[0], target, position);
      position = encodeInteger(min, target, position);
    }
    return encodeColumn(values, count, form, target, position, this.#scratch);
  }
}

interface Column {
  readonly name: Uint8Array;
  readonly values: Float64Array;
  /** The index of the column that it is close to. */
  readonly near: number | undefined;
}
