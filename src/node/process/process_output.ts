import type { ByteSource } from "../../wire/connection.ts";
import { startLongTimer } from "../../base/time.ts";

/** Once a process was stopped, its output ends when a reader waited this long in vain. */
const IDLE_MS = 250;

/**
 * The output of a process as a source of bytes. It is read no faster than it is wanted.
 *
 * It ends when the last process that holds it has ended, or soon after {@linkcode finish}.
 */
export class ProcessOutput implements ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array | undefined;
  #reading = false;
  #finished = false;
  #timer: Disposable | undefined;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.#reader.closed.catch(() => {}); // reads tell it
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    this.#rest ??= await this.#next();
    if (this.#rest === undefined) return null;
    const length = Math.min(buffer.length, this.#rest.length);
    buffer.set(this.#rest.subarray(0, length));
    this.#rest = length < this.#rest.length ? this.#rest.subarray(length) : undefined;
    return length;
  }

  /** From now on, it ends when nothing comes for a while: something that escaped may hold it open for ever. */
  finish(): void {
    this.#finished = true;
    if (this.#reading) this.#endWhenIdle();
  }

  async #next(): Promise<Uint8Array | undefined> {
    this.#reading = true;
    if (this.#finished) this.#endWhenIdle();
    try {
      return (await this.#reader.read()).value;
    } finally {
      this.#reading = false;
      this.#timer?.[Symbol.dispose]();
    }
  }

  /** Canceling ends the read that waits. What has come already was read before. */
  #endWhenIdle(): void {
    this.#timer = startLongTimer(IDLE_MS, () => void this.#reader.cancel().catch(() => {}));
  }
}
