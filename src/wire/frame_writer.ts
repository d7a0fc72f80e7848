import { Condition } from "../base/condition.ts";
import { ByteWriter } from "./byte_writer.ts";
import { type ByteSink, writeAll } from "./connection.ts";

const HIGH_WATER = 256 * 1024;
/** Bytes that start a write although frames are held. */
const HELD_BYTES = 64 * 1024;
const KEEP = 1024 * 1024;

/**
 * Writes varint-delimited frames to a byte stream. Frames that are written in one turn of the event loop, or between
 * {@linkcode hold} and {@linkcode release}, go out in one write; while a write is under way further frames collect for
 * the next one.
 *
 * A write that fails is remembered: {@linkcode drained} and {@linkcode finish} throw it.
 */
export class FrameWriter {
  readonly #sink: ByteSink;
  #filling = new ByteWriter(4096);
  #spare: ByteWriter | undefined;
  #writing: Promise<void> | undefined;
  /** Changes when the frames that waited are being written, so that others can wait. */
  readonly #room = new Condition();
  #failure: { error: unknown } | undefined;
  #frame = 0;
  #guess = 1;
  #held = false;
  #flushScheduled = false;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Starts a frame; write its bytes to what is returned, then call {@linkcode close}. */
  open(): ByteWriter {
    this.#frame = this.#filling.openLength(this.#guess);
    return this.#filling;
  }

  /** Ends the frame. */
  close(): void {
    // Frames of a connection are mostly of one size, so the next length probably takes as many bytes as the last.
    this.#guess = this.#filling.closeLength(this.#frame, this.#guess);
    this.#scheduleFlush();
  }

  /** Adds the frame of the message in `bytes[start, end)`. */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.#filling.uint32(end - start);
    this.#filling.raw(bytes, start, end);
    this.#scheduleFlush();
  }

  /** Adds bytes that are frames already. */
  addFrames(frames: Uint8Array): void {
    this.#filling.raw(frames);
    this.#scheduleFlush();
  }

  /** Collects frames until {@linkcode release}, or until 64 KiB wait. */
  hold(): void {
    this.#held = true;
  }

  /** Writes the held frames; from now on frames are written at once. */
  release(): void {
    this.#held = false;
    this.flush();
  }

  /** Drops the frame that was opened. */
  discard(): void {
    this.#filling.position = this.#frame - this.#guess;
  }

  /** Bytes not yet written. */
  get pending(): number {
    return this.#filling.position;
  }

  /** Whether the producer should wait before it adds frames, see {@linkcode drained}. */
  get full(): boolean {
    return this.#filling.position >= HIGH_WATER;
  }

  /** The error of the first write that failed. */
  get failure(): unknown {
    return this.#failure?.error;
  }

  /** Starts to write the pending frames; a write under way continues with them. */
  flush(): void {
    if (this.#writing !== undefined || this.#filling.position === 0) return;
    if (this.#failure !== undefined) {
      this.#filling.position = 0;
      return;
    }
    this.#writing = this.#write();
  }

  /**
   * Waits until the frames that wait are few enough to go on.
   *
   * @throws what the sink threw
   */
  async drained(): Promise<void> {
    while (this.full && this.#failure === undefined) {
      this.flush();
      await this.#room.wait();
    }
    this.#check();
  }

  /**
   * Waits until all is written.
   *
   * @throws what the sink threw
   */
  async finish(): Promise<void> {
    this.flush();
    while (this.#writing !== undefined) await this.#writing;
    this.#check();
  }

  #scheduleFlush(): void {
    if (this.#held) {
      if (this.pending >= HELD_BYTES) this.flush();
    } else if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(() => {
        this.#flushScheduled = false;
        this.flush();
      });
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #write(): Promise<void> {
    try {
      while (this.#filling.position > 0) {
        const full = this.#filling;
        this.#filling = this.#spare ?? new ByteWriter(4096);
        this.#spare = undefined;
        this.#room.notify();
        await writeAll(this.#sink, full.written());
        full.position = 0;
        if (full.bytes.length <= KEEP) this.#spare = full;
      }
    } catch (error) {
      this.#failure = { error };
      this.#filling.position = 0;
    } finally {
      this.#writing = undefined;
      this.#room.notify();
    }
  }
}
