/**
 * Packets that open and close flows. After the header, of which all times are zero, a packet that opens has:
 *
 *     56 the client's nonce, 16 bytes
 *     72 the server's cookie, 16 bytes; zeros where it is not known yet
 *     88 in a reply: 0 if it is granted, 1 if it is refused; else 0
 *     89 length u16, and a text of that length: the settings of the flow as JSON; in a reply why it was refused, or the mark of
 *        the server's clock
 *     in the reply to what starts a flow, behind the text: length u16, and what the server lets the flow have as JSON; 0:
 *        as much as it asks for
 *
 * Number 0 is the hello, number 1 starts the flow. A packet that closes is sent for each sender, has the times of
 * other packets and the attempt as its number; its reply then has numbers of 64 bits, the request zeros:
 *
 *     56 of the sender's packets, those received, each counted once; and those that came again
 *     72 of the server's sender, those sent; those that could not be; those that were due but not sent
 *     96 packets that the server's socket had no room for; packets of the flow that were not signed as they should be
 *     112 of the packets of a sender that wants no echo: those received, and those of them that were reordered
 *     128 their delays in ns, by the clock of each end, with sign: least, mean, greatest
 *     152 how many neighbours arrived one after the other; the difference of their delays in ns: least, mean, greatest
 *     184 the jitter of RFC 3550 in ns
 *     192 one more than the sender's packets that arrived marked "congestion experienced"; 0 where marks are not seen
 *     200 echoes of the sender's packets that could not be sent
 *     208 u8: 1 if the server had trouble with sending, 2 if its senders have ended for that, else 0
 *     209 length u16, and a text of that length: the first error of sending
 *
 * If they are signed, the last 16 bytes are the beginning of the HMAC of all between the magic and them. A request is
 * as long as its reply. Ends of earlier versions send packets that close without what stands from 192 on, and are
 * answered like that. A reply to no request, with 0 as its number, informs a client at once that the server's senders have
 * ended; it is sent to clients that ask for it when they open the flow.
 *
 * @module
 */
import type { Hmac } from "../hmac.ts";
import type { ArrivalTotals } from "../report.ts";
import { type FlowLimits, readLimits } from "../serving_limits.ts";
import {
  AT_SERVER_TIME,
  AT_TIME,
  CLOSE,
  flagsOf,
  type FlowName,
  headerBytes,
  OPEN,
  PACKET_HEADER_BYTES,
  REPLY,
  REVERSE,
  SIGNATURE_BYTES,
  SIGNED,
  signHeader,
  wide,
  type WireTime,
  writeHeader,
} from "./header.ts";
import { NONCE_BYTES } from "./cookies.ts";

const AT_NONCE = PACKET_HEADER_BYTES;
const AT_COOKIE = AT_NONCE + NONCE_BYTES;
const AT_STATUS = AT_COOKIE + NONCE_BYTES;
const AT_TEXT_LENGTH = AT_STATUS + 1;
const LENGTH_BYTES = 2;
const AT_TEXT = AT_TEXT_LENGTH + LENGTH_BYTES;
const SHORT_CLOSE_NUMBERS = 17;
const CLOSE_NUMBERS = 19;
const AT_TROUBLE = PACKET_HEADER_BYTES + 8 * CLOSE_NUMBERS;
const AT_TROUBLE_LENGTH = AT_TROUBLE + 1;
const AT_TROUBLE_TEXT = AT_TROUBLE_LENGTH + 2;
/** In place of a kind of trouble: all was sent. */
const ENDED = 3;
/** Where among them the delays stand. */
const [FIRST_DELAY, LAST_DELAY] = [9, 11];

/** The shortest packet that opens, in bytes: its reply has room for a sentence. */
export const MIN_OPEN_BYTES = 400;
/** The longest one, in bytes: it passes wherever IPv6 does. */
export const MAX_CONTROL_BYTES = 1200;
/** The length of packets that close. */
export const CLOSE_BYTES = 512;
/** Where the MTU of the path stands in them, behind the text of the trouble. */
const AT_PATH_MTU = CLOSE_BYTES - SIGNATURE_BYTES - 4;
/** Their length at ends of earlier versions. */
export const SHORT_CLOSE_BYTES = PACKET_HEADER_BYTES + SHORT_CLOSE_NUMBERS * 8 + SIGNATURE_BYTES;
/** The most text that fits a packet that opens, in bytes. */
export const MAX_OPEN_TEXT_BYTES = MAX_CONTROL_BYTES - AT_TEXT - SIGNATURE_BYTES;

/** The number of the hello. */
export const HELLO = 0;
/** The number of the packet that starts the flow. */
export const START = 1;

/** The content of a packet that opens. */
export interface OpenPacket {
  /** {@linkcode HELLO} or {@linkcode START}. */
  readonly stage: number;
  readonly nonce: Uint8Array;
  readonly cookie: Uint8Array;
  readonly refused: boolean;
  readonly text: string;
  /** What the server lets the flow have, in its answer to what starts it; absent: as much as it asks for. */
  readonly limits?: FlowLimits;
}

/** Counts of one sender in the reply to a packet that closes. */
export interface Totals {
  /** Packets that the server received, each counted once. */
  readonly received: number;
  /** Packets that came again. */
  readonly duplicates: number;
  /** Packets that the server's own sender sent. */
  readonly reverseSent: number;
  /** Packets that it could not send. */
  readonly reverseSendErrors: number;
  /** Packets that were due, but that it did not get to. */
  readonly reverseUnsent: number;
  /** Packets, of whatever flow, that the server's socket had no room for while the flow went on. */
  readonly socketDrops: number;
  /** Packets of the flow, of any sender, that were not signed as they should be. */
  readonly bad: number;
  /** When the sender's packets arrived; absent if no packet did, or they were echoed. */
  readonly arrivals?: ArrivalTotals;
  /** Packets that arrived marked "congestion experienced", each counted once; absent where the server does not see it. */
  readonly marked?: number;
  /** Echoes that the server could not send; absent where it does not report them. */
  readonly echoErrors?: number;
  /** What kept the server from sending, if anything did. */
  readonly trouble?: SendFailure;
  /** The MTU of the path to the client as the server's system knows it, with the IP header; absent where it does not. */
  readonly pathMtuBytes?: number;
  /** The server's senders have sent all packets or bytes that they were to send. */
  readonly ended?: boolean;
}

/** What keeps a server from sending the packets of a flow. */
export interface SendFailure {
  /** The first error, as a sentence without an end. */
  readonly text: string;
  /** Whether its senders have ended for that. */
  readonly fatal: boolean;
}

/**
 * Makes a packet that opens.
 *
 * @param hmac of the key of the run, if there is one
 * @param lengthBytes of the packet; text that does not fit is cut
 */
export function openPacket(
  flow: FlowName,
  opening: OpenPacket,
  hmac: Hmac | undefined,
  lengthBytes: number,
  reply: boolean,
): Uint8Array<ArrayBuffer> {
  const { bytes, view } = blank(lengthBytes);
  const flags = OPEN | (reply ? REPLY : 0) | signedFlag(hmac);
  writeHeader(view, 0, { flags, sender: 0, length: lengthBytes, number: opening.stage, count: 0, flow });
  bytes.set(opening.nonce, AT_NONCE);
  bytes.set(opening.cookie, AT_COOKIE);
  bytes[AT_STATUS] = opening.refused ? 1 : 0;
  const room = bytes.subarray(AT_TEXT, lengthBytes - SIGNATURE_BYTES);
  const { written } = new TextEncoder().encodeInto(opening.text, room);
  view.setUint16(AT_TEXT_LENGTH, written);
  if (opening.limits !== undefined) {
    const limits = new TextEncoder().encode(JSON.stringify(opening.limits));
    if (written + LENGTH_BYTES + limits.length <= room.length) {
      view.setUint16(AT_TEXT + written, limits.length);
      room.set(limits, written + LENGTH_BYTES);
    }
  }
  seal(bytes, hmac);
  return bytes;
}

/** Returns the length of a packet with this text, in bytes. */
export function openBytesFor(text: string): number {
  return Math.max(MIN_OPEN_BYTES, AT_TEXT + new TextEncoder().encode(text).length + SIGNATURE_BYTES);
}

/** Reads a packet that opens; undefined for any other packet. */
export function readOpening(view: DataView, lengthBytes: number): OpenPacket | undefined {
  if (lengthBytes < MIN_OPEN_BYTES || lengthBytes > MAX_CONTROL_BYTES) return undefined;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, lengthBytes);
  const textBytes = view.getUint16(AT_TEXT_LENGTH);
  if (AT_TEXT + textBytes + SIGNATURE_BYTES > lengthBytes) return undefined;
  const stage = wide(view, 8);
  if (stage !== HELLO && stage !== START) return undefined;
  return {
    stage,
    nonce: bytes.slice(AT_NONCE, AT_NONCE + NONCE_BYTES),
    cookie: bytes.slice(AT_COOKIE, AT_COOKIE + NONCE_BYTES),
    refused: bytes[AT_STATUS] !== 0,
    text: new TextDecoder().decode(bytes.subarray(AT_TEXT, AT_TEXT + textBytes)),
    ...limitsIn(view, bytes, AT_TEXT + textBytes),
  };
}

/** Reads what stands behind the text; ends of earlier versions have zeros there. */
function limitsIn(view: DataView, bytes: Uint8Array, at: number): Pick<OpenPacket, "limits"> {
  const start = at + LENGTH_BYTES, end = bytes.length - SIGNATURE_BYTES;
  const length = start <= end ? view.getUint16(at) : 0;
  if (length === 0 || start + length > end) return {};
  try {
    return { limits: readLimits(JSON.parse(new TextDecoder().decode(bytes.subarray(start, start + length)))) };
  } catch {
    return {}; // It is of another version.
  }
}

/** What a packet that closes is made of. */
export interface ClosingPacket {
  readonly flow: FlowName;
  readonly sender: number;
  /** Of the key of the flow, if there is one. */
  readonly hmac: Hmac | undefined;
  /** Which attempt it is, from 1 on; a reply has that of the request. */
  readonly attempt: number;
  /** Writes times. */
  readonly time: WireTime;
  /** When the request is sent; of a reply, when that was received. */
  readonly t: number;
  readonly reply?: {
    readonly totals: Totals;
    /** When the reply is sent. */
    readonly sent: number;
  };
  /** Default: {@linkcode CLOSE_BYTES}; a reply to a client of an earlier version has {@linkcode SHORT_CLOSE_BYTES}. */
  readonly lengthBytes?: number;
}

/** Makes a packet that closes. */
export function closePacket(packet: ClosingPacket): Uint8Array<ArrayBuffer> {
  const { flow, sender, hmac, attempt, time, t, reply, lengthBytes = CLOSE_BYTES } = packet;
  const { bytes, view } = blank(lengthBytes);
  const flags = CLOSE | (reply === undefined ? 0 : REPLY) | signedFlag(hmac);
  writeHeader(view, 0, { flags, sender, length: lengthBytes, number: attempt, count: 0, flow });
  time.write(view, AT_TIME, t);
  if (reply !== undefined) {
    time.write(view, AT_SERVER_TIME, reply.sent);
    for (const [i, number] of numbersOf(reply.totals).entries()) setSigned(view, PACKET_HEADER_BYTES + 8 * i, number);
    if (lengthBytes === CLOSE_BYTES) writeMore(bytes, view, reply.totals);
  }
  seal(bytes, hmac);
  return bytes;
}

/** Reads the reply to a packet that closes; undefined for any other packet. */
export function readTotals(view: DataView, lengthBytes: number): Totals | undefined {
  if (lengthBytes !== CLOSE_BYTES && lengthBytes !== SHORT_CLOSE_BYTES) return undefined;
  const length = lengthBytes === CLOSE_BYTES ? CLOSE_NUMBERS : SHORT_CLOSE_NUMBERS;
  const numbers = Array.from({ length }, (_, i) => signed(view, PACKET_HEADER_BYTES + 8 * i));
  // Clocks may be apart either way; nothing else is below zero.
  if (numbers.some((number, i) => number < 0 && (i < FIRST_DELAY || i > LAST_DELAY))) return undefined;
  const [received, duplicates, reverseSent, reverseSendErrors, reverseUnsent, socketDrops, bad] = numbers;
  const arrivals = arrivalsOf(numbers.slice(7, SHORT_CLOSE_NUMBERS));
  const known = { received, duplicates, reverseSent, reverseSendErrors, reverseUnsent, socketDrops, bad, arrivals };
  if (lengthBytes === SHORT_CLOSE_BYTES) return known;
  const [marks, echoErrors] = numbers.slice(SHORT_CLOSE_NUMBERS);
  return {
    ...known,
    marked: marks > 0 ? marks - 1 : undefined,
    echoErrors,
    trouble: readTrouble(view),
    ...view.getUint8(AT_TROUBLE) === ENDED && { ended: true },
    ...readPathMtu(view),
  };
}

/** Writes what packets of earlier versions do not have. */
function writeMore(
  bytes: Uint8Array,
  view: DataView,
  { marked, echoErrors = 0, trouble, ended, pathMtuBytes = 0 }: Totals,
): void {
  setSigned(view, PACKET_HEADER_BYTES + 8 * SHORT_CLOSE_NUMBERS, marked === undefined ? 0 : marked + 1);
  setSigned(view, PACKET_HEADER_BYTES + 8 * (SHORT_CLOSE_NUMBERS + 1), echoErrors);
  view.setUint32(AT_PATH_MTU, pathMtuBytes);
  if (trouble === undefined) {
    bytes[AT_TROUBLE] = ended ? ENDED : 0;
    return;
  }
  bytes[AT_TROUBLE] = trouble.fatal ? 2 : 1;
  const room = bytes.subarray(AT_TROUBLE_TEXT, AT_PATH_MTU);
  view.setUint16(AT_TROUBLE_LENGTH, new TextEncoder().encodeInto(trouble.text, room).written);
}

function readPathMtu(view: DataView): { readonly pathMtuBytes?: number } {
  // The text of an end of an earlier version may stand there.
  const isText = AT_TROUBLE_TEXT + view.getUint16(AT_TROUBLE_LENGTH) > AT_PATH_MTU;
  const pathMtuBytes = isText ? 0 : view.getUint32(AT_PATH_MTU);
  return pathMtuBytes > 0 ? { pathMtuBytes } : {};
}

function readTrouble(view: DataView): SendFailure | undefined {
  const kind = view.getUint8(AT_TROUBLE), length = view.getUint16(AT_TROUBLE_LENGTH);
  if (kind === 0 || kind === ENDED || AT_TROUBLE_TEXT + length > CLOSE_BYTES - SIGNATURE_BYTES) return undefined;
  const bytes = new Uint8Array(view.buffer, view.byteOffset + AT_TROUBLE_TEXT, length);
  return { text: new TextDecoder().decode(bytes), fatal: kind === 2 };
}

function numbersOf(totals: Totals): number[] {
  const { received, duplicates, reverseSent, reverseSendErrors, reverseUnsent, socketDrops, bad, arrivals } = totals;
  const numbers = [received, duplicates, reverseSent, reverseSendErrors, reverseUnsent, socketDrops, bad];
  if (arrivals === undefined) return numbers;
  const { reordered, delay, ipdv = { count: 0, min: 0, mean: 0, max: 0 }, jitterNanos } = arrivals;
  numbers.push(delay.count, reordered, delay.min, delay.mean, delay.max);
  numbers.push(ipdv.count, ipdv.min, ipdv.mean, ipdv.max, jitterNanos);
  return numbers;
}

function arrivalsOf(numbers: readonly number[]): ArrivalTotals | undefined {
  const [count, reordered, min, mean, max, pairs, leastDifference, meanDifference, mostDifference, jitterNanos] =
    numbers;
  if (count <= 0) return undefined;
  return {
    reordered,
    delay: { count, min, mean, max },
    ipdv: pairs > 0 ? { count: pairs, min: leastDifference, mean: meanDifference, max: mostDifference } : undefined,
    jitterNanos,
  };
}

/** Writes a number of either sign, to the nearest whole one; not above 2^53. */
function setSigned(view: DataView, at: number, value: number): void {
  const whole = Math.round(value);
  view.setInt32(at, Math.floor(whole / 2 ** 32));
  view.setUint32(at + 4, whole);
}

function signed(view: DataView, at: number): number {
  return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
}

/** Whether a packet that opens or closes is signed with this key; without a key, whether it is unsigned. */
export function isSealed(view: DataView, lengthBytes: number, hmac: Hmac | undefined): boolean {
  const signed = (flagsOf(view, 0) & SIGNED) !== 0;
  if (hmac === undefined || !signed) return hmac === undefined && !signed;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, lengthBytes);
  return hmac.verify(bytes, 4, lengthBytes - SIGNATURE_BYTES, lengthBytes - SIGNATURE_BYTES, SIGNATURE_BYTES);
}

/** Signs a packet that opens or closes; without a key, leaves it. */
export function seal(bytes: Uint8Array, hmac: Hmac | undefined): void {
  const end = bytes.length - SIGNATURE_BYTES;
  hmac?.sign(bytes, 4, end, end, SIGNATURE_BYTES);
}

/** Returns the flag of packets that are signed, if they are. */
export function signedFlag(hmac: Hmac | undefined): number {
  return hmac === undefined ? 0 : SIGNED;
}

function blank(lengthBytes: number): { bytes: Uint8Array<ArrayBuffer>; view: DataView<ArrayBuffer> } {
  const bytes = new Uint8Array(lengthBytes);
  return { bytes, view: new DataView(bytes.buffer) };
}

/**
 * Makes a keepalive: the client is alive, and still wants what the server sends.
 *
 * @param number higher than those before: what was recorded earlier does not count
 */
export function keepalivePacket(flow: FlowName, number: number, hmac: Hmac | undefined): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(headerBytes(hmac !== undefined));
  const flags = REVERSE | (hmac === undefined ? 0 : SIGNED);
  writeHeader(new DataView(bytes.buffer), 0, { flags, sender: 0, length: bytes.length, number, count: 0, flow });
  if (hmac !== undefined) signHeader(hmac, bytes, 0);
  return bytes;
}
