import { decodeResponse } from "../udf/codec.ts";
import type { Point } from "../udf/point.ts";
import { ByteReader } from "../wire/byte_reader.ts";

/** A tag or a field that a UDF returned. */
export interface UdfColumn {
  readonly name: string;
  readonly type: "int" | "double" | "text" | "bool";
  readonly tag?: boolean;
}

/**
 * Finds the tags and fields of what a UDF returned, each with a type that holds all values that came: a field that was
 * an int and a double is a double, any other mixture is a text.
 */
export class UdfColumns {
  readonly #columns = new Map<string, UdfColumn>();
  readonly #made: readonly string[];
  readonly #shapes = new Set<number>();
  readonly #reader = new ByteReader();
  #bytes: Uint8Array = new Uint8Array();
  #view = new DataView(this.#bytes.buffer);
  #lastShape: number | undefined;
  readonly #truths: string[] = [];
  #overflowed = false;

  /** @param table whose rows the UDF gets, where it is known */
  constructor(table?: { readonly columns: readonly { readonly name: string }[] }) {
    this.#made = table?.columns.map(({ name }) => name) ?? [];
  }

  /** Takes the point in `bytes[start, end)`, an encoded Response without its length. */
  addFrame(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const shape = shapeOf(bytes, this.#view, start, end);
    if (shape === this.#lastShape && shape !== undefined) return;
    this.#lastShape = shape;
    // Decoding each would take longer than all else.
    if (shape !== undefined && this.#shapes.has(shape)) return;
    const response = decodeResponse(this.#reader.reset(bytes, start, end));
    if (response.kind === "point") this.add(response.point);
    if (shape !== undefined && this.#shapes.size < MAX_SHAPES) this.#shapes.add(shape);
  }

  /** Takes names of tags. */
  addTags(names: Iterable<string>): void {
    for (const name of names) this.#note({ name, type: "text", tag: true });
  }

  /** Takes a point. */
  add(point: Point): void {
    this.addTags(point.tags.keys());
    for (const [name, value] of point.fields()) this.#note({ name, type: typeOf(value) });
  }

  /** Whether there were tags or fields beyond the {@linkcode MAX_COLUMNS} that columns are made of. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** The fields that hold truth values so far. */
  get truths(): readonly string[] {
    return this.#truths;
  }

  /**
   * Those so far: tags first, each in the order of the table that they are made of, then by name. A UDF need not send
   * fields in the same order twice: Go's maps have none.
   */
  get columns(): UdfColumn[] {
    const all = [...this.#columns.values()].sort((a, b) =>
      this.#placeOf(a) - this.#placeOf(b) || compare(a.name, b.name)
    );
    return [...all.filter(({ tag }) => tag), ...all.filter(({ tag }) => !tag)];
  }

  #placeOf({ name }: UdfColumn): number {
    const place = this.#made.indexOf(name);
    return place < 0 ? this.#made.length : place;
  }

  #note(column: UdfColumn): void {
    const key = `${column.tag === true} ${column.name}`;
    const known = this.#columns.get(key);
    if (known === undefined && this.#columns.size >= MAX_COLUMNS) {
      this.#overflowed = true;
      return;
    }
    this.#columns.set(key, known === undefined ? column : widened(known, column));
    if (column.type === "bool" && !this.#truths.includes(column.name)) this.#truths.push(column.name);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Shapes and columns beyond this come from names that are made of values. */
const MAX_SHAPES = 10_000;
export const MAX_COLUMNS = 1000;

/**
 * Columns of several tests, or of parts of one, as one list.
 *
 * @param lists of columns
 */
export function joinedColumns(lists: Iterable<readonly UdfColumn[]>): UdfColumn[] {
  const joined = new Map<string, UdfColumn>();
  for (const columns of lists) {
    for (const column of columns) {
      const key = `${column.tag === true} ${column.name}`;
      const known = joined.get(key);
      joined.set(key, known === undefined ? column : widened(known, column));
    }
  }
  const all = [...joined.values()];
  return [...all.filter(({ tag }) => tag), ...all.filter(({ tag }) => !tag)];
}

function typeOf(value: unknown): UdfColumn["type"] {
  switch (typeof value) {
    case "bigint":
      return "int";
    case "number":
      return "double";
    case "boolean":
      return "bool";
    default:
      return "text";
  }
}

function widened(known: UdfColumn, column: UdfColumn): UdfColumn {
  if (known.type === column.type) return known;
  const numbers = [known.type, column.type].every((type) => type === "int" || type === "double");
  return { ...known, type: numbers ? "double" : "text" };
}

/**
 * A number for the names and types of the tags and fields of an encoded point; undefined where it is laid out in a way
 * of its own. The same fields with other values have the same one.
 */
function shapeOf(bytes: Uint8Array, view: DataView, start: number, end: number): number | undefined {
  // The tag of the message takes two bytes; its length up to three.
  let position = start + 2;
  while (position < end && bytes[position] > 0x7f) position++;
  position++;
  let hash = 0x811c9dc5;
  while (position < end) {
    const tag = bytes[position++];
    if ((tag & 7) === 0) {
      while (bytes[position] > 0x7f) position++;
      position++;
      continue;
    }
    if ((tag & 7) !== 2) return undefined;
    let length = 0;
    let scale = 1;
    for (;; scale *= 128) {
      const byte = bytes[position++];
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      if (scale > 1e6) return undefined;
    }
    const next = position + length;
    if (tag >= TAGS && tag !== BY_NAME) {
      if (bytes[position] !== KEY || bytes[position + 1] > 0x7f) return undefined;
      const keyEnd = position + 2 + bytes[position + 1];
      hash = Math.imul(hash ^ tag, PRIME);
      let i = position + 2;
      for (; i + 4 <= keyEnd; i += 4) hash = Math.imul(hash ^ view.getInt32(i, true), PRIME);
      for (; i < keyEnd; i++) hash = Math.imul(hash ^ bytes[i], PRIME);
    }
    position = next;
  }
  return position === end ? hash : undefined;
}

/** Of the hash of Fowler, Noll and Vo. */
const PRIME = 0x01000193;
const TAGS = 7 << 3 | 2;
const BY_NAME = 11 << 3;
const KEY = 1 << 3 | 2;
