import type { Connection } from "./connection.ts";
import { TineError } from "../base/errors.ts";

/** After this wait of output the connection reads ahead, to notice the end of the input, in ms. */
const READ_AHEAD_AFTER_MS = 1_000;
/** Bytes that it reads ahead at most. */
const MAX_AHEAD_BYTES = 4 * 1024 * 1024;
/** The capacity of a pipe: a longer write shows no progress. */
const PIPE_BYTES = 64 * 1024;
/** Size of writes after the end of the input: a slow peer still takes one in time. */
const LAST_BYTES = 4 * 1024;

/**
 * A connection whose output fails when the input has ended and the peer takes no output for a while.
 *
 * Kapacitor, for instance, takes no output any more once a task is disabled, and then waits for the UDF to end; its
 * last write must be read before it closes the input. A write that waits for long therefore makes the connection read
 * ahead.
 */
export class PatientConnection implements Connection {
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  /** Input that was read ahead, the oldest first. */
  readonly #ahead: Uint8Array[] = [];
  #aheadBytes = 0;
  #reading: Promise<unknown> | undefined;
  /** When the input ended; undefined before. */
  #ended: number | undefined;
  #failure: { error: unknown } | undefined;
  /** The write under way, if any. */
  #writing: { since: number; fail(error: Error): void } | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** When the last read was over. */
  #lastRead = performance.now();
  /** Settles at the end of the input; undefined before the first call of {@linkcode inputEnd}. */
  #inputEnd: PromiseWithResolvers<void> | undefined;

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
    this.#watch();
    try {
      this.#connection.write(bytes.subarray(0, most)).then(written.resolve, written.reject);
      return await written.promise;
    } finally {
      this.#writing = undefined;
    }
  }

  /** Waits for the end of the input. Bytes before it that are not read otherwise are read ahead. */
  inputEnd(): Promise<void> {
    this.#inputEnd ??= Promise.withResolvers();
    if (this.#ended !== undefined) this.#inputEnd.resolve();
    else this.#watch();
    return this.#inputEnd.promise;
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#connection.close();
  }

  /**
   * Starts the timer, which ends by itself when it has nothing to watch. A timer for each write would cost more than
   * the write.
   */
  #watch(): void {
    this.#timer ??= setInterval(() => this.#look(), Math.min(this.#timeoutMs, READ_AHEAD_AFTER_MS) / 4);
  }

  #look(): void {
    const now = performance.now();
    const waitsForEnd = this.#inputEnd !== undefined && this.#ended === undefined;
    if (waitsForEnd && now - this.#lastRead >= Math.min(this.#timeoutMs, READ_AHEAD_AFTER_MS)) void this.#readAhead();
    if (this.#writing === undefined) {
      if (waitsForEnd) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const { since, fail } = this.#writing;
    if (this.#ended !== undefined && now - Math.max(since, this.#ended) >= this.#timeoutMs) {
      fail(
        new TineError(
          "output-not-taken",
          `the input has ended, and for ${this.#timeoutMs / 1000} s no output has been taken`,
        ),
      );
    } else if (now - since >= Math.min(this.#timeoutMs, READ_AHEAD_AFTER_MS)) {
      void this.#readAhead();
    }
  }

  async #readAhead(): Promise<void> {
    while (
      this.#reading === undefined && (this.#writing !== undefined || this.#inputEnd !== undefined) &&
      this.#ended === undefined &&
      this.#failure === undefined && this.#aheadBytes < MAX_AHEAD_BYTES
    ) {
      const buffer = new Uint8Array(PIPE_BYTES);
      try {
        await this.#readInto(buffer, (count) => {
          this.#ahead.push(buffer.slice(0, count));
          this.#aheadBytes += count;
        });
      } catch (error) {
        this.#failure = { error }; // for the reader
      }
    }
  }

  /** @param keep takes the bytes before other reads can continue */
  async #readInto(buffer: Uint8Array, keep?: (count: number) => void): Promise<number | null> {
    const reading = this.#connection.read(buffer);
    const done = reading.then(() => {}, () => {});
    this.#reading = done;
    try {
      const count = await reading;
      if (count === null) {
        this.#ended ??= performance.now();
        this.#inputEnd?.resolve();
      } else {
        keep?.(count);
      }
      return count;
    } finally {
      this.#reading = undefined;
      this.#lastRead = performance.now();
    }
  }
}
