import type { Connection } from "./connection.ts";
import { TineError } from "./errors.ts";

/** Output that has waited for so long makes the connection read on by itself, to learn of the end of the input, in ms. */
const READ_AHEAD_AFTER_MS = 1_000;
/** What it reads so at most. */
const MOST_AHEAD_BYTES = 4 * 1024 * 1024;
/** A pipe holds so much: a longer write shows no progress. */
const PIPE_BYTES = 64 * 1024;
/** Pieces of output after the end of the input: a peer that is slow, but there, takes one in time. */
const LAST_BYTES = 4 * 1024;

/**
 * A connection whose output fails when the input has ended and the peer takes nothing for a while.
 *
 * Kapacitor, for instance, takes no output any more once a task is disabled, and then waits for the UDF to end; its last
 * write must be read before it closes the input. A write that waits for long therefore makes the connection read ahead.
 */
export class PatientConnection implements Connection {
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  /** Input that was read ahead, the oldest first. */
  readonly #ahead: Uint8Array[] = [];
  #aheadBytes = 0;
  #reading: Promise<unknown> | undefined;
  /** When the input ended; undefined: it has not. */
  #ended: number | undefined;
  #failure: { error: unknown } | undefined;
  /** The write under way; undefined: there is none. */
  #writing: { since: number; fail(error: Error): void } | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param timeoutMs how long output may wait after the end of the input */
  constructor(connection: Connection, timeoutMs: number) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    // At most one read at a time: the other would take bytes from the middle.
    while (this.#reading !== undefined) await this.#reading;
    const [first] = this.#ahead;
    if (first !== undefined) {
      const count = Math.min(first.length, buffer.length);
      buffer.set(first.subarray(0, count));
      if (count < first.length) this.#ahead[0] = first.subarray(count);
      else this.#ahead.shift();
      this.#aheadBytes -= count;
      return count;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#ended !== undefined) return null;
    return await this.#readInto(buffer);
  }

  /** @throws {TineError} `output-not-taken` where the peer takes nothing after the end of the input */
  async write(bytes: Uint8Array): Promise<number> {
    const most = this.#ended === undefined ? PIPE_BYTES : LAST_BYTES;
    const written = Promise.withResolvers<number>();
    this.#writing = { since: performance.now(), fail: written.reject };
    // It ends by itself when it finds nothing to watch: a timer for each write would cost more than many a write.
    this.#timer ??= setInterval(() => this.#look(), Math.min(this.#timeoutMs, READ_AHEAD_AFTER_MS) / 4);
    try {
      this.#connection.write(bytes.subarray(0, most)).then(written.resolve, written.reject);
      return await written.promise;
    } finally {
      this.#writing = undefined;
    }
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#connection.close();
  }

  #look(): void {
    if (this.#writing === undefined) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const { since, fail } = this.#writing;
    const now = performance.now();
    if (this.#ended !== undefined && now - Math.max(since, this.#ended) >= this.#timeoutMs) {
      fail(
        new TineError(
          "output-not-taken",
          `the input has ended, and for ${this.#timeoutMs / 1000} s nobody has taken any output`,
        ),
      );
    } else if (now - since >= Math.min(this.#timeoutMs, READ_AHEAD_AFTER_MS)) {
      void this.#readAhead();
    }
  }

  async #readAhead(): Promise<void> {
    while (
      this.#reading === undefined && this.#writing !== undefined && this.#ended === undefined &&
      this.#failure === undefined && this.#aheadBytes < MOST_AHEAD_BYTES
    ) {
      const buffer = new Uint8Array(PIPE_BYTES);
      try {
        const count = await this.#readInto(buffer);
        if (count === null) return;
        this.#ahead.push(buffer.slice(0, count));
        this.#aheadBytes += count;
      } catch (error) {
        this.#failure = { error }; // for the reader
      }
    }
  }

  async #readInto(buffer: Uint8Array): Promise<number | null> {
    const reading = this.#connection.read(buffer);
    const done = reading.then(() => {}, () => {});
    this.#reading = done;
    try {
      const count = await reading;
      if (count === null) this.#ended ??= performance.now();
      return count;
    } finally {
      this.#reading = undefined;
    }
  }
}
