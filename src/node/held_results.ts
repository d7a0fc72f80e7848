import { ByteWriter } from "../wire/byte_writer.ts";
import { SpilledQueue, SpillFile } from "../wire/spilled_queue.ts";
import { decodeFrame, encodeFrame, type Frame, type Lane, type Message } from "./protocol/frame.ts";
import { laneOf } from "./protocol/kinds.ts";

/** What is held in memory before it goes to a file. */
const IN_MEMORY_BYTES = 16 * 1024 * 1024;

/** Results that wait on their node until its runs are over: in memory, and what is too much for that in a file. */
export class HeldResults {
  readonly #file = new SpillFile();
  readonly #held: SpilledQueue;

  /** @param inMemoryBytes how much is held in memory; more goes to a temporary file without a name */
  constructor(inMemoryBytes = IN_MEMORY_BYTES) {
    // What could not be written is written again later, by a call that throws.
    this.#held = new SpilledQueue(this.#file, inMemoryBytes, () => {});
  }

  /**
   * Holds a message.
   *
   * @throws {TineError} `spill-failed`, if the file cannot be written
   */
  add(message: Message): void {
    const writer = new ByteWriter(message.payload.length + 64);
    encodeFrame(writer, { ...message, lane: laneOf(message.kind), number: 0, more: false });
    this.#held.push({ bytes: writer.written() });
  }

  /**
   * Sends all that was held, in order.
   *
   * @throws {TineError} `spill-failed`, if the file cannot be written or read
   */
  async release(uplink: Uplink): Promise<void> {
    using _ = this.#file;
    for (let held; (held = this.#held.shift()) !== undefined;) {
      const frame: Frame = decodeFrame(held.bytes);
      uplink.send(frame);
      await uplink.room(frame.lane);
    }
  }
}

/** Where a node's results go: over the connection to its parent; from the root node, to the caller of the run. */
export interface Uplink {
  /** Takes a message of this node. Never blocks, never drops. */
  send(message: Message): void;

  /** A promise to wait for where much is held, for senders that can wait; undefined otherwise. */
  room(lane: Lane): Promise<void> | undefined;

  /**
   * Hands on a frame of a node further down, as it is.
   *
   * @param bytes the whole frame
   * @param source the child that it came from
   * @returns once it was handed on
   */
  forward(frame: Frame, bytes: Uint8Array, source: string): Promise<void>;

  /**
   * A child has ended, and all that came from it was handed on: what was kept for it goes, with what it left unfinished.
   * Absent where nothing is kept.
   */
  forget?(source: string): void;
}
