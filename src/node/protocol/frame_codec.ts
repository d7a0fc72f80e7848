/**
 * Frames as bytes: the Frame message of node.proto.
 *
 * @module
 */

import { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { TineError, WireError } from "../../base/errors.ts";
import { type Frame, Kind, Lane, laneOf, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, type Message } from "./frame.ts";
import { LogBatch, MAX_BATCH_BYTES } from "./log_batch.ts";

// Tags: field number << 3 | wire type.
const KIND = 1 << 3, LANE = 2 << 3, ORIGIN = 3 << 3 | 2, NAME = 4 << 3 | 2, NUMBER = 5 << 3, MORE = 6 << 3;
const PAYLOAD = 7 << 3 | 2;

const NOTHING = new Uint8Array();
const sharedReader = new ByteReader();

/**
 * Writes a frame, without its length before it.
 *
 * @example
 * ```ts
 * import { ByteWriter } from "../../wire/byte_writer.ts";
 * import { type Frame, Kind, Lane } from "./frame.ts";
 * import { decodeFrame, encodeFrame } from "./frame_codec.ts";
 * const payload = new Uint8Array([1]);
 * const frame: Frame = { kind: Kind.log, lane: Lane.record, origin: "left", name: "", number: 1, more: false, payload };
 * const writer = new ByteWriter();
 * encodeFrame(writer, frame);
 * console.assert(decodeFrame(writer.written()).origin === "left");
 * ```
 */
export function encodeFrame(writer: ByteWriter, frame: Frame): void {
  const { kind, lane, origin, name, number, more, payload } = frame;
  if (kind !== 0) {
    writer.uint32(KIND);
    writer.uint32(kind);
  }
  if (lane !== Lane.urgent) {
    writer.uint32(LANE);
    writer.uint32(lane);
  }
  if (origin !== "") {
    writer.uint32(ORIGIN);
    writer.string(origin);
  }
  if (name !== "") {
    writer.uint32(NAME);
    writer.string(name);
  }
  if (number !== 0) {
    writer.uint32(NUMBER);
    if (number < 0x100000000) writer.uint32(number);
    else writer.int64(BigInt(number));
  }
  if (more) {
    writer.uint32(MORE);
    writer.uint32(1);
  }
  if (payload.length > 0) {
    writer.uint32(PAYLOAD);
    writer.uint32(payload.length);
    writer.raw(payload);
  }
}

/** What the envelope of a frame takes at most, in bytes. */
export function envelopeBytes(origin: string, name: string): number {
  // Kind and lane, number, more, and the tag and length of the payload; a UTF-16 unit takes three bytes at most.
  return 4 + 11 + 2 + 6 + 12 + (origin.length + name.length) * 3;
}

/**
 * The frame in these bytes. Its payload is a view of them.
 *
 * @throws {WireError} if they are no frame
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  return readFrame(sharedReader.reset(bytes));
}

/**
 * Reads the frame at the cursor, up to the cursor's end. Its payload is a view of the same bytes; it is not looked into,
 * and fields that are not known are skipped.
 *
 * @throws {WireError} if the bytes are no frame
 */
export function readFrame(reader: ByteReader): Frame {
  let kind = 0, lane = 0, number = 0;
  let origin = "", name = "";
  let more = false;
  let payload = NOTHING;
  const invalid = reader.strings.invalid;
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    switch (tag) {
      case KIND:
        kind = reader.uint32();
        break;
      case LANE:
        lane = reader.uint32();
        break;
      case ORIGIN:
        origin = reader.string();
        break;
      case NAME:
        name = reader.string();
        break;
      case NUMBER:
        number = safeInteger(reader.int64());
        break;
      case MORE:
        more = reader.bool();
        break;
      case PAYLOAD: {
        const end = reader.delimited();
        payload = reader.bytes.subarray(reader.position, end) as Uint8Array<ArrayBuffer>;
        reader.position = end;
        break;
      }
      default:
        reader.skip(tag);
    }
  }
  if (lane > Lane.bulk) throw new WireError("bad-lane", `a frame of kind ${kind} is in lane ${lane}, there are 0 to 2`);
  if (reader.strings.invalid !== invalid) {
    throw new WireError("bad-text", `a frame of kind ${kind} has an origin or a name that is not valid UTF-8`);
  }
  return { kind: kind as Kind, lane: lane as Lane, origin, name, number, more, payload };
}

function safeInteger(value: bigint): number {
  const number = Number(BigInt.asUintN(64, value));
  if (Number.isSafeInteger(number)) return number;
  throw new WireError("bad-number", `a frame has the number ${number}, the highest is 2^53 - 1`);
}

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
