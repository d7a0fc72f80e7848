/**
 * Messages as frames: cut by the sender, joined by the receiver, or read from the file of a node that died.
 *
 * @module
 */
import { concat } from "../../wire/bytes.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { TineError, WireError } from "../../base/errors.ts";
import { ByteReader } from "../../wire/byte_reader.ts";
import type { ByteSource } from "../../wire/connection.ts";
import { FrameReader } from "../../wire/frame_reader.ts";
import {
  type DataLane,
  encodeFrame,
  envelopeBytes,
  type Frame,
  isResult,
  Lane,
  MAX_FRAME_BYTES,
  MAX_MESSAGE_BYTES,
  type Message,
  readFrame,
} from "./frame.ts";
import { laneOf, partsOf } from "./kinds.ts";
import { LogBatch, MAX_BATCH_BYTES } from "./log_batch.ts";

/** Longer origins and names come from a mistake. */
const MAX_ENVELOPE_BYTES = MAX_FRAME_BYTES - MAX_BATCH_BYTES;

/**
 * Cuts the messages of one node into frames of at most {@linkcode MAX_FRAME_BYTES}. Frames of a data lane are numbered, so
 * that a receiver sees whether one is missing. Log entries are gathered, several to a frame.
 */
export class FrameCutter {
  readonly #writer = new ByteWriter();
  readonly #numbers = [0, 0, 0];
  readonly #logs = new LogBatch();

  /**
   * Returns the encoded frames of a message, after those of log entries before it. A log entry may wait for others, see
   * {@linkcode rest}.
   *
   * @throws {TineError} `message-too-large`; `chunk-too-large` for records, which are not joined again
   */
  cut(message: Message): Uint8Array[] {
    const { kind, origin, name, payload } = message;
    const lane = laneOf(kind);
    const room = MAX_FRAME_BYTES - envelopeBytes(origin, name);
    if (room < MAX_FRAME_BYTES - MAX_ENVELOPE_BYTES) {
      throw new TineError("message-too-large", `the name ${name.slice(0, 80)}... of a message is too long`);
    }
    if (partsOf(kind) === "whole" && payload.length > room) {
      throw new TineError("chunk-too-large", `a chunk of records has ${payload.length} bytes, a frame takes ${room}`);
    }
    if (partsOf(kind) === "joined" && payload.length > MAX_MESSAGE_BYTES) {
      throw new TineError(
        "message-too-large",
        `a message of kind ${kind} has ${payload.length} bytes, the limit is ${MAX_MESSAGE_BYTES}`,
      );
    }
    if (this.#logs.add(message)) return [];
    if (lane !== Lane.record) return this.#cut(message, room);
    const before = this.rest();
    if (this.#logs.add(message)) return before;
    return [...before, ...this.#cut(message, room)];
  }

  /** Returns the frame of the log entries that wait, if any do. */
  rest(): Uint8Array[] {
    const logs = this.#logs.take();
    return logs === undefined ? [] : this.#cut(logs, MAX_FRAME_BYTES);
  }

  #cut({ kind, origin, name, payload }: Message, room: number): Uint8Array[] {
    const lane = laneOf(kind);
    const frames: Uint8Array[] = [];
    let start = 0;
    do {
      const end = Math.min(payload.length, start + room);
      this.#writer.position = 0;
      encodeFrame(this.#writer, {
        kind,
        lane,
        origin,
        name,
        number: lane === Lane.urgent ? 0 : ++this.#numbers[lane],
        more: partsOf(kind) === "joined" && end < payload.length,
        payload: payload.subarray(start, end),
      });
      frames.push(this.#writer.written().slice());
      start = end;
    } while (start < payload.length);
    return frames;
  }
}

/** About what a part takes besides its bytes, so that empty parts count as well. */
const PART_OVERHEAD_BYTES = 128;

/** The start of a message. */
interface Start {
  readonly parts: Uint8Array[];
  /** The number of its last frame. */
  number: number;
}

/**
 * Joins messages that come in several frames. Frames of kinds that are not joined stay as they are. A start whose next
 * frame was lost with its node is dropped.
 */
export class Joiner {
  readonly #maxBytes: number;
  readonly #starts = new Map<string, Start>();
  #bytes = 0;

  /** @param maxBytes the limit of all parts that wait, with some overhead for each */
  constructor(maxBytes = MAX_MESSAGE_BYTES + 1024 * 1024) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Adds a frame.
   *
   * @returns the message that is complete with this frame; undefined, if more is to come
   * @throws {TineError} `message-too-large`
   */
  add(frame: Frame): Message | undefined {
    const { kind, origin, name, number, payload, more } = frame;
    if (partsOf(kind) !== "joined") return frame;
    const key = `${kind} ${origin}\0${name}`;
    let start = this.#starts.get(key);
    // Urgent frames have no number.
    if (start !== undefined && number !== 0 && number !== start.number + 1) {
      this.#remove(key, start);
      start = undefined;
    }
    if (start === undefined && !more) return frame;
    this.#bytes += payload.length + PART_OVERHEAD_BYTES;
    if (this.#bytes > this.#maxBytes) {
      throw new TineError(
        "message-too-large",
        `a message of kind ${kind} of node ${
          origin || "-"
        } does not end: more than ${this.#maxBytes} bytes of parts wait`,
      );
    }
    if (start === undefined) {
      this.#starts.set(key, { parts: [payload], number });
      return undefined;
    }
    start.parts.push(payload);
    start.number = number;
    if (more) return undefined;
    this.#remove(key, start);
    return { kind, origin, name, payload: concat(start.parts) };
  }

  #remove(key: string, { parts }: Start): void {
    this.#starts.delete(key);
    this.#bytes -= parts.reduce((sum, part) => sum + part.length + PART_OVERHEAD_BYTES, 0);
  }
}

/**
 * Reads the frames that a node had put aside when it died, and that had not reached its parent. A frame that it was in the
 * middle of is left out, and so is what may be the end of a message whose start was lost in its memory.
 *
 * @param file the spill file, from its start
 * @param after the numbers of the last frames of this node that had come, in each lane
 * @returns frames in the order of each lane, with their bytes for forwarding
 * @throws {WireError} if the file holds something else
 *
 * @example
 * ```ts
 * import { Lane } from "./frame.ts";
 * import { readSpill } from "./framing.ts";
 * async function numbers(path: string) {
 *   using file = await Deno.open(path);
 *   for await (const { frame } of readSpill(file, { [Lane.record]: 0, [Lane.bulk]: 0 })) console.log(frame.number);
 * }
 * ```
 */
export async function* readSpill(
  file: ByteSource,
  after: Readonly<Record<DataLane, number>>,
): AsyncGenerator<{ frame: Frame; bytes: Uint8Array }> {
  const frames = new FrameReader(file, MAX_FRAME_BYTES);
  const reader = new ByteReader();
  const last = { ...after };
  const startLost = { [Lane.record]: false, [Lane.bulk]: false };
  do {
    while (frames.next()) {
      const frame = readFrame(reader.reset(frames.bytes, frames.start, frames.end));
      checkSpilled(frame);
      const { kind, lane, number, more } = frame;
      if (number <= last[lane]) continue;
      const joined = partsOf(kind) === "joined";
      const isRest = joined && (startLost[lane] || number > last[lane] + 1);
      startLost[lane] = isRest && more;
      last[lane] = number;
      if (isRest) continue;
      yield { frame, bytes: frames.bytes.subarray(frames.start, frames.end) };
    }
  } while (await hasMore(frames));
}

/** The file belongs to a node that may have put anything into it: what goes on must be what a connection would take. */
function checkSpilled(frame: Frame): asserts frame is Frame & { readonly lane: DataLane } {
  const { kind, lane, number } = frame;
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
