import type { Buffer } from "node:buffer";
import type { Gzip, ZstdCompress } from "node:zlib";
import { startLongTimer } from "../../../base/time.ts";
import type { Output } from "./output.ts";

/** The compression of a file, by the ending of the name: gzip (RFC 1952) or zstd (RFC 8878). */
export type Compression = "gz" | "zst";

/** The first bytes of compressed files. */
const MAGIC: Readonly<Record<Compression, readonly number[]>> = { gz: [0x1f, 0x8b], zst: [0x28, 0xb5, 0x2f, 0xfd] };

/** After this time, output can be decompressed even if no more comes: a node may die at any time. */
const FLUSH_MS = 1000;

/** Returns the compression that the name of a file asks for. */
export function compressionOf(file: string): Compression | undefined {
  return /[^/]\.(gz|zst)$/.exec(file)?.[1] as Compression | undefined;
}

/** Compresses an output, unless it is compressed already, such as that of `tar -cz`. */
export class CompressedOutput implements Output {
  readonly #output: Output;
  readonly #compression: Compression;
  /** The start of the output, until it is long enough to show what it is. */
  #head: Uint8Array | undefined = new Uint8Array();
  #compressor: Compressor | undefined;
  #timer: Disposable | undefined;
  /** Writes and flushes come one after another. */
  #busy: Promise<void> = Promise.resolve();

  /** @param output takes the compressed bytes */
  constructor(output: Output, compression: Compression) {
    this.#output = output;
    this.#compression = compression;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#head === undefined) return await this.#write(bytes);
      const head = new Uint8Array([...this.#head, ...bytes]);
      this.#head = head;
      const magic = MAGIC[this.#compression];
      if (head.length < magic.length) return;
      if (!magic.every((byte, i) => head[i] === byte)) await this.#open();
      this.#head = undefined;
      await this.#write(head);
    });
  }

  async end(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    try {
      await this.#inTurn(async () => {
        if (this.#head !== undefined) {
          // A compressed file of no bytes is not empty.
          await this.#open();
          await this.#write(this.#head);
        }
        this.#timer?.[Symbol.dispose]();
        if (this.#compressor !== undefined) await this.#pass(await this.#compressor.end());
      });
    } finally {
      this.#compressor?.close();
      await this.#output.end();
    }
  }

  async #open(): Promise<void> {
    this.#compressor = await Compressor.open(this.#compression);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#compressor === undefined) return await this.#output.write(bytes);
    await this.#pass(await this.#compressor.write(bytes));
    this.#timer ??= startLongTimer(FLUSH_MS, () => this.#flush());
  }

  #flush(): void {
    this.#timer = undefined;
    const flushed = this.#inTurn(async () => this.#pass(await this.#compressor!.flush()));
    flushed.catch(() => {}); // The next write or end() reports it.
  }

  async #pass(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) await this.#output.write(piece);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#busy.then(work);
    this.#busy = done;
    return done;
  }
}

/** A stream of node:zlib as functions from bytes to pieces of compressed bytes. */
class Compressor {
  readonly #stream: Gzip | ZstdCompress;
  readonly #flushKind: number;
  readonly #bufferOf: typeof Buffer.from;
  #pieces: Uint8Array[] = [];

  private constructor(stream: Gzip | ZstdCompress, flushKind: number, bufferOf: typeof Buffer.from) {
    this.#stream = stream;
    this.#flushKind = flushKind;
    this.#bufferOf = bufferOf;
    stream.on("data", (piece: Uint8Array) => this.#pieces.push(piece));
  }

  /** Loads the modules of Node.js, which take 2.4 MB, only here: few nodes compress. */
  static async open(compression: Compression): Promise<Compressor> {
    const [{ Buffer }, { constants, createGzip, createZstdCompress }] = await Promise.all([
      import("node:buffer"),
      import("node:zlib"),
    ]);
    return compression === "gz"
      ? new Compressor(createGzip(), constants.Z_SYNC_FLUSH, Buffer.from)
      : new Compressor(createZstdCompress(), constants.ZSTD_e_flush, Buffer.from);
  }

  write(bytes: Uint8Array): Promise<Uint8Array[]> {
    const buffer = this.#bufferOf(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#when((done) => void this.#stream.write(buffer, done));
  }

  flush(): Promise<Uint8Array[]> {
    return this.#when((done) => this.#stream.flush(this.#flushKind, () => done()));
  }

  end(): Promise<Uint8Array[]> {
    return this.#when((done) => {
      this.#stream.once("end", () => done());
      this.#stream.end();
    });
  }

  /** Releases what it holds, also where it was not ended. */
  close(): void {
    this.#stream.destroy();
  }

  #when(act: (done: (error?: Error | null) => void) => void): Promise<Uint8Array[]> {
    return new Promise((resolve, reject) => {
      this.#stream.once("error", reject);
      act((error) => {
        this.#stream.off("error", reject);
        if (error) return reject(error);
        resolve(this.#pieces);
        this.#pieces = [];
      });
    });
  }
}
