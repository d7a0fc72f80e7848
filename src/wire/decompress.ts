import type { Duplex } from "node:stream";
import { messageOf, TineError, whyNotRead } from "../base/errors.ts";

/**
 * How compressed data begins. Sources: RFC 1952, section 2.3.1 (gzip); RFC 8878, section 3.1.1 (zstd); PKWARE's
 * APPNOTE.TXT, section 4.3.7 (zip).
 */
const MAGIC = { gzip: [0x1f, 0x8b], zstd: [0x28, 0xb5, 0x2f, 0xfd], zip: [0x50, 0x4b, 0x03, 0x04] } as const;
const LONGEST = 4;
const NEWLINE = 10;

/**
 * Returns what a stream holds: decompressed if it begins as gzip, zstd or zip does, else as it is. The members of a zip
 * archive come one after the other, each with a newline at its end. Nothing is read before the result is.
 *
 * @param name of the stream, for messages
 * @throws {TineError} while it is read: `bad-input` for compressed data that is broken or cut, what is before it comes;
 *   `cannot-read` where reading fails
 *
 * @example
 * ```ts
 * import { decompressed } from "./decompress.ts";
 * const packed = new Response("cpu load=1\n").body!.pipeThrough(new CompressionStream("gzip"));
 * console.assert(await new Response(decompressed(packed, "x.gz")).text() === "cpu load=1\n");
 * ```
 */
export function decompressed(stream: ReadableStream<Uint8Array>, name: string): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunksOf(readableChunks(stream, name), name));
}

async function* chunksOf(chunks: AsyncGenerator<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  try {
    let start = new Uint8Array();
    while (start.length < LONGEST) {
      const { done, value } = await chunks.next();
      if (done) break;
      // One piece is the usual case, and a line that a person types is not held back.
      start = start.length === 0 ? Uint8Array.from(value) : Uint8Array.of(...start, ...value);
      if (formatOf(start) === undefined && !mayBeCompressed(start)) break;
    }
    const format = formatOf(start);
    const whole = withStart(start, chunks);
    if (format === undefined) yield* whole;
    else yield* inflate(whole, format, name);
  } finally {
    await chunks.return(undefined);
  }
}

/** The chunks of a stream that may turn out to be none to read, such as standard input that is a folder. */
async function* readableChunks(stream: ReadableStream<Uint8Array>, name: string): AsyncGenerator<Uint8Array, void> {
  try {
    yield* stream;
  } catch (cause) {
    if (cause instanceof TineError || !(cause instanceof Error) || cause.name === "AbortError") throw cause;
    throw new TineError("cannot-read", `cannot read ${name}: ${whyNotRead(cause)}`, { cause });
  }
}

function formatOf(start: Uint8Array): keyof typeof MAGIC | undefined {
  const begins = (magic: readonly number[]) => magic.every((byte, i) => start[i] === byte);
  return (Object.keys(MAGIC) as (keyof typeof MAGIC)[]).find((format) => begins(MAGIC[format]));
}

/** Whether more bytes may make a format of the first ones. */
function mayBeCompressed(start: Uint8Array): boolean {
  return Object.values(MAGIC).some((magic) => start.every((byte, i) => magic[i] === byte));
}

async function* withStart(start: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (start.length > 0) yield start;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* inflate(
  chunks: AsyncIterable<Uint8Array>,
  format: keyof typeof MAGIC,
  name: string,
): AsyncGenerator<Uint8Array> {
  const { createGunzip, createZstdDecompress } = await import("node:zlib");
  try {
    if (format === "zip") return yield* membersOf(chunks, name);
    if (format === "gzip") return yield* through(chunks, createGunzip());
    const frames = new ZstdFrames();
    const pieces = piecesOf(chunks, frames);
    // The decoder takes one frame, and one that is cut for one that is whole.
    for (let first = await pieces.next(); !first.done; first = await pieces.next()) {
      yield* through(frameFrom(first.value, pieces), createZstdDecompress());
    }
    if (frames.isCut) throw new Error("unexpected end of file");
  } catch (cause) {
    if (cause instanceof TineError) throw cause;
    throw new TineError("bad-input", `${name} is ${format} data that is broken or cut: ${messageOf(cause)}`, { cause });
  }
}

async function* membersOf(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const { unzip } = await import("./unzip.ts");
  for await (const member of unzip(chunks[Symbol.asyncIterator]())) {
    let last = NEWLINE;
    for await (const chunk of chunksOf(member, name)) {
      if (chunk.length > 0) last = chunk[chunk.length - 1];
      yield chunk;
    }
    if (last !== NEWLINE) yield Uint8Array.of(NEWLINE);
  }
}

async function* through(chunks: AsyncIterable<Uint8Array>, decoder: Duplex): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  let isFed = false;
  // Data that is cut fails at its end, and with that what is not read yet is lost.
  const endIfRead = () => {
    if (isFed && decoder.readableLength === 0) decoder.end();
  };
  feed(decoder, iterator).then(() => {
    isFed = true;
    endIfRead();
  }, (error) => decoder.destroy(error));
  try {
    for await (const chunk of decoder) {
      yield chunk;
      endIfRead();
    }
  } finally {
    decoder.destroy();
    // Not waited for: it may wait for input itself.
    iterator.return?.().catch(() => {});
  }
}

async function feed(decoder: Duplex, chunks: AsyncIterator<Uint8Array>): Promise<void> {
  for (let next = await chunks.next(); !next.done && !decoder.destroyed; next = await chunks.next()) {
    const { promise, resolve } = Promise.withResolvers<void>();
    decoder.once("close", resolve);
    decoder.write(next.value, () => {
      decoder.off("close", resolve);
      resolve();
    });
    await promise;
  }
}

/** A part of a frame. */
interface FramePiece {
  readonly bytes: Uint8Array;
  /** Whether it is the last one of its frame. */
  readonly ends: boolean;
}

async function* piecesOf(chunks: AsyncIterable<Uint8Array>, frames: ZstdFrames): AsyncGenerator<FramePiece> {
  for await (const chunk of chunks) yield* frames.split(chunk);
}

/** The parts of one frame; the pieces go on behind it. */
async function* frameFrom(first: FramePiece, pieces: AsyncIterator<FramePiece>): AsyncGenerator<Uint8Array> {
  yield first.bytes;
  for (let piece = first; !piece.ends;) {
    const { done, value } = await pieces.next();
    if (done) return;
    piece = value;
    yield piece.bytes;
  }
}

/** Follows the frames and blocks of zstd data. Source: RFC 8878, section 3.1. */
class ZstdFrames {
  /** The head that is being read, as far as it has come. */
  readonly #head = new Uint8Array(4);
  #filled = 0;
  /** Bytes that the head needs before it says more. */
  #needed = 4;
  /** Bytes of a block or of a checksum that are passed over. */
  #skip = 0;
  #place: "frame" | "size" | "header" | "block" = "frame";
  #hasChecksum = false;

  /** Whether the data ends within a frame. */
  get isCut(): boolean {
    return this.#place !== "frame" || this.#filled > 0 || this.#skip > 0;
  }

  /** Divides a chunk where frames end. */
  *split(chunk: Uint8Array): Generator<FramePiece> {
    let start = 0;
    for (let i = 0; i < chunk.length;) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - i);
        this.#skip -= skipped;
        i += skipped;
      } else {
        this.#head[this.#filled++] = chunk[i++];
        if (this.#filled === this.#needed) this.#read();
      }
      if (this.isCut) continue;
      yield { bytes: chunk.subarray(start, i), ends: true };
      start = i;
    }
    if (start < chunk.length) yield { bytes: chunk.subarray(start), ends: false };
  }

  #read(): void {
    const head = this.#head, view = new DataView(head.buffer);
    this.#filled = 0;
    switch (this.#place) {
      case "frame":
        // Frames that hold something else have a size in place of blocks.
        if ((view.getUint32(0, true) & 0xfffffff0) >>> 0 === 0x184d2a50) this.#expect("size", 4);
        else this.#expect("header", 1);
        break;
      case "size":
        this.#skip = view.getUint32(0, true);
        this.#expect("frame", 4);
        break;
      case "header": {
        const single = (head[0] & 0x20) !== 0;
        this.#hasChecksum = (head[0] & 4) !== 0;
        const contentSize = [single ? 1 : 0, 2, 4, 8][head[0] >> 6];
        this.#skip = (single ? 0 : 1) + [0, 1, 2, 4][head[0] & 3] + contentSize;
        this.#expect("block", 3);
        break;
      }
      case "block": {
        const word = head[0] | head[1] << 8 | head[2] << 16;
        const isRepeatedByte = (word >> 1 & 3) === 1;
        this.#skip = isRepeatedByte ? 1 : word >> 3;
        if ((word & 1) === 0) this.#expect("block", 3);
        else {
          this.#skip += this.#hasChecksum ? 4 : 0;
          this.#expect("frame", 4);
        }
      }
    }
  }

  #expect(place: "frame" | "size" | "header" | "block", bytes: number): void {
    this.#place = place;
    this.#needed = bytes;
  }
}
