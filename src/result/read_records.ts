/**
 * The raw results of a test, `records.tine`: a line of text, then frames of node.proto, each with its length before it.
 * It is only appended to, and readable up to the last whole frame. Logs and files of nodes are kept apart.
 *
 * @module
 */

import { openRegularFile } from "./regular_file.ts";
import type { Message } from "../node/protocol/frame.ts";
import { readFrame } from "../node/protocol/frame.ts";
import { ByteReader } from "../wire/byte_reader.ts";
import { TineError, whyNotRead, WireError } from "../base/errors.ts";
import type { ByteSource } from "../wire/connection.ts";
import { DEFAULT_MAX_FRAME_BYTES, FrameReader, previewBytes } from "../wire/frame_reader.ts";

/**
 * Reads what a test has recorded, up to the last whole frame, in the order in which it reached the root. Messages are
 * decoded by decodeItem(), chunks of samples by readChunk(). Memory stays the same however much there is.
 *
 * @param folder of the test
 * @throws {TineError} `no-results`, if nothing was recorded; `bad-results`, if the file is damaged or of another version
 *
 * @example
 * ```ts ignore
 * import { Kind } from "../node/protocol/frame.ts";
 * import { readChunk } from "../flow/records/read_chunk.ts";
 * import { readRecords } from "./read_records.ts";
 *
 * for await (const { kind, name, payload } of readRecords("results/latest/name=hello")) {
 *   if (kind === Kind.records) console.log(name, readChunk(payload).count);
 * }
 * ```
 */
export async function* readRecords(folder: string): AsyncGenerator<Message, void, void> {
  for await (const { message } of readPlacedRecords(folder)) yield message;
}

/** Where the frame of a record stands in its file. */
export interface RecordPlace {
  /** In bytes from the start of the file. */
  readonly position: number;
  readonly bytes: number;
}

/** Like {@linkcode readRecords}, with the place of each one, at which {@linkcode RecordFile} reads it again. */
export async function* readPlacedRecords(
  folder: string,
): AsyncGenerator<{ message: Message; place: RecordPlace }, void, void> {
  const path = `${folder}/${RECORD_FILE}`;
  using file = await openRecords(path);
  if (!await checkHeader(file, path)) return;
  const frames = new FrameReader(file);
  const cursor = new ByteReader();
  try {
    do {
      while (frames.next()) {
        const { bytes, start, end, offset } = frames;
        const message = readFrame(cursor.reset(bytes, start, end));
        yield { message, place: { position: RECORD_HEADER.length + offset, bytes: end - start } };
      }
    } while (await frames.fill());
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    if (error.code === "cut-frame") return; // tine was killed, or the disk was full
    const place = `${frames.offset + RECORD_HEADER.length} bytes from its start`;
    throw new TineError("bad-results", `${path} is damaged about ${place}: ${error.message}`, { cause: error });
  }
}

/**
 * Reads the frames of a file of records as they are, undecoded, up to the last whole one.
 *
 * @param path of the file
 * @returns frames without their length; they may be kept
 * @throws {TineError} as {@linkcode readRecords} does
 */
export async function* readRecordFrames(path: string): AsyncGenerator<{ bytes: Uint8Array; place: RecordPlace }> {
  using file = await openRecords(path);
  if (!await checkHeader(file, path)) return;
  const frames = new FrameReader(file);
  try {
    while (await frames.fill()) {
      while (frames.next()) {
        const { bytes, start, end, offset } = frames;
        const place = { position: RECORD_HEADER.length + offset, bytes: end - start };
        yield { bytes: bytes.subarray(start, end), place };
      }
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    if (error.code === "cut-frame") return;
    throw new TineError("bad-results", `${path} is damaged: ${error.message}`, { cause: error });
  }
}

/** Records as they are appended. */
export class RecordTail implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  /** Of the first byte of the buffer, in the file; 0 until the header is known. */
  #position = 0;
  #buffer = new Uint8Array(TAIL_BYTES);
  #filled = 0;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens the records of a test, which stay at hand when the folder is renamed.
   *
   * @returns undefined where nothing has been recorded yet
   * @throws {TineError} `cannot-read`
   */
  static async open(folder: string): Promise<RecordTail | undefined> {
    const path = `${folder}/${RECORD_FILE}`;
    try {
      return new RecordTail(path, await openRecords(path));
    } catch (error) {
      if (error instanceof TineError && error.code === "no-results") return undefined;
      throw error;
    }
  }

  /**
   * Reads some of what was appended since the last call.
   *
   * @returns records; their payloads are valid until the next call. Undefined at the end of what is there, none for
   *   what is not whole yet
   * @throws {TineError} `bad-results`, if the file is damaged or of another version
   */
  async read(): Promise<{ message: Message; place: RecordPlace }[] | undefined> {
    if (this.#position === 0 && !await this.#readHeader()) return undefined;
    if (this.#filled === this.#buffer.length) {
      const larger = new Uint8Array(this.#buffer.length * 2);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    const count = await this.#file.read(this.#buffer.subarray(this.#filled));
    if (count === null) return undefined;
    this.#filled += count;
    const bytes = this.#buffer.slice(0, this.#filled);
    const cursor = new ByteReader();
    const records: { message: Message; place: RecordPlace }[] = [];
    let start = 0;
    try {
      for (let frame; (frame = frameAt(bytes, start)) !== undefined; start = frame.end) {
        const message = readFrame(cursor.reset(bytes, frame.start, frame.end));
        const place = { position: this.#position + frame.start, bytes: frame.end - frame.start };
        records.push({ message, place });
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const place = `${this.#position + start} bytes from its start`;
      throw new TineError("bad-results", `${this.#path} is damaged about ${place}: ${error.message}`, { cause: error });
    }
    this.#buffer.copyWithin(0, start, this.#filled);
    this.#filled -= start;
    this.#position += start;
    return records;
  }

  async #readHeader(): Promise<boolean> {
    if ((await this.#file.stat()).size < RECORD_HEADER.length) return false;
    await checkHeader(this.#file, this.#path);
    this.#position = RECORD_HEADER.length;
    return true;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** Room for what is read at once. */
const TAIL_BYTES = 256 * 1024;

/** The place of a frame, behind its length; undefined where it is not whole. */
function frameAt(bytes: Uint8Array, position: number): { start: number; end: number } | undefined {
  let length = 0;
  let start = position;
  for (let scale = 1;; scale *= 128) {
    if (start >= bytes.length) return undefined;
    const byte = bytes[start++];
    length += (byte & 0x7f) * scale;
    if (length > DEFAULT_MAX_FRAME_BYTES) {
      throw new WireError("frame-too-large", `a frame has a length of over ${DEFAULT_MAX_FRAME_BYTES} bytes`);
    }
    if (byte < 0x80) break;
  }
  return start + length > bytes.length ? undefined : { start, end: start + length };
}

/** Reads records at their places, in any order. */
export class RecordFile implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #reader = new ByteReader();

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens the records of a test.
   *
   * @throws {TineError} `no-results`, `cannot-read`
   */
  static async open(folder: string): Promise<RecordFile> {
    const path = `${folder}/${RECORD_FILE}`;
    return new RecordFile(path, await openRecords(path));
  }

  /**
   * Reads a record; one call after another.
   *
   * @throws {TineError} `bad-results`, if it is no longer there
   */
  async read(place: RecordPlace): Promise<Message> {
    const bytes = new Uint8Array(place.bytes);
    await this.#fill(bytes, place.position);
    return this.#decode(bytes, 0, place.bytes);
  }

  /**
   * Reads records one after another, those that are near each other with one call of the system.
   *
   * @param places in ascending order
   * @returns messages; each is valid until the next one is taken
   * @throws {TineError} `bad-results`, if one is no longer there
   */
  async *readAll(places: readonly RecordPlace[]): AsyncGenerator<Message, void, void> {
    let room = new Uint8Array(0);
    for (let next = 0; next < places.length;) {
      const start = places[next].position;
      let last = next;
      let used = places[next].bytes;
      for (let i = next + 1; i < places.length; i++) {
        const end = places[i].position + places[i].bytes - start;
        if (end > BLOCK_BYTES || used < end / MAX_UNUSED) break;
        used += places[i].bytes;
        last = i;
      }
      const count = places[last].position + places[last].bytes - start;
      if (room.length < count) room = new Uint8Array(Math.max(count, Math.min(BLOCK_BYTES, 2 * room.length)));
      const block = room.subarray(0, count);
      await this.#fill(block, start);
      for (; next <= last; next++) {
        const { position, bytes } = places[next];
        yield this.#decode(block, position - start, position - start + bytes);
      }
    }
  }

  #decode(bytes: Uint8Array, start: number, end: number): Message {
    return readFrame(this.#reader.reset(bytes, start, end));
  }

  async #fill(bytes: Uint8Array, position: number): Promise<void> {
    await this.#file.seek(position, Deno.SeekMode.Start);
    for (let length = 0; length < bytes.length;) {
      const count = await this.#file.read(bytes.subarray(length));
      if (count === null) throw new TineError("bad-results", `${this.#path} became shorter while it was read`);
      length += count;
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** What is read at once. */
const BLOCK_BYTES = 512 * 1024;
/** How much of a block may be records of others, as a multiple of those that are wanted. */
const MAX_UNUSED = 8;

async function openRecords(path: string): Promise<Deno.FsFile> {
  try {
    return await openRegularFile(path);
  } catch (error) {
    if (error instanceof TineError) throw error;
    if (error instanceof Deno.errors.NotFound) {
      throw new TineError("no-results", `there are no records: ${path} does not exist`, { cause: error });
    }
    throw new TineError("cannot-read", `cannot read ${path}: ${whyNotRead(error)}`, { cause: error });
  }
}

/** @throws {TineError} `bad-results` */
function checkHeader(file: Deno.FsFile, path: string): Promise<boolean> {
  return readHeader(
    file,
    path,
    RECORD_MAGIC,
    (start) => `holds no records of tine: it starts with ${previewBytes(start)}`,
  );
}

/**
 * Reads the line of text that a file of frames begins with, such as `tine records 1`.
 *
 * @param magic all of it but the version and the end of the line
 * @param describeOther describes a file that does not begin with that
 * @returns whether frames may follow: not so if even the line was cut
 * @throws {TineError} `bad-results`, if it is another file, or of another version
 */
export async function readHeader(
  file: ByteSource,
  path: string,
  magic: string,
  describeOther: (start: Uint8Array) => string,
): Promise<boolean> {
  const wanted = `${magic}1\n`;
  const header = new Uint8Array(wanted.length);
  let length = 0;
  while (length < header.length) {
    const count = await file.read(header.subarray(length));
    if (count === null) break;
    length += count;
  }
  const start = header.subarray(0, length), text = new TextDecoder().decode(start);
  if (text === wanted) return true;
  if (wanted.startsWith(text)) return false;
  const other = text.startsWith(magic)
    ? `is of version ${text.slice(magic.length).trim()}, this tine reads version 1`
    : describeOther(start);
  throw new TineError("bad-results", `${path} ${other}`);
}

/** The file, in the folder of its test. */
export const RECORD_FILE = "records.tine";

/** What it starts with: that it is one, and the version of the format. */
export const RECORD_HEADER = "tine records 1\n";

/** What it starts with in any version. */
export const RECORD_MAGIC = "tine records ";
