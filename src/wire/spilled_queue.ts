import { messageOf, TineError } from "../base/errors.ts";
import { Fifo } from "../base/fifo.ts";
import { ByteReader } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";

/** What is written and read back at a time, in bytes. */
const EXTENT_BYTES = 64 * 1024;

/** A message that waits in a queue. */
export interface Waiting {
  readonly bytes: Uint8Array;
}

/** A piece of the file with messages of one queue. */
interface Extent {
  readonly offset: number;
  readonly length: number;
}

/**
 * A queue of messages: those that do not fit into memory wait in a file, which several queues may share.
 *
 * The file is written at the end of a turn of the event loop, synchronously: that keeps what waits in memory small where
 * the disk is slow, and the traffic that is measured is in other threads.
 *
 * @example
 * ```ts
 * import { SpilledQueue, SpillFile } from "./spilled_queue.ts";
 * using file = new SpillFile();
 * const queue = new SpilledQueue(file, 1000, (error) => console.error(error.message));
 * for (let i = 0; i < 5; i++) queue.push({ bytes: new Uint8Array(400).fill(i) });
 * for (let i = 0; i < 5; i++) console.assert(queue.shift()?.bytes[0] === i);
 * ```
 */
export class SpilledQueue {
  readonly #file: SpillFile;
  readonly #memory: number;
  readonly #failed: (error: TineError) => void;
  /** The oldest messages; all others are in the file, or on their way to it. */
  readonly #first = new Fifo<Waiting>();
  readonly #extents = new Fifo<Extent>();
  readonly #filling = new ByteWriter(0);
  #length = 0;
  #memoryBytes = 0;
  #fileBytes = 0;
  #writeScheduled = false;

  /**
   * @param file for what does not fit into memory
   * @param memory the bytes of messages that may wait in memory
   * @param failed receives a failure of the file that no call can throw
   */
  constructor(file: SpillFile, memory: number, failed: (error: TineError) => void) {
    this.#file = file;
    this.#memory = memory;
    this.#failed = failed;
  }

  /** Bytes of the messages that wait. */
  get bytes(): number {
    return this.#memoryBytes + this.#fileBytes;
  }

  /** The number of messages that wait. */
  get length(): number {
    return this.#length;
  }

  /**
   * The message that {@linkcode shift} takes next.
   *
   * @throws {TineError} `spill-failed`, if the file cannot be read
   */
  get first(): Waiting | undefined {
    if (this.#first.length === 0) this.#readBack();
    return this.#first.first;
  }

  /**
   * Adds a message at the end.
   *
   * @throws {TineError} `spill-failed`, if the file cannot be written
   */
  push(message: Waiting): void {
    const { bytes } = message;
    this.#length++;
    if (!this.#spilled && this.#memoryBytes + bytes.length <= this.#memory) {
      this.#first.push(message);
      this.#memoryBytes += bytes.length;
      return;
    }
    this.#filling.uint32(bytes.length);
    this.#filling.raw(bytes);
    this.#fileBytes += bytes.length;
    if (this.#filling.position >= EXTENT_BYTES) this.#write();
    else if (!this.#writeScheduled) {
      this.#writeScheduled = true;
      queueMicrotask(() => {
        this.#writeScheduled = false;
        try {
          this.#write();
        } catch (error) {
          this.#failed(error as TineError);
        }
      });
    }
  }

  /**
   * Takes the oldest message; undefined if the queue is empty.
   *
   * @throws {TineError} `spill-failed`, if the file cannot be read
   */
  shift(): Waiting | undefined {
    if (this.#first.length === 0) this.#readBack();
    const message = this.#first.shift();
    if (message === undefined) return undefined;
    this.#length--;
    this.#memoryBytes -= message.bytes.length;
    return message;
  }

  /** Drops all that waits. */
  clear(): void {
    this.#first.takeAll();
    this.#extents.takeAll();
    this.#filling.position =
      this.#length =
      this.#memoryBytes =
      this.#fileBytes =
        0;
  }

  get #spilled(): boolean {
    return this.#extents.length > 0 || this.#filling.position > 0;
  }

  #write(): void {
    const { position: length } = this.#filling;
    if (length === 0) return;
    this.#extents.push({ offset: this.#file.append(this.#filling.written()), length });
    this.#filling.position = 0;
  }

  #readBack(): void {
    if (this.#extents.length === 0) this.#write();
    const extent = this.#extents.shift();
    if (extent === undefined) return;
    const read = reader.reset(this.#file.read(extent));
    while (read.position < read.end) {
      const end = read.delimited();
      const bytes = read.bytes.subarray(read.position, end);
      this.#first.push({ bytes });
      this.#memoryBytes += bytes.length;
      this.#fileBytes -= bytes.length;
      read.position = end;
    }
  }
}

/** A cursor on what was read back; its table of strings is too large to be made anew each time. */
const reader = new ByteReader();

/**
 * The file of one or more {@linkcode SpilledQueue}s. It holds messages, each with its length before it, and nothing
 * else, so that after a crash of this process another one can read them. They stay in the file until
 * {@linkcode clear}, also when they were taken.
 */
export class SpillFile implements Disposable {
  readonly #open: () => Deno.FsFile;
  #file: Deno.FsFile | undefined;
  #end = 0;

  /** @param open opens the file, for reading and writing, once it is needed; default: {@linkcode temporarySpill} */
  constructor(open: () => Deno.FsFile = temporarySpill) {
    this.#open = open;
  }

  /**
   * Writes bytes at the end.
   *
   * @returns where they start
   * @throws {TineError} `spill-failed`
   */
  append(bytes: Uint8Array): number {
    const offset = this.#end;
    attempt("written", () => {
      const file = this.#file ??= this.#open();
      file.seekSync(offset, Deno.SeekMode.Start);
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
    });
    this.#end += bytes.length;
    return offset;
  }

  /**
   * Reads bytes that were written.
   *
   * @throws {TineError} `spill-failed`
   */
  read({ offset, length }: Extent): Uint8Array {
    return attempt("read", () => {
      const bytes = new Uint8Array(length);
      this.#file!.seekSync(offset, Deno.SeekMode.Start);
      for (let filled = 0; filled < length;) {
        const count = this.#file!.readSync(bytes.subarray(filled));
        if (count === null) throw new Error(`it ends at ${offset + filled} of at least ${offset + length} bytes`);
        filled += count;
      }
      return bytes;
    });
  }

  /**
   * Empties the file, where all messages were taken and are no longer needed.
   *
   * @throws {TineError} `spill-failed`
   */
  clear(): void {
    if (this.#end === 0) return;
    attempt("emptied", () => this.#file!.truncateSync(0));
    this.#end = 0;
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/** Opens a temporary file that has no name any more: it is gone with this process, however that ends. */
export function temporarySpill(): Deno.FsFile {
  const path = Deno.makeTempFileSync({ prefix: "tine-spill-" });
  try {
    return Deno.openSync(path, { read: true, write: true });
  } finally {
    Deno.removeSync(path);
  }
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new TineError(
      "spill-failed",
      `results that wait to be sent are too many for memory, and their file cannot be ${what}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
