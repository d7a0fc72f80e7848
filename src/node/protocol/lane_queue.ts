import { Fifo } from "../../base/fifo.ts";

/** What a source sends before it is the turn of the next one, in bytes. */
const TURN_BYTES = 64 * 1024;

/** An encoded frame that waits to be sent. */
export interface Waiting {
  readonly bytes: Uint8Array;
  /** Settled once it is written, for whoever waits for it. */
  readonly written?: PromiseWithResolvers<void>;
}

/** Where frames come from: this node, or a child. Its frames keep their order. */
export class Source {
  readonly waiting = new Fifo<Waiting>();
  /** Of the frames that wait in memory. */
  bytes = 0;
  /** How many frames it ever had to send. */
  added = 0;
  /** How many of them are written. */
  written = 0;
  /** Bytes that are left of its turn. */
  turn = TURN_BYTES;
}

/** The frames of one lane. Its sources take turns, by bytes: one with large frames gets no more than one with small ones. */
export class LaneQueue {
  readonly #turns = new Fifo<Source>();

  /** Adds a frame of a source. */
  push(source: Source, frame: Waiting): void {
    if (source.waiting.length === 0) this.#turns.push(source);
    source.waiting.push(frame);
    source.bytes += frame.bytes.length;
  }

  /** The frame that is next. */
  get first(): Waiting | undefined {
    return this.#turns.first?.waiting.first;
  }

  /** The source whose turn it is. */
  get source(): Source | undefined {
    return this.#turns.first;
  }

  /** Takes the frame that is next. */
  shift(): Waiting | undefined {
    const source = this.#turns.first;
    const frame = source?.waiting.shift();
    if (source === undefined || frame === undefined) return undefined;
    const { length } = frame.bytes;
    source.bytes -= length;
    source.turn -= length;
    const empty = source.waiting.length === 0;
    if (empty || source.turn <= 0) {
      this.#turns.shift();
      source.turn = TURN_BYTES;
      if (!empty) this.#turns.push(source);
    }
    return frame;
  }
}
