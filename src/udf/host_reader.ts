import type { ByteSource } from "../wire/connection.ts";
import { FrameReader } from "../wire/frame_reader.ts";
import { type Breakage, withinMs } from "./end_reason.ts";
import type { KeepaliveMonitor } from "./keepalive_monitor.ts";
import type { ResponseTaker } from "./response_taker.ts";
import { defaultFrameLimit } from "./snapshot_limit.ts";

/** How long the output of a UDF that has ended may be silent: what it has started may hold it open for ever. */
const OUTPUT_GRACE_MS = 1000;

/** Where what is read goes, and how large it may be. */
export interface HostReaderOptions {
  taker: Pick<ResponseTaker, "take">;
  lifeline: Pick<KeepaliveMonitor, "heard" | "handled" | "understood">;
  maxFrameBytes?: number;
}

/** Reads the output of a UDF, and keeps what may explain its end. */
export class HostReader {
  readonly #frames: FrameReader;
  readonly #taker: Pick<ResponseTaker, "take">;
  readonly #lifeline: Pick<KeepaliveMonitor, "heard" | "handled" | "understood">;
  #chunks = 0;
  /** What the UDF wrote first, until a frame has been understood: text on stdout is mostly printed at the start. */
  #first: Uint8Array | undefined;
  #taking = false;
  #dropping = false;

  constructor(source: ByteSource, { taker, lifeline, maxFrameBytes }: HostReaderOptions) {
    this.#frames = new FrameReader(source, maxFrameBytes ?? defaultFrameLimit());
    this.#taker = taker;
    this.#lifeline = lifeline;
  }

  /**
   * Reads to the end of the output.
   *
   * @throws what reading or handling threw; {@linkcode evidence} then tells of the bytes
   */
  async read(): Promise<void> {
    const frames = this.#frames;
    while (await frames.fill()) {
      if (this.#chunks++ === 0) this.#first = frames.rest().slice(0, 80);
      this.#taking = true;
      this.#lifeline.heard();
      frames.readAhead();
      while (frames.next()) {
        if (this.#dropping) continue;
        const busy = this.#taker.take(frames.bytes, frames.start, frames.end);
        if (busy !== undefined) await busy;
      }
      this.#lifeline.handled();
      this.#taking = false;
      if (this.#lifeline.understood) this.#first = undefined;
    }
  }

  /** From now on what is read is not handled, nor what is in flight. */
  drop(): void {
    this.#dropping = true;
  }

  /** The bytes that may say why the connection broke. */
  get evidence(): Pick<Breakage, "first" | "rest" | "frame"> {
    const { bytes, start, end } = this.#frames;
    return { first: this.#first, rest: this.rest(), frame: bytes.subarray(Math.max(0, start - 1), end) };
  }

  /** The bytes that belong to no frame yet. */
  rest(): Uint8Array {
    return this.#frames.rest();
  }

  /** Reads and drops all that still comes. */
  drain(): Promise<void> {
    return this.#frames.drain();
  }

  /** Ends reading, also where it waits. */
  stop(): void {
    this.#frames.stop();
  }

  /**
   * Reads what a UDF that has ended has left in its pipe, and not until what it has started ends too.
   *
   * @param reading settles when all is read
   */
  async stopOnceSilent(reading: Promise<void>): Promise<void> {
    let done = false;
    const end = reading.finally(() => done = true);
    for (let before = -1; !done && (this.#taking || this.#chunks !== before);) {
      before = this.#chunks;
      await withinMs(OUTPUT_GRACE_MS, end);
    }
    this.stop();
  }
}
