import { ByteWriter } from "../../wire/byte_writer.ts";
import { TineError } from "../../base/errors.ts";
import { Kind, Lane, laneOf, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, type Message } from "./frame.ts";
import { encodeFrame, envelopeBytes } from "./frame_codec.ts";
import { LogBatch, MAX_BATCH_BYTES } from "./log_batch.ts";

/** Longer names and ids come from a mistake. */
const MAX_ENVELOPE_BYTES = MAX_FRAME_BYTES - MAX_BATCH_BYTES;

/**
 * Cuts the messages of one node into frames: none is larger than {@linkcode MAX_FRAME_BYTES}, and those of a data lane
 * are numbered, so that whoever gets them sees whether one is missing. Log entries are gathered, several to a frame.
 */
export class FrameCutter {
  readonly #writer = new ByteWriter();
  readonly #numbers = [0, 0, 0];
  readonly #logs = new LogBatch();

  /**
   * The encoded frames of a message, behind those of log entries before it. An entry may be kept back, to go together with
   * others: see {@linkcode rest}.
   *
   * @throws {TineError} `message-too-large`; `chunk-too-large` for records, which are not put together again
   */
  cut(message: Message): Uint8Array[] {
    const { kind, origin, name, payload } = message;
    const lane = laneOf(kind);
    const room = MAX_FRAME_BYTES - envelopeBytes(origin, name);
    if (room < MAX_FRAME_BYTES - MAX_ENVELOPE_BYTES) {
      throw new TineError("message-too-large", `the name ${name.slice(0, 80)}... of a message is too long`);
    }
    if (kind === Kind.records && payload.length > room) {
      throw new TineError("chunk-too-large", `a chunk of records has ${payload.length} bytes, a frame takes ${room}`);
    }
    if (isJoined(kind) && payload.length > MAX_MESSAGE_BYTES) {
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

  /** The frame of the log entries that were kept back; none, if there are none. */
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
        more: isJoined(kind) && end < payload.length,
        payload: payload.subarray(start, end),
      });
      frames.push(this.#writer.written().slice());
      start = end;
    } while (start < payload.length);
    return frames;
  }
}

/** Pieces of a file are pieces for everybody: each is a message of its own. */
function isJoined(kind: Kind): boolean {
  return kind !== Kind.fileData;
}
