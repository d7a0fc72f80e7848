import { ByteWriter } from "../../wire/byte_writer.ts";
import { messageOf, TineError, WireError } from "../../base/errors.ts";
import { Fifo } from "../../base/fifo.ts";
import { type DataLane, type Frame, isResult, Lane, MAX_FRAME_BYTES, readFrame } from "./frame.ts";
import { laneOf } from "./kinds.ts";
import { ByteReader } from "../../wire/byte_reader.ts";
import type { ByteSource } from "../../wire/connection.ts";
import { FrameReader } from "../../wire/frame_reader.ts";

/** What is written and read back at a time, in bytes. */
const EXTENT_BYTES = 64 * 1024;

/** A piece of the file with frames of one lane. */
interface Extent {
  readonly offset: number;
  readonly length: number;
}

/**
 * Keeps frames that do not fit into memory in a file, and gives those of each lane back in order.
 *
 * The file holds encoded frames, each with its length before it, and nothing else, so that after a crash of this process
 * another one can read them, see readSpill(). Frames stay in the file until {@linkcode clear}, also when they were taken.
 *
 * The file is written at the end of a turn of the event loop, synchronously: that keeps what waits in memory small where
 * the disk is slow, and the traffic that is measured is in other threads.
 */
export class Spill implements Disposable {
  readonly #open: () => Deno.FsFile;
  readonly #failed: (error: TineError) => void;
  readonly #lanes = { [Lane.record]: new SpilledLane(), [Lane.bulk]: new SpilledLane() };
  #file: Deno.FsFile | undefined;
  #end = 0;
  #flushScheduled = false;

  /**
   * @param open opens the file, for reading and writing, once it is needed
   * @param failed receives a failure that no call can throw
   */
  constructor(open: () => Deno.FsFile, failed: (error: TineError) => void) {
    this.#open = open;
    this.#failed = failed;
  }

  /** Bytes of a lane that were not taken yet. */
  bytes(lane: DataLane): number {
    return this.#lanes[lane].bytes;
  }

  /**
   * Adds an encoded frame.
   *
   * @throws {TineError} `spill-failed`, if the file cannot be written
   */
  add(lane: DataLane, frame: Uint8Array): void {
    const spilled = this.#lanes[lane];
    spilled.filling.uint32(frame.length);
    spilled.filling.raw(frame);
    spilled.bytes += frame.length;
    if (spilled.filling.position >= EXTENT_BYTES) this.#write(spilled);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      try {
        this.#write(this.#lanes[Lane.record]);
        this.#write(this.#lanes[Lane.bulk]);
      } catch (error) {
        this.#failed(error as TineError);
      }
    });
  }

  /**
   * Takes the next frames of a lane.
   *
   * @returns encoded frames, views of one buffer
   * @throws {TineError} `spill-failed`, if the file cannot be read
   */
  take(lane: DataLane): Uint8Array[] {
    const spilled = this.#lanes[lane];
    if (spilled.extents.length === 0) this.#write(spilled);
    const extent = spilled.extents.shift();
    if (extent === undefined) return [];
    const frames = splitFrames(this.#read(extent));
    for (const frame of frames) spilled.bytes -= frame.length;
    return frames;
  }

  /**
   * Empties the file, where all frames were taken and are no longer needed.
   *
   * @throws {TineError} `spill-failed`
   */
  clear(): void {
    if (this.#end === 0) return;
    this.#attempt("emptied", () => this.#file!.truncateSync(0));
    this.#end = 0;
  }

  [Symbol.dispose](): void {
    for (const lane of Object.values(this.#lanes)) lane.filling.position = 0;
    this.#file?.close();
    this.#file = undefined;
  }

  #write(spilled: SpilledLane): void {
    const { filling, extents } = spilled;
    const length = filling.position;
    if (length === 0) return;
    this.#attempt("written", () => {
      const file = this.#file ??= this.#open();
      file.seekSync(this.#end, Deno.SeekMode.Start);
      let bytes: Uint8Array = filling.written();
      while (bytes.length > 0) bytes = bytes.subarray(file.writeSync(bytes));
    });
    extents.push({ offset: this.#end, length });
    this.#end += length;
    filling.position = 0;
  }

  #read({ offset, length }: Extent): Uint8Array {
    return this.#attempt("read", () => {
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

  #attempt<T>(what: string, action: () => T): T {
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
}

class SpilledLane {
  readonly filling = new ByteWriter(0);
  readonly extents = new Fifo<Extent>();
  bytes = 0;
}

/** A cursor on what was read back; its table of strings is too large to be made anew each time. */
const spilled = new ByteReader();

/** The frames in bytes that were written by this process. */
function splitFrames(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  spilled.reset(bytes);
  while (spilled.position < spilled.end) {
    const end = spilled.delimited();
    frames.push(bytes.subarray(spilled.position, end));
    spilled.position = end;
  }
  return frames;
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

/**
 * Reads the frames that a node had put aside when it died, and that had not reached its parent. A frame that it was in the
 * middle of is left out.
 *
 * @param file the spill file, from its start
 * @param after the numbers of the last frames of this node that had come, in each lane
 * @returns frames in the order of each lane, with their bytes for forwarding
 * @throws {WireError} if the file holds something else
 *
 * @example
 * ```ts
 * import { readSpill } from "./spill.ts";
 * async function numbers(path: string) {
 *   using file = await Deno.open(path);
 *   for await (const { frame } of readSpill(file, { record: 0, bulk: 0 })) console.log(frame.number);
 * }
 * ```
 */
export async function* readSpill(
  file: ByteSource,
  after: { readonly record: number; readonly bulk: number },
): AsyncGenerator<{ frame: Frame; bytes: Uint8Array }> {
  const frames = new FrameReader(file, MAX_FRAME_BYTES);
  const reader = new ByteReader();
  do {
    while (frames.next()) {
      const frame = readFrame(reader.reset(frames.bytes, frames.start, frames.end));
      checkSpilled(frame);
      if (frame.number <= (frame.lane === Lane.bulk ? after.bulk : after.record)) continue;
      yield { frame, bytes: frames.bytes.subarray(frames.start, frames.end) };
    }
  } while (await hasMore(frames));
}

/** The file belongs to a node that may have put anything into it: what goes on must be what a connection would take. */
function checkSpilled({ kind, lane, number }: Frame): void {
  if (isResult(kind) && lane !== Lane.urgent && lane === laneOf(kind) && number > 0) return;
  throw new WireError("bad-spill", `it holds a frame of kind ${kind} in lane ${lane}, which no node puts into a file`);
}

async function hasMore(frames: FrameReader): Promise<boolean> {
  try {
    return await frames.fill();
  } catch (error) {
    if (error instanceof WireError && error.code === "cut-frame") return false;
    throw error;
  }
}
