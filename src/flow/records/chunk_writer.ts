import {
  CHUNK_HEAD_BYTES,
  CHUNK_VERSION,
  columnHeadBytes,
  type ColumnName,
  type Columns,
  declarationOf,
  MAX_CHUNK_BYTES,
  MAX_CHUNK_SAMPLES,
  MAX_EXACT,
  RAW,
  type RecordKind,
  RELATIVE,
} from "./format.ts";

/**
 * Collects samples of one kind in columns, and encodes them as chunks of at most 60 KiB.
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

  /** The number of samples that wait. */
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

/** The form of a column. */
export interface ColumnForm {
  /** See {@linkcode import("./format.ts")}. */
  order: number;
  /** Bytes of each value. */
  width: number;
  /** The smallest of what is written. */
  min: number;
}

/** Finds the form in which the first `count` values take the fewest bytes, and writes it to `form`. */
export function chooseForm(values: Float64Array, count: number, form: ColumnForm): void {
  form.order = RAW;
  form.width = 0;
  form.min = 0;
  let previous = values[0];
  if (previous !== Math.floor(previous)) return;
  let min = previous, max = previous;
  let minStep = Infinity, maxStep = -Infinity, minTurn = Infinity, maxTurn = -Infinity;
  let previousStep = 0;
  for (let i = 1; i < count; i++) {
    const value = values[i];
    if (value !== Math.floor(value)) return; // also for NaN
    if (value < min) min = value;
    else if (value > max) max = value;
    const step = value - previous;
    if (step < minStep) minStep = step;
    if (step > maxStep) maxStep = step;
    if (i > 1) {
      const turn = step - previousStep;
      if (turn < minTurn) minTurn = turn;
      if (turn > maxTurn) maxTurn = turn;
    }
    previous = value;
    previousStep = step;
  }
  // Beyond this, differences would be rounded.
  if (min < -MAX_EXACT || max > MAX_EXACT || max - min > MAX_EXACT) return;
  form.order = 0;
  form.width = bytesFor(max - min);
  form.min = min;
  if (count < 2) return;
  const stepWidth = bytesFor(maxStep - minStep);
  if (maxStep - minStep > MAX_EXACT) return;
  if (stepWidth < form.width) {
    form.order = 1;
    form.width = stepWidth;
    form.min = minStep;
  }
  if (count < 3 || maxTurn - minTurn > MAX_EXACT) return;
  const turnWidth = bytesFor(maxTurn - minTurn);
  if (turnWidth < form.width) {
    form.order = 2;
    form.width = turnWidth;
    form.min = minTurn;
  }
}

/**
 * Writes a column in the chosen form, without its start.
 *
 * @param scratch of at least `count` numbers
 * @returns the position behind it
 */
export function encodeColumn(
  values: Float64Array,
  count: number,
  form: ColumnForm,
  target: DataView,
  position: number,
  scratch: Float64Array,
): number {
  const { order, width, min } = form;
  if (order === RAW) {
    for (let i = 0; i < count; i++, position += 8) target.setFloat64(position, values[i], true);
    return position;
  }
  if (width === 0) return position;
  switch (order) {
    case 0:
      for (let i = 0; i < count; i++) scratch[i] = values[i] - min;
      break;
    case 1:
      for (let i = 1; i < count; i++) scratch[i] = values[i] - values[i - 1] - min;
      break;
    default:
      for (let i = 2; i < count; i++) scratch[i] = values[i] - values[i - 1] - (values[i - 1] - values[i - 2]) - min;
  }
  return encodeFixed(scratch, order, count, width, target, position);
}

/** Writes whole numbers that are not negative, each in `width` bytes. */
function encodeFixed(
  values: Float64Array,
  start: number,
  end: number,
  width: number,
  target: DataView,
  position: number,
): number {
  switch (width) {
    case 1:
      for (let i = start; i < end; i++) target.setUint8(position++, values[i]);
      break;
    case 2:
      for (let i = start; i < end; i++, position += 2) target.setUint16(position, values[i], true);
      break;
    case 3:
      for (let i = start; i < end; i++, position += 3) {
        target.setUint16(position, values[i], true);
        target.setUint8(position + 2, values[i] / 0x10000);
      }
      break;
    case 4:
      for (let i = start; i < end; i++, position += 4) target.setUint32(position, values[i], true);
      break;
    default:
      for (let i = start; i < end; i++) {
        const value = values[i];
        target.setUint32(position, value, true);
        let high = Math.floor(value / 0x100000000);
        for (let byte = 4; byte < width; byte++, high >>>= 8) target.setUint8(position + byte, high);
        position += width;
      }
  }
  return position;
}

/**
 * Writes an integer of the start of a series.
 *
 * @returns the position behind it
 */
export function encodeInteger(value: number, target: DataView, position: number): number {
  const magnitude = Math.abs(value);
  const bytes = bytesFor(magnitude);
  target.setUint8(position++, bytes | (value < 0 ? 0x80 : 0));
  let rest = magnitude;
  for (let i = 0; i < bytes; i++) {
    target.setUint8(position++, rest % 256);
    rest = Math.floor(rest / 256);
  }
  return position;
}

/** Returns the bytes that a whole number that is not negative takes, up to 7. */
function bytesFor(value: number): number {
  let bytes = 0;
  for (let limit = 1; value >= limit; limit *= 256) bytes++;
  return bytes;
}
