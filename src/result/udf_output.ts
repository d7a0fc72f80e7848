/**
 * What the UDFs of a test returned: a file each in the folder `udfs` of the test, named by their numbers. A file is a
 * line of text, then frames, each with its length before it: first a JSON object with the UDF's name and table, then
 * the messages that the UDF sent, points and batches of proto/udf.proto, as they came and in their order. It is only
 * appended to, and readable up to the last whole frame.
 *
 * @module
 */

import { openRegularFile } from "./regular_file.ts";
import { TineError, whyNotRead, WireError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { decodeResponse } from "../udf/codec.ts";
import type { EndBatch } from "../udf/messages.ts";
import type { Point } from "../udf/point.ts";
import { ByteReader } from "../wire/byte_reader.ts";
import type { ByteWriter } from "../wire/byte_writer.ts";
import { FrameReader } from "../wire/frame_reader.ts";
import { exists } from "./owner.ts";
import { readHeader } from "./read_records.ts";
import { type UdfColumn, UdfColumns } from "./udf_columns.ts";

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
    return await openRegularFile(path);
  } catch (error) {
    if (error instanceof TineError) throw error;
    throw new TineError("cannot-read", `cannot read ${path}: ${whyNotRead(error)}`, { cause: error });
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
