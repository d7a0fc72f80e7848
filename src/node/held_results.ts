import { ByteReader } from "../wire/byte_reader.ts";
import { ByteWriter } from "../wire/byte_writer.ts";
import { SpilledQueue, SpillFile } from "../wire/spilled_queue.ts";
import { decodeFrame, encodeFrame, type Frame, type Lane, type Message } from "./protocol/frame.ts";
import { laneOf } from "./protocol/kinds.ts";

/** What is held in memory before it goes to a file. */
const IN_MEMORY_BYTES = 16 * 1024 * 1024;
/** Messages are held in pieces of this size: most are a line of a log, and an object for each takes more than its text. */
const PIECE_BYTES = 64 * 1024;

/** Options of {@linkcode HeldResults}. */
export interface HeldResultsOptions {
  /** How much is held in memory; more goes to the file. Default: 16 MiB */
  readonly memory?: number;
  /** Opens that file. Default: a temporary file without a name */
  openSpill?(): Deno.FsFile;
  /** Receives the `spill-failed` of that file, once. What does not fit into memory is lost from then on. */
  failed(error: unknown): void;
}

/** Results that wait on their node until its runs are over: in memory, and what is too much for that in a file. */
export class HeldResults {
  readonly #file: SpillFile;
  readonly #held: SpilledQueue;
  readonly #options: HeldResultsOptions;
  /** The last messages, each with its length before it. */
  readonly #writer = new ByteWriter(0);
  #failed = false;

  constructor(options: HeldResultsOptions) {
    this.#options = options;
    this.#file = new SpillFile(options.openSpill);
    this.#held = new SpilledQueue(this.#file, options.memory ?? IN_MEMORY_BYTES, (error) => this.#fail(error));
  }

  /** Holds a message. */
  add(message: Message): void {
    if (this.#failed) return;
    const start = this.#writer.openLength(2);
    encodeFrame(this.#writer, { ...message, lane: laneOf(message.kind), number: 0, more: false });
    this.#writer.closeLength(start, 2);
    if (this.#writer.position < PIECE_BYTES) return;
    const bytes = this.#writer.written().slice();
    this.#writer.position = 0;
    // Messages come from where nothing can be thrown, such as the events of flows.
    this.#try(() => this.#held.push({ bytes }));
  }

  /** Sends all that was held, in order. */
  async release(uplink: Uplink): Promise<void> {
    using _ = this.#file;
    const reader = new ByteReader();
    for (let bytes; (bytes = this.#take()) !== undefined;) {
      reader.reset(bytes);
      while (reader.position < reader.end) {
        const end = reader.delimited();
        const frame: Frame = decodeFrame(bytes.subarray(reader.position, end));
        reader.position = end;
        uplink.send(frame);
        await uplink.room(frame.lane);
      }
    }
  }

  /** The oldest piece. */
  #take(): Uint8Array | undefined {
    const piece = this.#try(() => this.#held.shift());
    if (piece !== undefined) return piece.bytes;
    if (this.#failed || this.#writer.position === 0) return undefined;
    const last = this.#writer.written().slice();
    this.#writer.position = 0;
    return last;
  }

  #try<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#options.failed(error);
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
