/**
 * Frames of the node protocol: what they are, and their bytes, the Frame message of node.proto.
 *
 * @module
 */
import { ByteReader } from "../../wire/byte_reader.ts";
import {
  type ByteWriter,
  writeBool,
  writeBytes,
  writeInt64,
  writeString,
  writeUint32,
} from "../../wire/byte_writer.ts";
import { WireError } from "../../base/errors.ts";

/** What the payload of a frame is. */
export const Kind = {
  nothing: 0,
  setup: 1,
  run: 2,
  cancel: 3,
  ready: 4,
  ran: 5,
  canceled: 6,
  heartbeat: 7,
  credit: 8,
  end: 9,
  clock: 10,
  nodeInfo: 16,
  log: 17,
  error: 18,
  fileData: 19,
  sysInfo: 20,
  feedback: 21,
  progress: 22,
  streamInfo: 23,
  packetInfo: 24,
  records: 25,
  activity: 26,
  missing: 27,
  logs: 28,
  runTimes: 29,
  nodeEnd: 30,
  transactionInfo: 31,
  counters: 32,
} as const;
export type Kind = typeof Kind[keyof typeof Kind];

/** How urgent a frame is: errors, answers and heartbeats never wait for data, records never wait for files. */
export const Lane = { urgent: 0, record: 1, bulk: 2 } as const;
export type Lane = typeof Lane[keyof typeof Lane];

/** A frame without what a connection adds: lane, number, parts. */
export interface Message {
  readonly kind: Kind;
  /** The id of the node that it comes from; empty for what concerns only the two ends of a connection. */
  readonly origin: string;
  /** The flow or file that it belongs to; for run and ran, the number of the run. */
  readonly name: string;
  readonly payload: Uint8Array;
}

/** An envelope around a payload. */
export interface Frame extends Message {
  readonly lane: Lane;
  /** Sequence number within its origin and lane, from 1; 0 in the urgent lane. */
  readonly number: number;
  /** The payload continues in the next frame of this kind, origin and name. */
  readonly more: boolean;
}

/** A lane whose frames wait for credit: records or bulk. */
export type DataLane = Exclude<Lane, typeof Lane.urgent>;

/** The size limit of a frame with its envelope, in bytes: a larger one would keep urgent frames waiting. */
export const MAX_FRAME_BYTES = 64 * 1024;

/** The size limit of a message in several frames, in bytes. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Whether frames of this kind go on to the root, also kinds of later versions. */
export function isResult(kind: number): boolean {
  return kind >= Kind.nodeInfo;
}

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
 * import { decodeFrame, encodeFrame, type Frame, Kind, Lane } from "./frame.ts";
 * const payload = new Uint8Array([1]);
 * const frame: Frame = { kind: Kind.log, lane: Lane.record, origin: "left", name: "", number: 1, more: false, payload };
 * const writer = new ByteWriter();
 * encodeFrame(writer, frame);
 * console.assert(decodeFrame(writer.written()).origin === "left");
 * ```
 */
export function encodeFrame(writer: ByteWriter, frame: Frame): void {
  const { kind, lane, origin, name, number, more, payload } = frame;
  writeUint32(writer, 1, kind);
  writeUint32(writer, 2, lane);
  writeString(writer, 3, origin);
  writeString(writer, 4, name);
  if (number < 0x100000000) writeUint32(writer, 5, number);
  else writeInt64(writer, 5, BigInt(number));
  writeBool(writer, 6, more);
  writeBytes(writer, 7, payload);
}

/** The most bytes that the envelope of a frame takes. */
export function envelopeBytes(origin: string, name: string): number {
  // Kind and lane, number, more, and the tag and length of the payload; a UTF-16 unit takes three bytes at most.
  return 4 + 11 + 2 + 6 + 12 + (origin.length + name.length) * 3;
}

/**
 * Decodes a frame. Its payload is a view of the bytes.
 *
 * @throws {WireError} if the bytes are not a frame
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  return readFrame(sharedReader.reset(bytes));
}

/**
 * Decodes the frame from the cursor to the cursor's end. Its payload is a view of the same bytes. Unknown fields are
 * skipped.
 *
 * @throws {WireError} if the bytes are not a frame
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
