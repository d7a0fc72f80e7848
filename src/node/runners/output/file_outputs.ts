import { startLongTimer } from "../../../base/time.ts";
import type { RunContext } from "../../runner.ts";
import type { OutputName, OutputSink } from "./output.ts";
import { writeAll } from "../../../wire/connection.ts";
import { messageOf, TineError } from "../../../base/errors.ts";

/** How long little output waits for more, so that it does not travel line by line. */
const WAIT_MS = 200;

/** Sends an output as a file, as it comes; an empty one as well. */
export class StreamedFile implements OutputSink {
  readonly #file: string;
  readonly #context: RunContext;
  /** What has come since the last piece was sent. */
  #piece: Uint8Array<ArrayBuffer> | undefined;
  #length = 0;
  #sent = false;
  #timer: Disposable | undefined;
  /** What the timer sends. */
  #sending: Promise<void> | undefined;

  constructor(file: string, context: RunContext) {
    this.#file = file;
    this.#context = context;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#sending;
    while (bytes.length > 0) {
      this.#piece ??= new Uint8Array(CHUNK_BYTES);
      const part = bytes.subarray(0, CHUNK_BYTES - this.#length);
      this.#piece.set(part, this.#length);
      this.#length += part.length;
      bytes = bytes.subarray(part.length);
      if (this.#length === CHUNK_BYTES) await this.#send();
    }
    if (this.#length > 0) this.#timer ??= startLongTimer(WAIT_MS, () => this.#sendLater());
  }

  async end(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    await this.#sending;
    if (this.#length > 0 || !this.#sent) await this.#send();
  }

  #sendLater(): void {
    this.#sending = this.#send();
    this.#sending.catch(() => {}); // The next write or end() reports it.
  }

  async #send(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const length = this.#length;
    // A short piece is copied to memory of its size, since it may wait for long.
    const data = (length < CHUNK_BYTES / 2 ? this.#piece?.slice(0, length) : this.#piece?.subarray(0, length)) ??
      new Uint8Array();
    if (data.buffer === this.#piece?.buffer) this.#piece = undefined;
    this.#length = 0;
    this.#sent = true;
    await this.#context.send({ type: "fileData", name: this.#file, data });
  }
}

/** Keeps an output in a temporary file, and sends it as a file at its end; an empty one as well. */
export class BufferedFile implements OutputSink {
  readonly #file: string;
  readonly #name: OutputName;
  readonly #context: RunContext;
  #temporary: { readonly path: string; readonly file: Deno.FsFile } | undefined;

  constructor(file: string, name: OutputName, context: RunContext) {
    this.#file = file;
    this.#name = name;
    this.#context = context;
  }

  /** @throws {TineError} `temporary-file`, if it cannot be written; what came before is sent nevertheless */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      this.#temporary ??= await createTemporary(await this.#context.temporaryFolder());
      await writeAll(this.#temporary.file, bytes);
    } catch (error) {
      throw this.#failed("written", error);
    }
  }

  async end(): Promise<void> {
    if (this.#temporary === undefined) {
      await this.#context.send({ type: "fileData", name: this.#file, data: new Uint8Array() });
      return;
    }
    using file = this.#temporary.file;
    // The name is no longer needed; closing the file frees the space on the disk.
    await Deno.remove(this.#temporary.path);
    await file.seek(0, Deno.SeekMode.Start);
    for (let data = await this.#read(file); data !== undefined; data = await this.#read(file)) {
      await this.#context.send({ type: "fileData", name: this.#file, data });
    }
  }

  async #read(file: Deno.FsFile): Promise<Uint8Array | undefined> {
    const data = new Uint8Array(CHUNK_BYTES);
    try {
      const length = await file.read(data);
      return length === null ? undefined : data.subarray(0, length);
    } catch (error) {
      throw this.#failed("read", error);
    }
  }

  #failed(what: string, cause: unknown): TineError {
    const { stream, command } = this.#name;
    return new TineError(
      "temporary-file",
      `the temporary file for ${stream} of ${command} cannot be ${what}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

async function createTemporary(folder: string): Promise<{ path: string; file: Deno.FsFile }> {
  const path = await Deno.makeTempFile({ dir: folder, prefix: "output-" });
  return { path, file: await Deno.open(path, { read: true, write: true }) };
}

const MAX_MEBIBYTES = 64;

/** Keeps an output in memory, and sends it as a file at its end; an empty one as well. */
export class MemoryFile implements OutputSink {
  readonly #file: string;
  readonly #name: OutputName;
  readonly #context: RunContext;
  readonly #chunks = new ByteChunks(MAX_MEBIBYTES * 1024 * 1024);

  constructor(file: string, name: OutputName, context: RunContext) {
    this.#file = file;
    this.#name = name;
    this.#context = context;
  }

  /** @throws {TineError} `output-too-large`; what came before is sent nevertheless */
  write(bytes: Uint8Array): undefined {
    if (this.#chunks.append(bytes)) return;
    const { stream, command } = this.#name;
    throw new TineError(
      "output-too-large",
      `${stream} of ${command} is more than the ${MAX_MEBIBYTES} MiB that bufmem keeps in memory; ` +
        `use buftmp:${this.#file}`,
    );
  }

  async end(): Promise<void> {
    const send = (data: Uint8Array) => this.#context.send({ type: "fileData", name: this.#file, data });
    for (const chunk of this.#chunks) await send(chunk);
    if (this.#chunks.length === 0) await send(new Uint8Array());
  }
}

/** The most that a frame carries, with room for its envelope. */
export const CHUNK_BYTES = 60 * 1024;

const FIRST_CHUNK_BYTES = 4 * 1024;

/** Collects bytes in chunks, so that nothing is copied twice, up to a limit. */
export class ByteChunks {
  /** The number of bytes that it has. */
  length = 0;
  /** What came after it was full. */
  leftOut = 0;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  /** The length of the last chunk, which may have room. */
  #used = 0;

  /** @param limit the most bytes that it takes */
  constructor(readonly limit: number) {}

  /**
   * Copies bytes to the end; counts those beyond the limit.
   *
   * @returns whether all were taken
   */
  append(bytes: Uint8Array): boolean {
    const room = this.limit - this.length;
    let rest = bytes.subarray(0, room);
    this.leftOut += bytes.length - rest.length;
    while (rest.length > 0) {
      let last = this.#chunks.at(-1);
      if (last === undefined || this.#used === last.length) {
        // Most outputs are short.
        last = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(FIRST_CHUNK_BYTES, this.length)));
        this.#chunks.push(last);
        this.#used = 0;
      }
      const part = rest.subarray(0, last.length - this.#used);
      last.set(part, this.#used);
      this.#used += part.length;
      this.length += part.length;
      rest = rest.subarray(part.length);
    }
    return bytes.length <= room;
  }

  /** What it has, in chunks of at most {@link CHUNK_BYTES}. */
  *[Symbol.iterator](): Iterator<Uint8Array<ArrayBuffer>> {
    const last = this.#chunks.at(-1);
    for (const chunk of this.#chunks) yield chunk === last ? chunk.subarray(0, this.#used) : chunk;
  }

  /** What it has, in one piece. */
  bytes(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const chunk of this) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }
}
