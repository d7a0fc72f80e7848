/**
 * Test packets of STAMP, the Simple Two-Way Active Measurement Protocol: RFC 8762, with the session identifier and the
 * extensions of RFC 8972. All numbers are big endian; what is not named is zero.
 *
 *     sender's   reflector's   in authenticated mode
 *     0          0             0    sequence number u32: the sender's; the reflector's own, or the sender's once more
 *     4          4             16   timestamp, 8 bytes: when it was sent
 *     12         12            24   error estimate u16
 *     14         14            26   session identifier (SSID) u16; 0 without one
 *                16            32   when the reflector received what this answers
 *                24            48   the sender's sequence number u32
 *                28            64   the sender's timestamp
 *                36            72   the sender's error estimate u16
 *                40            80   TTL or hop limit u8 that the sender's packet arrived with; 255 where it is not known
 *                              96   the first 16 bytes of the HMAC-SHA256 of bytes 0 to 95
 *     44         44            112  extensions: flags u8, type u8, length u16, and the bytes of that length
 *
 * Packets of TWAMP (RFC 5357) have the same places, their replies may end behind the TTL; they have padding where STAMP has
 * extensions.
 *
 * @module
 */
import type { Hmac } from "../hmac.ts";

/** The port of STAMP and TWAMP: RFC 8762, 4.1. */
export const STAMP_PORT = 862;

/** Where the parts of test packets are, in bytes. */
export interface TestPacketLayout {
  /** The length without extensions. */
  readonly bytes: number;
  /** The length of the shortest packet that may be reflected, and of the shortest reply. */
  readonly leastBytes: number;
  readonly timestamp: number;
  readonly error: number;
  readonly ssid: number;
  readonly received: number;
  readonly senderNumber: number;
  readonly senderTimestamp: number;
  readonly senderError: number;
  readonly hops: number;
}

/** Test packets without signature. */
export const OPEN_LAYOUT: TestPacketLayout = {
  bytes: 44,
  leastBytes: 41,
  timestamp: 4,
  error: 12,
  ssid: 14,
  received: 16,
  senderNumber: 24,
  senderTimestamp: 28,
  senderError: 36,
  hops: 40,
};

/** Test packets that are signed: authenticated mode. */
export const SIGNED_LAYOUT: TestPacketLayout = {
  bytes: 112,
  leastBytes: 112,
  timestamp: 16,
  error: 24,
  ssid: 26,
  received: 32,
  senderNumber: 48,
  senderTimestamp: 64,
  senderError: 72,
  hops: 80,
};

const SIGNED_BYTES = 96;
const SIGNATURE_BYTES = 16;

/** Returns the layout of packets that are signed or not. */
export function layoutOf(signed: boolean): TestPacketLayout {
  return signed ? SIGNED_LAYOUT : OPEN_LAYOUT;
}

/** Signs the packet at `at`. */
export function signTestPacket(hmac: Hmac, bytes: Uint8Array, at: number): void {
  hmac.sign(bytes, at, at + SIGNED_BYTES, at + SIGNED_BYTES, SIGNATURE_BYTES);
}

/** Whether the signature of a packet, of 112 bytes or more, is that of this key. */
export function isTestPacketSigned(hmac: Hmac, bytes: Uint8Array): boolean {
  return hmac.verify(bytes, 0, SIGNED_BYTES, SIGNED_BYTES, SIGNATURE_BYTES);
}

/** The head of an extension: flags, type, length. */
export const EXTENSION_HEAD_BYTES = 4;
/** A flag of an extension: the reflector does not know its type. A sender sets it as well. */
const UNRECOGNIZED = 0x80;
/** A flag: its length cannot be. */
const MALFORMED = 0x40;
/** Types of extensions: padding, and what the rest of a TWAMP packet of zeros looks like. */
const RESERVED = 0, EXTRA_PADDING = 1;

/**
 * Writes what a sender's packet has in front of its padding: the Extra Padding of RFC 8972 (4.1). A reflector of TWAMP
 * takes it for padding too. Up to three bytes, which are too few for an extension, are zeros.
 *
 * @param at where extensions begin
 * @param end where the packet ends
 */
export function writePaddingHead(view: DataView, at: number, end: number): void {
  if (end - at < EXTENSION_HEAD_BYTES) {
    for (let i = at; i < end; i++) view.setUint8(i, 0);
    return;
  }
  view.setUint8(at, UNRECOGNIZED);
  view.setUint8(at + 1, EXTRA_PADDING);
  view.setUint16(at + 2, end - at - EXTENSION_HEAD_BYTES);
}

/**
 * Sets the flags of the extensions of a reply, which are those of the packet that it answers: of padding, that it is
 * known; of all others, that they are not; of one that is longer than the packet, that it is malformed (RFC 8972, 4).
 *
 * @param at where extensions begin
 * @param end where the packet ends
 */
export function answerExtensions(view: DataView, at: number, end: number): void {
  while (at + EXTENSION_HEAD_BYTES <= end) {
    const type = view.getUint8(at + 1), next = at + EXTENSION_HEAD_BYTES + view.getUint16(at + 2);
    if (type === RESERVED) return;
    if (next > end) return view.setUint8(at, MALFORMED);
    view.setUint8(at, type === EXTRA_PADDING ? 0 : UNRECOGNIZED);
    at = next;
  }
}

/**
 * Follows sequence numbers of 32 bits beyond these: each is taken for the one that is nearest to the highest so far.
 *
 * @example
 * ```ts
 * import { LongNumbers } from "./test_packet.ts";
 * const numbers = new LongNumbers(2 ** 32 - 2);
 * console.assert(numbers.of(2 ** 32 - 1) === 2 ** 32 - 1 && numbers.of(0) === 2 ** 32);
 * console.assert(numbers.of(2 ** 32 - 1) === 2 ** 32 - 1);
 * ```
 */
export class LongNumbers {
  #highest: number;

  /** @param start a number that is near to the first one */
  constructor(start = 0) {
    this.#highest = start;
  }

  /** The number behind its last 32 bits; below 0 for one before the first. */
  of(bits: number): number {
    const number = this.#highest + (bits - this.#highest % 2 ** 32 | 0);
    if (number > this.#highest) this.#highest = number;
    return number;
  }
}
