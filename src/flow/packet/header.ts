/**
 * What every packet starts with. All numbers are big endian.
 *
 *     0  magic u32, "tine"
 *     4  flags u8, sender u8, length u16: of the whole packet, so that a cut one is known
 *     8  number u64: counted by the sender
 *     16 time u64, ns since 1970: of a reply, when the server received the request; of all others, when it was sent
 *     24 time u64: of a reply, when the server sent it; of a packet of the server's sender, when that was due
 *     32 count u64: of a reply, how many packets of the sender the server has received, each counted once
 *     40 the flow's id, padded with zeros to 16 bytes
 *     56 if it is signed: the first 16 bytes of the HMAC-SHA256 of bytes 4 to 55
 *
 * Then come zeros up to its length. Packets that open and close flows have more content, see control_packet.ts.
 *
 * @module
 */
import { FLOW_ID } from "../../base/limits.ts";
import type { Hmac } from "../hmac.ts";
import { TineError } from "../../base/errors.ts";

/** The length of the header without a signature, in bytes. */
export const PACKET_HEADER_BYTES = 56;
/** The length of a signature. */
export const SIGNATURE_BYTES = 16;
/** The length of the header with a signature, in bytes. */
export const SIGNED_HEADER_BYTES = PACKET_HEADER_BYTES + SIGNATURE_BYTES;

/** The maximum number of senders of a flow: packets name them with a byte. */
export const MAX_SENDERS = 256;

/** A flag: the client wants the packet back. */
export const ECHO = 1;
/** A flag: what the server answers. */
export const REPLY = 2;
/** A flag: opens a flow. */
export const OPEN = 4;
/** A flag: of packets from a sender at the server, and of the client's keepalives. */
export const REVERSE = 8;
/** A flag: closes a flow. */
export const CLOSE = 16;
/** A flag: of announcements to a group and reports of its receivers, see src/flow/multicast. */
export const GROUP = 32;
/** A flag: it is signed. */
export const SIGNED = 128;

const MAGIC = 0x74696e65;
const AT_FLAGS = 4;
const AT_SENDER = 5;
const AT_LENGTH = 6;
const AT_NUMBER = 8;
const AT_FLOW = 40;
/** Where the first time stands. */
export const AT_TIME = 16;
/** Where the second time stands. */
export const AT_SERVER_TIME = 24;
const AT_COUNT = 32;

/** The bound of exact numbers, which no flow reaches. */
const MAX_HIGH = 2 ** 21;

/** The length of the header of packets that are signed or not, in bytes. */
export function headerBytes(signed: boolean): number {
  return signed ? SIGNED_HEADER_BYTES : PACKET_HEADER_BYTES;
}

/** What a header has, without times and signature. Senders of many packets fill the same object again and again. */
export interface PacketHeader {
  flags: number;
  /** The index of the sender. */
  sender: number;
  /** Of the whole packet, in bytes. */
  length: number;
  number: number;
  /** Of a reply: packets of the sender that the server has received; else 0. */
  count: number;
  flow: FlowName;
}

/**
 * Writes all but the times and the signature.
 *
 * @param at where the packet starts
 */
export function writeHeader(
  view: DataView,
  at: number,
  { flags, sender, length, number, count, flow }: Readonly<PacketHeader>,
): void {
  view.setUint32(at, MAGIC);
  view.setUint32(at + AT_FLAGS, (flags << 24 | sender << 16 | length) >>> 0);
  setWide(view, at + AT_NUMBER, number);
  view.setUint32(at + AT_TIME, 0);
  view.setUint32(at + AT_TIME + 4, 0);
  view.setUint32(at + AT_SERVER_TIME, 0);
  view.setUint32(at + AT_SERVER_TIME + 4, 0);
  setWide(view, at + AT_COUNT, count);
  flow.write(view, at + AT_FLOW);
}

/**
 * Whether a packet starts here: the magic, a whole length, room for the signature if it claims one, numbers in bounds.
 *
 * @param received its length in bytes, as the network gave it
 */
export function isPacket(view: DataView, at: number, received: number): boolean {
  return received >= PACKET_HEADER_BYTES && view.getUint32(at) === MAGIC &&
    view.getUint16(at + AT_LENGTH) === received &&
    ((view.getUint8(at + AT_FLAGS) & SIGNED) === 0 || received >= SIGNED_HEADER_BYTES) &&
    view.getUint32(at + AT_NUMBER) < MAX_HIGH && view.getUint32(at + AT_COUNT) < MAX_HIGH;
}

/** The flags of the packet at `at`. */
export function flagsOf(view: DataView, at: number): number {
  return view.getUint8(at + AT_FLAGS);
}

/** The index of the sender that the packet is of. */
export function senderOf(view: DataView, at: number): number {
  return view.getUint8(at + AT_SENDER);
}

/** The number of the packet at `at`. */
export function numberOf(view: DataView, at: number): number {
  return wide(view, at + AT_NUMBER);
}

/** The count in the packet at `at`. */
export function countOf(view: DataView, at: number): number {
  return wide(view, at + AT_COUNT);
}

/** Whether the packet at `at` is of a flow. Allocates nothing. */
export function isOfFlow(view: DataView, at: number, flow: FlowName): boolean {
  return flow.standsIn(view, at + AT_FLOW);
}

/** Where in a packet the flow's id stands. */
export function flowPlace(at: number): number {
  return at + AT_FLOW;
}

/** Signs the header at `at`, which has the flag of signed ones. */
export function signHeader(hmac: Hmac, bytes: Uint8Array, at: number): void {
  hmac.sign(bytes, at + AT_FLAGS, at + PACKET_HEADER_BYTES, at + PACKET_HEADER_BYTES, SIGNATURE_BYTES);
}

/** Whether the signature of the header at `at` is that of this key; takes the same time wherever it differs. */
export function isHeaderSigned(hmac: Hmac, bytes: Uint8Array, at: number): boolean {
  return hmac.verify(bytes, at + AT_FLAGS, at + PACKET_HEADER_BYTES, at + PACKET_HEADER_BYTES, SIGNATURE_BYTES);
}

/** Writes a whole number of 64 bits; not above 2^53. */
export function setWide(view: DataView, at: number, value: number): void {
  view.setUint32(at, value / 2 ** 32);
  view.setUint32(at + 4, value);
}

/** Reads a whole number of 64 bits; exact up to 2^53. */
export function wide(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}

const BYTES = 16;

/** The id of a flow as it stands in packets: 16 bytes, which are written and compared as four words. */
export class FlowName {
  readonly #words = new Uint32Array(BYTES / 4);

  /**
   * @param text e.g. `voip.1`
   * @throws {TineError} `bad-flow-id`
   */
  constructor(readonly text: string) {
    if (!FLOW_ID.test(text)) {
      throw new TineError("bad-flow-id", `"${text}" is not the id of a flow: expected ${FLOW_ID.source}`);
    }
    const bytes = new DataView(new ArrayBuffer(BYTES));
    for (let i = 0; i < text.length; i++) bytes.setUint8(i, text.charCodeAt(i));
    for (let i = 0; i < this.#words.length; i++) this.#words[i] = bytes.getUint32(4 * i);
  }

  /** Reads an id; undefined where there is no valid one. */
  static read(view: DataView, at: number): FlowName | undefined {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, BYTES);
    const end = bytes.indexOf(0);
    const text = String.fromCharCode(...bytes.subarray(0, end < 0 ? BYTES : end));
    if (!FLOW_ID.test(text)) return undefined;
    const name = new FlowName(text);
    return name.standsIn(view, at) ? name : undefined;
  }

  /** Writes its 16 bytes. */
  write(view: DataView, at: number): void {
    const words = this.#words;
    view.setUint32(at, words[0]);
    view.setUint32(at + 4, words[1]);
    view.setUint32(at + 8, words[2]);
    view.setUint32(at + 12, words[3]);
  }

  /** Whether its 16 bytes stand there. */
  standsIn(view: DataView, at: number): boolean {
    const words = this.#words;
    return view.getUint32(at) === words[0] && view.getUint32(at + 4) === words[1] &&
      view.getUint32(at + 8) === words[2] && view.getUint32(at + 12) === words[3];
  }
}

/** What peers claim is cut to this, in nanoseconds, some 52 days: sums of it stay exact. */
const MAX_DISTANCE = 2 ** 52;

/** The distance between two times of which one is claimed by a peer; cut to some 52 days. */
export function limitedDistance(nanos: number): number {
  return nanos > MAX_DISTANCE ? MAX_DISTANCE : nanos < -MAX_DISTANCE ? -MAX_DISTANCE : nanos;
}

/**
 * Times in packets, in nanoseconds since 1970 as 64 bits. They are given and taken as the distance from a moment, which
 * is exact as a number for 104 days; bigints are too slow for every packet.
 *
 * @example
 * ```ts
 * import { WireTime } from "./header.ts";
 * const time = new WireTime(1_700_000_000_000_000_000n);
 * const packet = new DataView(new ArrayBuffer(8));
 * time.write(packet, 0, 1500);
 * console.assert(packet.getBigUint64(0) === 1_700_000_000_000_001_500n && time.read(packet, 0) === 1500);
 * ```
 */
export class WireTime {
  readonly #high: number;
  readonly #low: number;

  /** @param tinit the moment, in nanoseconds since 1970 */
  constructor(readonly tinit: bigint) {
    this.#high = Number(tinit >> 32n);
    this.#low = Number(tinit & 0xffff_ffffn);
  }

  /** @param t in nanoseconds from the moment on */
  write(view: DataView, at: number, t: number): void {
    view.setUint32(at, this.high(t));
    view.setUint32(at + 4, this.low(t));
  }

  /** The upper 32 bits of a time, for those who write the same into many packets. */
  high(t: number): number {
    return this.#high + Math.floor((this.#low + t) / 2 ** 32);
  }

  /** Its lower 32 bits. */
  low(t: number): number {
    return (this.#low + t) % 2 ** 32 >>> 0;
  }

  /** @returns nanoseconds from the moment on; not exact, and only that, for what is over 104 days away */
  read(view: DataView, at: number): number {
    return (view.getUint32(at) - this.#high) * 2 ** 32 + (view.getUint32(at + 4) - this.#low);
  }
}
