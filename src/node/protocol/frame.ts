/**
 * Frames of the node protocol, see node.proto.
 *
 * @module
 */

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
} as const;
export type Kind = typeof Kind[keyof typeof Kind];

/** How urgent a frame is. Errors, answers and heartbeats never wait for data, nor samples for files. */
export const Lane = { urgent: 0, record: 1, bulk: 2 } as const;
export type Lane = typeof Lane[keyof typeof Lane];

/** A frame without the place that a connection gives it: its lane, its number, its parts. */
export interface Message {
  readonly kind: Kind;
  /** The id of the node that it arose on; empty for what only concerns the two ends of a connection. */
  readonly origin: string;
  /** The flow or file that it belongs to; the number of a run for run and ran. */
  readonly name: string;
  readonly payload: Uint8Array;
}

/** An envelope around a payload. */
export interface Frame extends Message {
  readonly lane: Lane;
  /** The how manieth frame of its origin it is in its lane, from 1 on; 0 in the urgent lane. */
  readonly number: number;
  /** The payload goes on in the next frame of this kind, origin and name. */
  readonly more: boolean;
}

/** A lane whose frames wait for credit: records or bulk. */
export type DataLane = Exclude<Lane, typeof Lane.urgent>;

/** What a frame takes at most, envelope included: more would keep urgent ones waiting. */
export const MAX_FRAME_BYTES = 64 * 1024;

/** What a message in several frames takes at most. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Whether frames of this kind go on to the root: also those that only a later version knows. */
export function isResult(kind: number): boolean {
  return kind >= Kind.nodeInfo;
}

/** The lane of each kind. */
export function laneOf(kind: Kind): Lane {
  switch (kind) {
    case Kind.fileData:
      return Lane.bulk;
    case Kind.log:
    case Kind.logs:
    case Kind.sysInfo:
    case Kind.feedback:
    case Kind.streamInfo:
    case Kind.packetInfo:
    case Kind.records:
      return Lane.record;
    default:
      return Lane.urgent;
  }
}
