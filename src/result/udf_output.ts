/**
 * What the UDFs of a test returned: a file each in the folder `udfs` of the test, named by their numbers. A file is a
 * line of text, then frames, each with its length before it: first a JSON object with the UDF's name and table, then
 * the messages that the UDF sent, points and batches of proto/udf.proto, as they came and in their order. It is only
 * appended to, and readable up to the last whole frame.
 *
 * @module
 */

import { messageOf, TineError, WireError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { decodeResponse } from "../udf/codec.ts";
import type { EndBatch } from "../udf/messages.ts";
import type { Point } from "../udf/point.ts";
import { ByteReader } from "../wire/byte_reader.ts";
import type { ByteWriter } from "../wire/byte_writer.ts";
import { FrameReader } from "../wire/frame_reader.ts";
import { exists } from "./owner.ts";
import { readHeader } from "./read_records.ts";

/** The folder of what UDFs returned, in the folder of a test. */
export const UDF_FOLDER = "udfs";

/** What tables of UDFs are called: `udf.NAME`. */
export const UDF_TABLE_PREFIX = "udf.";

const HEADER = "tine udf 1\n";
const MAGIC = "tine udf ";
/** A name in the folder, and no path. */
const FILE_NAME = /^[1-9]\d{0,5}\.tine$/;

/** The name of the file of a UDF in the folder {@linkcode UDF_FOLDER}. */
export function udfFileName(index: number): string {
  return `${index + 1}.tine`;
}

/** What a file is about. */
export interface UdfHead {
  /** The UDF's name in the plan. */
  readonly name: string;
  /** The table whose rows it got. */
  readonly table: string;
}

/** Writes the start of a file. */
export function writeUdfHead(writer: ByteWriter, { name, table }: UdfHead): void {
  writer.raw(new TextEncoder().encode(HEADER));
  writer.string(JSON.stringify({ name, table }));
}

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

/** A point that a UDF returned. */
export interface ReturnedPoint {
  readonly point: Point;
  /** Of a point of a batch: the end of the batch, whose tags points need not repeat. */
  readonly batch?: EndBatch;
}

/** The file of a UDF. */
export interface UdfFile extends UdfHead {
  readonly path: string;
}

/**
 * Lists what the UDFs of a test returned, in the order of the plan.
 *
 * @param folder of the test
 * @throws {TineError} `bad-results`, `cannot-read`
 */
export async function listUdfFiles(folder: string): Promise<UdfFile[]> {
  const path = `${folder}/${UDF_FOLDER}`;
  if (!await exists(path)) return [];
  const files: UdfFile[] = [];
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(path)) if (isFile && FILE_NAME.test(name)) names.push(name);
  for (const name of names.sort((a, b) => parseInt(a) - parseInt(b))) {
    using file = await openUdf(`${path}/${name}`);
    const head = await readHead(file, `${path}/${name}`);
    if (head !== undefined) files.push({ ...head.head, path: `${path}/${name}` });
  }
  return files;
}

/**
 * Finds the file of a UDF.
 *
 * @param folder of the test
 * @returns undefined where the test has no such UDF
 */
export async function findUdfFile(folder: string, name: string): Promise<UdfFile | undefined> {
  return (await listUdfFiles(folder)).find((file) => file.name === name);
}

/**
 * Reads what a UDF returned, some points at a time. A batch is read whole, and left out where its end is missing.
 *
 * @throws {TineError} `bad-results`, `cannot-read`
 */
export async function* readUdfPoints(path: string): AsyncGenerator<ReturnedPoint[], void, void> {
  using file = await openUdf(path);
  const head = await readHead(file, path);
  if (head !== undefined) yield* pointsIn(head.frames, path);
}

/**
 * Yields the points in frames, up to the last whole one.
 *
 * @param whole gets where what was read so far ends, batches whole, in bytes from the start of the frames
 */
async function* pointsIn(
  frames: FrameReader,
  path: string,
  whole: (end: number) => void = () => {},
): AsyncGenerator<ReturnedPoint[], void, void> {
  const reader = new ByteReader();
  let batch: Point[] | undefined;
  try {
    do {
      const points: ReturnedPoint[] = [];
      while (frames.next()) {
        const { bytes, start, end, offset } = frames;
        const response = decodeResponse(reader.reset(bytes, start, end));
        if (response.kind === "begin") batch = [];
        else if (response.kind === "point") {
          if (batch === undefined) points.push({ point: response.point });
          else batch.push(response.point);
        } else if (response.kind === "end" && batch !== undefined) {
          for (const point of batch) points.push({ point, batch: response.end });
          batch = undefined;
        }
        if (batch === undefined) whole(offset + end - start);
      }
      if (points.length > 0) yield points;
    } while (await frames.fill());
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    if (error.code === "cut-frame") return; // tine was killed, the disk was full, or more is being written
    throw new TineError("bad-results", `${path} is damaged: ${error.message}`, { cause: error });
  }
}

/** Reads what a UDF returns while its test runs. */
export class UdfTail {
  readonly #name: string;
  /** Where the file is in the folder of the test, once it is there. */
  #file: string | undefined;
  #table: string | undefined;
  #offset = 0;

  /** @param name of the UDF */
  constructor(name: string) {
    this.#name = name;
  }

  /** The table whose rows the UDF gets, once it is known. */
  get table(): string | undefined {
    return this.#table;
  }

  /**
   * Yields the points that came since the last call.
   *
   * @param folder of the test, wherever it is by now
   * @throws {TineError} `bad-results`, `cannot-read`
   */
  async *read(folder: string): AsyncGenerator<ReturnedPoint[], void, void> {
    if (this.#file === undefined) {
      const found = await findUdfFile(folder, this.#name);
      if (found === undefined) return;
      this.#file = found.path.slice(folder.length);
      this.#table = found.table;
    }
    const path = folder + this.#file;
    using file = await openUdf(path);
    let frames: FrameReader | undefined;
    let start = this.#offset;
    if (start === 0) {
      start = HEADER.length;
      frames = (await readHead(file, path))?.frames;
    } else {
      await file.seek(start, Deno.SeekMode.Start);
      frames = new FrameReader(file);
    }
    if (frames !== undefined) yield* pointsIn(frames, path, (end) => this.#offset = start + end);
  }
}

/** The columns of what a UDF returned, and how many points there are, as far as the file goes. */
export async function scanUdfFile(path: string): Promise<{ columns: UdfColumn[]; points: number }> {
  const columns = new UdfColumns();
  let points = 0;
  for await (const some of readUdfPoints(path)) {
    points += some.length;
    for (const { point, batch } of some) {
      columns.add(point);
      if (batch !== undefined) columns.addTags(batch.tags.keys());
    }
  }
  return { columns: columns.columns, points };
}

async function openUdf(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path);
  } catch (error) {
    throw new TineError("cannot-read", `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Reads the start of a file; undefined where it was cut there. */
async function readHead(
  file: Deno.FsFile,
  path: string,
): Promise<{ head: UdfHead; frames: FrameReader } | undefined> {
  if (!await readHeader(file, path, MAGIC, () => "is not what tine writes there")) return undefined;
  const frames = new FrameReader(file);
  try {
    while (!frames.next()) if (!await frames.fill()) return undefined;
    const { name, table } = JSON.parse(new TextDecoder().decode(frames.bytes.subarray(frames.start, frames.end)));
    if (typeof name === "string" && typeof table === "string") return { head: { name, table }, frames };
  } catch (error) {
    if (error instanceof WireError && error.code === "cut-frame") return undefined;
    if (!(error instanceof WireError || error instanceof SyntaxError)) throw error;
  }
  throw new TineError("bad-results", `${path} is damaged: it does not start with the name of a UDF`);
}

/** @throws {TineError} `unknown-table`, with the nearest name */
export function unknownUdf(name: string, known: readonly string[]): TineError {
  const near = nearest(name, known);
  const hint = near !== undefined
    ? `did you mean ${UDF_TABLE_PREFIX}${near}?`
    : known.length > 0
    ? `there are ${known.map((name) => UDF_TABLE_PREFIX + name).join(", ")}`
    : "its tests have no UDFs";
  return new TineError("unknown-table", `there is no table "${UDF_TABLE_PREFIX}${name}": ${hint}`);
}
