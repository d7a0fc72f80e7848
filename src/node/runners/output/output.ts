import type { RunContext } from "../../runner.ts";
import { BufferedFile, MemoryFile, StreamedFile } from "./file_outputs.ts";
import { GatheredEntry, StreamedLines } from "./log_outputs.ts";
import type { ByteSource } from "../../../wire/connection.ts";
import type { StartedProcess } from "../../process/processes.ts";
import { drain } from "./drain.ts";
import type { Buffer } from "node:buffer";
import type { Gzip, ZstdCompress } from "node:zlib";
import { startLongTimer } from "../../../base/time.ts";

/** What becomes of the output of a command. */
export interface OutputSink {
  /**
   * Takes a piece of the output. The bytes are not touched after it is done.
   *
   * @returns a promise where the reader of the output should wait
   */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** Sends what is left, and releases what it holds. Called once, also after a failed write. */
  end(): Promise<void>;
}

/** Which output of which command; for messages and log entries. */
export interface OutputName {
  readonly stream: "stdout" | "stderr";
  /** The name of the command. */
  readonly command: string;
}

/**
 * Makes the output that a treatment asks for.
 *
 * @param treatment `gather` or nothing, `stream`, `quiet`, `bufmem:NAME`, `buftmp:NAME`, or the name of a file
 * @returns undefined where the output is not wanted
 */
export function createOutput(
  treatment: string | undefined,
  name: OutputName,
  context: RunContext,
): OutputSink | undefined {
  const file = fileOf(treatment);
  if (file !== undefined) {
    const output = createFile(treatment!, file, name, context);
    const compression = compressionOf(file);
    return compression === undefined ? output : new CompressedOutput(output, compression);
  }
  switch (treatment) {
    case "stream":
      return new StreamedLines(name, context);
    case "quiet":
      return undefined;
    default:
      return new GatheredEntry(name, context);
  }
}

function createFile(treatment: string, file: string, name: OutputName, context: RunContext): OutputSink {
  if (treatment.startsWith("bufmem:")) return new MemoryFile(file, name, context);
  if (treatment.startsWith("buftmp:")) return new BufferedFile(file, name, context);
  return new StreamedFile(file, context);
}

/** Returns the file that a treatment makes, if it makes one. */
export function fileOf(treatment: string | undefined): string | undefined {
  if (treatment === undefined || ["", "gather", "stream", "quiet"].includes(treatment)) return undefined;
  return treatment.replace(/^(bufmem|buftmp):/, "");
}

/** Where the output of a process goes. */
export interface Outputs {
  readonly stdout: OutputSink | undefined;
  readonly stderr: OutputSink | undefined;
}

/**
 * Writes the output of a process to its outputs, until the process has ended and all output is treated.
 *
 * @param fail called when output cannot be treated, so that the process would wait for its reader
 * @returns the streams that a process which was left behind still holds open
 * @throws what writing to an output threw first, once all is over
 */
export async function treatOutput(
  process: StartedProcess,
  outputs: Outputs,
  fail: () => void,
): Promise<("stdout" | "stderr")[]> {
  const open = new Set<"stdout" | "stderr">();
  const read = async (stream: "stdout" | "stderr", source: ByteSource | undefined) => {
    const output = outputs[stream];
    if (source === undefined || output === undefined) return;
    try {
      const whole = await drain(source, (bytes) => output.write(bytes), process.ended);
      if (!whole) open.add(stream);
    } catch (error) {
      fail();
      throw error;
    }
  };
  const results = await Promise.allSettled([read("stdout", process.stdout), read("stderr", process.stderr)]);
  await process.ended;
  // One after the other, so that log entries are in order.
  for (const output of [outputs.stdout, outputs.stderr]) {
    if (output !== undefined) results.push(...await Promise.allSettled([output.end()]));
  }
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return (["stdout", "stderr"] as const).filter((stream) => open.has(stream));
}

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
export class CompressedOutput implements OutputSink {
  readonly #output: OutputSink;
  readonly #compression: Compression;
  /** The start of the output, until it is long enough to show what it is. */
  #head: Uint8Array | undefined = new Uint8Array();
  #compressor: Compressor | undefined;
  #timer: Disposable | undefined;
  /** Writes and flushes come one after another. */
  #busy: Promise<void> = Promise.resolve();

  /** @param output takes the compressed bytes */
  constructor(output: OutputSink, compression: Compression) {
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
