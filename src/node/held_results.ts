import { sourceOf, writeAll } from "../wire/connection.ts";
import { ByteWriter } from "../wire/byte_writer.ts";
import { FrameReader } from "../wire/frame_reader.ts";
import { decodeFrame, encodeFrame, type Frame, type Lane, type Message } from "./protocol/frame.ts";
import { laneOf } from "./protocol/kinds.ts";
import { temporarySpill } from "./protocol/spill.ts";

/** What is held in memory before it goes to a file. */
const IN_MEMORY_BYTES = 16 * 1024 * 1024;

/** Results that wait on their node until its runs are over: in memory, and what is too much for that in a file. */
export class HeldResults {
  #writer = new ByteWriter(4096);
  #file: Deno.FsFile | undefined;
  /** The write under way, one after another. */
  #writing: Promise<void> = Promise.resolve();
  #waiting = 0;
  readonly #inMemoryBytes: number;

  /** @param inMemoryBytes how much is held in memory; more goes to a temporary file without a name */
  constructor(inMemoryBytes = IN_MEMORY_BYTES) {
    this.#inMemoryBytes = inMemoryBytes;
  }

  /**
   * Holds a message.
   *
   * @returns a promise where more comes than the disk takes, so that the sender should wait
   */
  add(message: Message): Promise<void> | undefined {
    const start = this.#writer.openLength(2);
    encodeFrame(this.#writer, { ...message, lane: laneOf(message.kind), number: 0, more: false });
    this.#writer.closeLength(start, 2);
    if (this.#writer.position < this.#inMemoryBytes) return undefined;
    const full = this.#writer.written();
    this.#writer = new ByteWriter(4096);
    this.#waiting += full.length;
    const file = this.#file ??= temporarySpill();
    this.#writing = this.#writing.then(async () => {
      await writeAll(file, full);
      this.#waiting -= full.length;
    });
    this.#writing.catch(() => {}); // its waiters and release() reject with it
    return this.#waiting > this.#inMemoryBytes ? this.#writing : undefined;
  }

  /**
   * Sends all that was held, in order.
   *
   * @throws what writing or reading the file threw
   */
  async release(uplink: Uplink): Promise<void> {
    await this.#writing;
    if (this.#file !== undefined) {
      using file = this.#file;
      this.#file = undefined;
      await file.seek(0, Deno.SeekMode.Start);
      await sendAll(new FrameReader(file), uplink);
    }
    const rest = this.#writer.written();
    this.#writer = new ByteWriter(16);
    await sendAll(new FrameReader(sourceOf(rest)), uplink);
  }
}

async function sendAll(frames: FrameReader, uplink: Uplink): Promise<void> {
  while (await frames.fill()) {
    while (frames.next()) {
      const frame: Frame = decodeFrame(frames.bytes.subarray(frames.start, frames.end));
      uplink.send(frame);
      await uplink.room(frame.lane);
    }
  }
}

/** Where a node's results go: over the connection to its parent; from the root node, to the caller of the run. */
export interface Uplink {
  /** Takes a message of this node. Never blocks, never drops. */
  send(message: Message): void;

  /** A promise where so much waits that a sender that can wait should; undefined otherwise. */
  room(lane: Lane): Promise<void> | undefined;

  /**
   * Hands on a frame of a node further down, as it is.
   *
   * @param bytes the whole frame
   * @param source the child that it came from
   * @returns once it was handed on
   */
  forward(frame: Frame, bytes: Uint8Array, source: string): Promise<void>;

  /** A child has ended, and all that came from it was handed on: what was kept for it goes, with what it left unfinished. */
  forget(source: string): void;
}
