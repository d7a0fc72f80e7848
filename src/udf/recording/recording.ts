/**
 * How a recording lies in its file: a line `tine recording 1`, a line of JSON, then records.
 *
 * A record is a byte for its kind, the time since the first record in ns (64 bits, little-endian), the number of bytes
 * (32 bits, little-endian), and the bytes as they crossed the connection. Records are appended as things happen and
 * frames may span them, so a file that was cut anywhere is readable up to the last whole frame.
 *
 * @module
 */

import { messageOf, TineError, whyNotRead } from "../../base/errors.ts";
import { FrameReader, previewBytes } from "../../wire/frame_reader.ts";

/** What every recording begins with, whatever its version. */
export const MAGIC = "tine recording ";
/** The version that is written and read. */
export const VERSION = 1;
/** Bytes of a record before its content. */
export const RECORD_HEAD_BYTES = 13;
/** The longest first and second line. */
export const MAX_HEADER_BYTES = 64 * 1024;

/** What a record holds; the numbers stand in files. */
export const RecordType = {
  /** Bytes from the host to the UDF. */
  REQUESTS: 1,
  /** Bytes from the UDF to the host. */
  RESPONSES: 2,
  /** The host has ended its output. */
  END_OF_REQUESTS: 3,
  /** The UDF has ended its output. */
  END_OF_RESPONSES: 4,
} as const;

/** One of {@linkcode RecordType}. */
export type RecordType = typeof RecordType[keyof typeof RecordType];

/**
 * Which end of the connection was recorded: what the host's end writes are requests, what the UDF's end writes are
 * responses.
 */
export type RecordingSide = "host" | "udf";

/** What the first line of a recording holds. */
export interface RecordingHeader {
  /** When it was opened, ISO 8601. */
  readonly started: string;
  /** The version of tine that recorded. */
  readonly tine: string;
  /** Which end of the connection recorded. */
  readonly side: RecordingSide;
  /** The UDF, for people: a handler's name, a command line, an address. */
  readonly udf: string;
}

const READ_BYTES = 256 * 1024;

/** Which way a message goes: requests come from the host, responses from the UDF. */
export type MessageDirection = "request" | "response";

/** What a recording holds, in the order in which it crossed the connection. */
export type RecordedEvent =
  /** A message, without its length; when its last byte came, in ns since the first one. */
  | { kind: "frame"; direction: MessageDirection; timeNs: number; payload: Uint8Array }
  /** One side has ended its output. */
  | { kind: "end"; direction: MessageDirection; timeNs: number }
  /** Bytes that are no frames; what follows in this direction cannot be read. */
  | { kind: "garbage"; direction: MessageDirection; timeNs: number; reason: string };

/** A recording that is being read. */
export interface Recording extends Disposable {
  /** Where it is. */
  readonly path: string;
  readonly header: RecordingHeader;
  /**
   * Reads what was recorded, once.
   *
   * @throws {TineError} `bad-recording` where the file is damaged; where it is merely cut, the last whole frame is the
   * last event
   */
  events(): AsyncGenerator<RecordedEvent, void, void>;
}

/**
 * Opens a recording.
 *
 * @throws {TineError} `cannot-read`, or `bad-recording` for a file that is no recording, or of another version
 *
 * @example
 * ```ts ignore
 * import { openRecording } from "./recording.ts";
 * using recording = await openRecording("run.rec");
 * for await (const event of recording.events()) console.log(event.timeNs, event.kind);
 * ```
 */
export async function openRecording(path: string): Promise<Recording> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    const reason = whyNotRead(error);
    throw new TineError("cannot-read", `cannot read the recording ${path}: ${reason}`, { cause: error });
  }
  const input = new Input(path, file);
  try {
    return {
      path,
      header: await readHeader(input),
      events: () => readEvents(input),
      [Symbol.dispose]: () => input[Symbol.dispose](),
    };
  } catch (error) {
    input[Symbol.dispose]();
    throw error;
  }
}

async function readHeader(input: Input): Promise<RecordingHeader> {
  const first = await input.line();
  const magic = MAGIC + VERSION;
  if (first !== magic) {
    if (`${magic}\n`.startsWith(first ?? input.text())) throw input.bad("ends before anything was recorded");
    const version = first?.startsWith(MAGIC) ? /^\d+$/.exec(first.slice(MAGIC.length))?.[0] : undefined;
    if (version === undefined) throw input.bad(`is no recording of tine: it starts with ${input.preview(first)}`);
    const writer = parseHeader(await input.line())?.tine;
    throw input.bad(
      `is a recording of version ${version}, this tine reads version ${VERSION}; ` +
        (writer === undefined ? "use the tine that made it" : `use tine ${writer}, which made it`),
    );
  }
  const second = await input.line();
  if (second === undefined && input.length < MAX_HEADER_BYTES) throw input.bad("ends before anything was recorded");
  const header = parseHeader(second);
  if (header === undefined) throw input.bad(`has no header in its second line: ${input.preview(second)}`);
  return header;
}

function parseHeader(line: string | undefined): RecordingHeader | undefined {
  try {
    const { started, tine, side, udf } = JSON.parse(line ?? "");
    if (side !== "host" && side !== "udf") return undefined;
    return { started: String(started), tine: String(tine), side, udf: String(udf) };
  } catch {
    return undefined;
  }
}

async function* readEvents(input: Input): AsyncGenerator<RecordedEvent, void, void> {
  const assemblers = { request: new FrameAssembler("request"), response: new FrameAssembler("response") };
  while (await input.fill(RECORD_HEAD_BYTES)) {
    const head = new DataView(input.take(RECORD_HEAD_BYTES).slice().buffer);
    const kind = head.getUint8(0);
    const timeNs = Number(head.getBigUint64(1, true));
    let left = head.getUint32(9, true);
    const isEnd = kind === RecordType.END_OF_REQUESTS || kind === RecordType.END_OF_RESPONSES;
    if (!isEnd && kind !== RecordType.REQUESTS && kind !== RecordType.RESPONSES || isEnd && left !== 0) {
      throw input.bad(`is damaged ${input.position - RECORD_HEAD_BYTES} bytes from its start: no record begins there`);
    }
    const direction = kind === RecordType.REQUESTS || kind === RecordType.END_OF_REQUESTS ? "request" : "response";
    if (isEnd) yield { kind: "end", direction, timeNs };
    // Whole frames of a record that was cut count.
    while (left > 0 && await input.fill(1)) {
      const piece = input.take(Math.min(left, input.length));
      left -= piece.length;
      for await (const event of assemblers[direction].push(piece, timeNs)) yield event;
    }
  }
}

/** A file, read front to back. */
class Input implements Disposable {
  /** Bytes taken so far. */
  position = 0;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #bytes = new Uint8Array();
  #ended = false;
  #closed = false;

  constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /** Bytes at hand. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Waits until this many bytes are at hand; false if the file ends before. */
  async fill(length: number): Promise<boolean> {
    while (this.#bytes.length < length && !this.#ended) {
      const rest = this.#bytes.length;
      const grown = new Uint8Array(rest + READ_BYTES);
      grown.set(this.#bytes);
      const count = await this.#read(grown.subarray(rest));
      if (count === null) this.#ended = true;
      else this.#bytes = grown.subarray(0, rest + count);
    }
    return this.#bytes.length >= length;
  }

  take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    this.position += length;
    return taken;
  }

  /** A line without its end; undefined if there is none in the file or within the length of headers. */
  async line(): Promise<string | undefined> {
    let from = 0;
    for (;;) {
      const end = this.#bytes.indexOf(0x0a, from);
      if (end >= 0) return new TextDecoder().decode(this.take(end + 1).subarray(0, end));
      from = this.#bytes.length;
      if (from >= MAX_HEADER_BYTES || !await this.fill(from + 1)) return undefined;
    }
  }

  /** What is at hand, as text. */
  text(): string {
    return new TextDecoder().decode(this.#bytes);
  }

  preview(line: string | undefined): string {
    return previewBytes(line === undefined ? this.#bytes.subarray(0, 40) : new TextEncoder().encode(line.slice(0, 40)));
  }

  bad(what: string): TineError {
    return new TineError("bad-recording", `${this.#path} ${what}`);
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.#file.close();
    this.#closed = true;
  }

  async #read(buffer: Uint8Array): Promise<number | null> {
    try {
      return await this.#file.read(buffer);
    } catch (error) {
      throw new TineError("cannot-read", `cannot read the recording ${this.#path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** What a recording may hold as one frame: as much as its own records can count. */
const MAX_FRAME_BYTES = 2 ** 32 - 1;

/** Puts the frames of one direction together again, out of the pieces in which they crossed the connection. */
export class FrameAssembler {
  readonly #direction: MessageDirection;
  readonly #frames: FrameReader;
  #piece: Uint8Array = new Uint8Array();
  #broken = false;

  constructor(direction: MessageDirection) {
    this.#direction = direction;
    this.#frames = new FrameReader({ read: (buffer) => Promise.resolve(this.#read(buffer)) }, MAX_FRAME_BYTES);
  }

  /** The frames that these bytes complete. Payloads may be kept: they are not overwritten. */
  async *push(piece: Uint8Array, timeNs: number): AsyncGenerator<RecordedEvent, void, void> {
    const direction = this.#direction;
    const frames = this.#frames;
    this.#piece = piece;
    try {
      while (!this.#broken && this.#piece.length > 0) {
        await frames.fill();
        while (frames.next()) {
          yield { kind: "frame", direction, timeNs, payload: frames.bytes.subarray(frames.start, frames.end) };
        }
      }
    } catch (error) {
      this.#broken = true;
      yield { kind: "garbage", direction, timeNs, reason: messageOf(error) };
    }
  }

  #read(buffer: Uint8Array): number {
    const length = Math.min(buffer.length, this.#piece.length);
    buffer.set(this.#piece.subarray(0, length));
    this.#piece = this.#piece.subarray(length);
    return length;
  }
}
