/**
 * The packets that a sender to a group and its receivers exchange beside those that are measured, which are the packets
 * of every UDP flow. There is no handshake: any number of receivers may listen, and they need not answer.
 *
 * The sender announces its flow to the group four times a second: its settings, and how many packets it has sent by
 * then, so that a receiver that comes late knows which packets it can have. At the end it announces the counts of all
 * packets, several times. Where both have a key, a receiver reports to the sender what it has counted, and the sender
 * acknowledges that.
 *
 * **Safety.** A packet to a group that claims the address of a victim would have all receivers answer there. So
 * receivers answer only to announcements that are signed with the key that they share with the sender, and only if the
 * address in the signed text is that which the packet came from: a recorded announcement is of no use with another
 * address. Without a key a receiver never sends a packet. Reports end after a few that are not acknowledged.
 *
 * After the header such a packet has:
 *
 *     56 the nonce of the flow, 16 bytes, drawn by its sender
 *     72 length u16, and text of that length, JSON: an announcement, or a report
 *
 * and, if it is signed, the first 16 bytes of the HMAC of all between the magic and them at its end. Announcements are
 * signed with the key of the run, all else with that of the flow. An acknowledgement is a header alone, signed as such:
 * its first time is when the report came, its second one when the acknowledgement left.
 *
 * @module
 */
import { TineError } from "../../base/errors.ts";
import { SockAddr } from "../../sys/address.ts";
import { NONCE_BYTES } from "../packet/cookies.ts";
import { MAX_CONTROL_BYTES, seal, signedFlag } from "../packet/control_packet.ts";
import {
  AT_SERVER_TIME,
  AT_TIME,
  CLOSE,
  type FlowName,
  GROUP,
  headerBytes,
  limitedDistance,
  OPEN,
  PACKET_HEADER_BYTES,
  REPLY,
  SIGNATURE_BYTES,
  SIGNED_HEADER_BYTES,
  signHeader,
  type WireTime,
  writeHeader,
} from "../packet/header.ts";
import { type OpenSettings, parseOpenSettings } from "../packet/open_settings.ts";
import type { Hmac } from "../hmac.ts";
import type { ArrivalTotals, TimeSpread } from "../report.ts";

/** The flags of an announcement, and of one at the end. */
export const ANNOUNCE = OPEN | GROUP;
export const END = CLOSE | GROUP;
/** The flags of a report, and of its acknowledgement. */
export const REPORT = CLOSE | REPLY | GROUP;
export const ACKNOWLEDGE = REPLY | GROUP;

const AT_NONCE = PACKET_HEADER_BYTES;
const AT_TEXT_LENGTH = AT_NONCE + NONCE_BYTES;
const AT_TEXT = AT_TEXT_LENGTH + 2;
const OVERHEAD_BYTES = AT_TEXT + SIGNATURE_BYTES;

/**
 * The maximum number of senders of a flow to a group, with those of a warm-up: announcements have the counts of each.
 */
export const MAX_GROUP_SENDERS = 16;

/** The number of packets that a sender has sent, and of those that could not be sent. */
export type SentCounts = readonly [sent: number, errors: number];

/** What a sender announces. */
export interface Announcement {
  readonly settings: OpenSettings;
  /** By sender. */
  readonly counts: readonly SentCounts[];
  /** The number of receivers that report: the more there are, the less often each reports. */
  readonly receivers: number;
  /** Where to report to; absent: reports are not wanted. */
  readonly reportTo?: string;
  /** A mark that only processes with the sender's clock can make, see clockMark(); empty where it is unknown. */
  readonly mark: string;
}

/** What a receiver reports of the packets of one sender. Counts are from the first packet on that it can have got. */
export interface Reception {
  /**
   * The receiver, a random text of its own: its packets may come from other addresses, and such that are replayed from
   * there as well. Absent in reports of receivers of earlier versions.
   */
  readonly receiver?: string;
  /** Whether it is the last report. */
  readonly final: boolean;
  /** Packets that were sent to it: at the end as the sender counts them, before that up to the last one known. */
  readonly expected: number;
  /** Packets that came, each counted once. */
  readonly received: number;
  readonly duplicates: number;
  /** Packets, of any flow, that the receiver's socket had no room for while the flow ran. */
  readonly socketDrops: number;
  /** Packets of the flow that were not signed as they should be. */
  readonly bad: number;
  /** Packets that arrived marked "congestion experienced"; absent where the receiver does not see marks. */
  readonly marked?: number;
  /** When packets arrived; absent if there were no packets. */
  readonly arrivals?: ArrivalTotals;
  /** The receiver is known to have the sender's clock. */
  readonly sharesClock: boolean;
}

/** What a packet with text is made of. */
export interface GroupPacket {
  /** {@linkcode ANNOUNCE}, {@linkcode END} or {@linkcode REPORT}. */
  readonly flags: number;
  readonly flow: FlowName;
  /** Of a report: the sender that it is about. */
  readonly sender?: number;
  /** The sequence number of its origin. */
  readonly number: number;
  readonly nonce: Uint8Array;
  readonly text: string;
  /** Writes when it is sent. */
  readonly time: WireTime;
  readonly t: number;
  readonly hmac: Hmac | undefined;
}

/** Makes a packet with text. */
export function groupPacket(packet: GroupPacket): Uint8Array<ArrayBuffer> {
  const { flags, flow, sender = 0, number, nonce, time, t, hmac } = packet;
  const text = new TextEncoder().encode(packet.text);
  const length = OVERHEAD_BYTES + text.length;
  if (length > MAX_CONTROL_BYTES) {
    throw new TineError("settings-too-long", `what is to be announced of the flow ${flow.text} takes ${length} bytes`);
  }
  const bytes = new Uint8Array(length), view = new DataView(bytes.buffer);
  writeHeader(view, 0, { flags: flags | signedFlag(hmac), sender, length, number, count: 0, flow });
  time.write(view, AT_TIME, t);
  bytes.set(nonce, AT_NONCE);
  view.setUint16(AT_TEXT_LENGTH, text.length);
  bytes.set(text, AT_TEXT);
  seal(bytes, hmac);
  return bytes;
}

/** Reads nonce and text of a packet; undefined for a packet without them. */
export function readGroupPacket(
  view: DataView,
  lengthBytes: number,
): { readonly nonce: Uint8Array<ArrayBuffer>; readonly text: string } | undefined {
  if (lengthBytes < OVERHEAD_BYTES || lengthBytes > MAX_CONTROL_BYTES) return undefined;
  const textBytes = view.getUint16(AT_TEXT_LENGTH);
  if (OVERHEAD_BYTES + textBytes !== lengthBytes) return undefined;
  const bytes = new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, lengthBytes);
  return {
    nonce: bytes.slice(AT_NONCE, AT_TEXT_LENGTH),
    text: new TextDecoder().decode(bytes.subarray(AT_TEXT, AT_TEXT + textBytes)),
  };
}

/** Writes an announcement. */
export function formatAnnouncement({ settings, ...group }: Announcement): string {
  return JSON.stringify({ ...settings, group });
}

/**
 * Reads an announcement; its sender is not known to have the key.
 *
 * @param maxPacketBytes the longest packet that this receiver takes
 * @param signed whether packets are
 * @throws {TineError} `bad-settings`
 */
export function parseAnnouncement(text: string, maxPacketBytes: number, signed: boolean): Announcement {
  const { group, ...settings } = parseOpenSettings(text, maxPacketBytes, signed) as OpenSettings & { group?: unknown };
  const { counts, receivers, reportTo, mark } = Object(group) as Record<string, unknown>;
  const counted = Array.isArray(counts) && counts.length === settings.senders && counts.every(isPair);
  if (!counted || settings.senders > MAX_GROUP_SENDERS) throw bad("the counts of its senders make no sense");
  if (settings.reverse.length > 0) throw bad("it has senders at its receivers");
  if (!isCount(receivers)) throw bad("the number of its receivers makes no sense");
  if (reportTo !== undefined && !isAddress(reportTo)) throw bad("its address for reports is no address");
  if (typeof mark !== "string") throw bad("the mark of its clock is no text");
  return { settings, counts, receivers, ...reportTo !== undefined && { reportTo }, mark };
}

/** Reads a report; undefined for other text. Its sender has the key. */
export function parseReception(text: string): Reception | undefined {
  let given: Record<string, unknown>;
  try {
    given = Object(JSON.parse(text));
  } catch {
    return undefined;
  }
  const { receiver = "", final, expected, received, duplicates, socketDrops, bad, marked, arrivals, sharesClock } =
    given;
  if (typeof receiver !== "string" || typeof final !== "boolean" || typeof sharesClock !== "boolean") return undefined;
  const counts = [expected, received, duplicates, socketDrops, bad, ...marked === undefined ? [] : [marked]];
  if (!counts.every(isCount) || arrivals !== undefined && !isArrivals(arrivals)) return undefined;
  return given as unknown as Reception;
}

function isArrivals(given: unknown): given is ArrivalTotals {
  const { reordered, delay, ipdv, jitterNanos } = Object(given) as Record<string, unknown>;
  return isCount(reordered) && isSpread(delay) && (ipdv === undefined || isSpread(ipdv)) &&
    Number.isFinite(jitterNanos);
}

function isSpread(given: unknown): given is TimeSpread {
  const { count, min, mean, max } = Object(given) as Record<string, unknown>;
  return isCount(count) && [min, mean, max].every(Number.isFinite);
}

function isPair(given: unknown): given is SentCounts {
  return Array.isArray(given) && given.length === 2 && given.every(isCount);
}

function isAddress(given: unknown): given is string {
  try {
    return typeof given === "string" && SockAddr.parse(given).port > 0;
  } catch (error) {
    if (error instanceof TineError) return false;
    throw error;
  }
}

function isCount(given: unknown): given is number {
  return typeof given === "number" && Number.isSafeInteger(given) && given >= 0;
}

function bad(message: string): TineError {
  return new TineError("bad-settings", message);
}

/** What acknowledges a report. */
export interface Acknowledgement {
  readonly flow: FlowName;
  readonly sender: number;
  /** The number of the report. */
  readonly number: number;
  /** When the report came, and when this leaves. */
  readonly received: number;
  readonly sent: number;
  readonly time: WireTime;
  readonly hmac: Hmac;
}

/** Makes an acknowledgement. */
export function acknowledge(ack: Acknowledgement): Uint8Array<ArrayBuffer> {
  const { flow, sender, number, received, sent, time, hmac } = ack;
  const bytes = new Uint8Array(SIGNED_HEADER_BYTES), view = new DataView(bytes.buffer);
  const flags = ACKNOWLEDGE | signedFlag(hmac);
  writeHeader(view, 0, { flags, sender, length: headerBytes(true), number, count: 0, flow });
  time.write(view, AT_TIME, received);
  time.write(view, AT_SERVER_TIME, sent);
  signHeader(hmac, bytes, 0);
  return bytes;
}

/** Reads the times of an acknowledgement. */
export function readAcknowledgement(
  view: DataView,
  time: WireTime,
): { readonly received: number; readonly sent: number } {
  return {
    received: limitedDistance(time.read(view, AT_TIME)),
    sent: limitedDistance(time.read(view, AT_SERVER_TIME)),
  };
}
