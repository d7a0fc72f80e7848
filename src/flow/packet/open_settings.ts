import { MAX_FLOW_MS, MAX_PACKET_BYTES } from "../../base/limits.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import { type Fragment, OVERSIZE } from "../../sys/ip_options.ts";
import { isRequestable, type PayloadKind } from "../payload.ts";
import { MAX_OPEN_TEXT_BYTES } from "./control_packet.ts";
import { headerBytes, MAX_SENDERS } from "./header.ts";
import { checkDuration, checkRate, type FlowLimits } from "../serving_limits.ts";
import { durationOf, PacketSchedule, type PacketSender, type SenderConfig } from "./packet_sender.ts";

/**
 * The version of the packets' content; both ends must have the same. Settings that an end does not know are passed over, so
 * that what is optional needs no other version.
 */
export const PACKET_VERSION = 2;

const MAX_LIST = 256;

/** The settings of a flow that its client sends to the server. */
export interface OpenSettings {
  readonly version: number;
  /** The number of senders. */
  readonly senders: number;
  /** The longest packet, in bytes. */
  readonly longest: number;
  /** How long it lasts, in milliseconds. */
  readonly duration: number;
  /** Packets come in bursts. */
  readonly gso: boolean;
  /** What the server's own senders do, by their indices. */
  readonly reverse: readonly (readonly [sender: number, config: SenderConfig])[];
  /** The ECN code point of the flow, 0 to 3; absent at clients of earlier versions, as is what follows. */
  readonly ecn?: number;
  /** In milliseconds; the second half of the senders is that of the warm-up. Absent: there is none. */
  readonly warmup?: number;
  /** The client wants a notice at once when the server's senders end for an error. */
  readonly notices?: boolean;
  /** What becomes of packets and echoes of the server that are too long for the path. Absent: they are not sent. */
  readonly fragment?: Fragment;
  /** What the server's senders send: `random` or a pattern. Absent: zeros. */
  readonly payload?: PayloadKind;
  /** Each packet is a request, and its echo a response of this length, in bytes; absent: an echo is as long as its packet. */
  readonly response?: number;
  /** What the client's senders send together, in bits per second. Absent: it is not known before it is sent. */
  readonly rate?: BitRate;
  /** How much of that is echoed. */
  readonly echoRate?: BitRate;
  /** Its duration is a limit: it ends when it is stopped, or after a number of packets or bytes. */
  readonly openEnded?: boolean;
}

/** A rate in bits per second, or as fast as possible. */
export type BitRate = number | "max";

/** Returns the rate of senders together, on average, as settings have it. */
export function bitRateOf(senders: readonly Pick<PacketSender, "schedule">[]): BitRate {
  const bitsPerSecond = senders.reduce((sum, { schedule }) => sum + schedule.bitsPerSecond, 0);
  return bitsPerSecond === Infinity ? "max" : bitsPerSecond;
}

/**
 * The settings as text.
 *
 * @throws {TineError} `settings-too-long`, if they do not fit a packet
 */
export function formatSettings(settings: OpenSettings): string {
  const text = JSON.stringify(settings);
  if (text.length > MAX_OPEN_TEXT_BYTES) {
    throw new TineError(
      "settings-too-long",
      `the settings of what the server is to send take ${text.length} bytes, and a packet has room for ` +
        `${MAX_OPEN_TEXT_BYTES}: use shorter lists of waits and lengths`,
    );
  }
  return text;
}

/**
 * Reads settings from an unauthenticated client.
 *
 * @param maxPacketBytes the longest packet that this server takes
 * @param signed whether packets are
 * @throws {TineError} `bad-settings`: the message is for the client
 */
export function parseOpenSettings(text: string, maxPacketBytes: number, signed: boolean): OpenSettings {
  const header = headerBytes(signed);
  const given = parseJson(text);
  const { version, senders, longest, duration, gso, reverse, ecn, notices, warmup, payload, response, fragment } =
    given;
  const { rate, echoRate, openEnded } = given;
  if (version !== PACKET_VERSION) {
    throw bad(`the client speaks version ${JSON.stringify(version)} of the protocol, the server ${PACKET_VERSION}`);
  }
  whole("senders", senders, 1, MAX_SENDERS);
  whole("the longest packet", longest, header, MAX_PACKET_BYTES);
  if (longest as number > maxPacketBytes) {
    throw bad(
      `packets of ${longest} bytes are too long for this server, which takes ${maxPacketBytes} (maxPacketSize)`,
    );
  }
  number("the duration", duration, 0, MAX_FLOW_MS);
  if (typeof gso !== "boolean") throw bad("gso is neither true nor false");
  if (ecn !== undefined) whole("ecn", ecn, 0, 3);
  if (warmup !== undefined) number("the warm-up", warmup, 0, MAX_FLOW_MS);
  if (notices !== undefined && typeof notices !== "boolean") throw bad("notices is neither true nor false");
  for (const each of [rate, echoRate]) if (each !== undefined && each !== "max") number("a rate", each, 0, 1e15);
  if (openEnded !== undefined && typeof openEnded !== "boolean") throw bad("openEnded is neither true nor false");
  if (response !== undefined) whole("the length of a response", response, header, longest as number);
  if (fragment !== undefined && !Object.hasOwn(OVERSIZE, String(fragment))) {
    throw bad("fragment is none of allow, forbid and probe");
  }
  if (payload !== undefined && !isRequestable(payload)) throw bad("the payload is neither random nor a pattern");
  if (!Array.isArray(reverse) || reverse.length > (senders as number)) throw bad("reverse is not a list of senders");
  const seen = new Set<number>();
  for (const pair of reverse) {
    if (!Array.isArray(pair) || pair.length !== 2) throw bad("a sender of the server is not a pair");
    whole("the index of a sender", pair[0], 0, (senders as number) - 1);
    if (seen.has(pair[0])) throw bad(`sender ${pair[0]} is there twice`);
    seen.add(pair[0]);
    checkSender(pair[1], header, longest as number);
  }
  return given as unknown as OpenSettings;
}

/** A rate that is shared with senders without a pace is worth it from here on, as a part of the limit. */
const MIN_SHARE = 1e-3;

/**
 * Returns settings as their server lets them be: its senders without a pace share what is left of the rate, and none sends
 * for longer than a flow may last.
 *
 * @param signed whether packets are
 * @throws {TineError} `over-max-duration`, `over-max-rate`: the client asks for more
 */
export function limitedSettings(settings: OpenSettings, limits: FlowLimits, signed: boolean): OpenSettings {
  const { senders, warmup = 0, duration, openEnded, rate = 0, echoRate = 0 } = settings;
  const { bitsPerSecond = Infinity, durationMs = Infinity } = limits;
  checkDuration(limits, openEnded ? undefined : duration);
  checkRate(limits, asNumber(rate));
  // Those of a warm-up send before the others do.
  const measured = warmup > 0 ? senders / 2 : senders;
  let left = bitsPerSecond - asNumber(echoRate), unpaced = 0;
  for (const [index, config] of settings.reverse) {
    const schedule = new PacketSchedule(config, headerBytes(signed));
    if (index >= measured) continue;
    if (schedule.unpaced) unpaced++;
    else left -= schedule.bitsPerSecond;
  }
  if (bitsPerSecond < Infinity) checkRate(limits, bitsPerSecond - left);
  if (unpaced > 0 && left < MIN_SHARE * bitsPerSecond) checkRate(limits, Infinity);
  const reverse = settings.reverse.map(([index, config]): [number, SenderConfig] => {
    const isUnpaced = bitsPerSecond < Infinity && new PacketSchedule(config, headerBytes(signed)).unpaced;
    const { wait: _, ...rest } = config;
    return [index, {
      ...isUnpaced ? { ...rest, rate: { bitsPerSecond: left / unpaced } } : config,
      duration: Math.min(durationOf(config), durationMs),
    }];
  });
  return { ...settings, reverse, duration: Math.min(duration, durationMs) };
}

function asNumber(rate: BitRate): number {
  return rate === "max" ? Infinity : rate;
}

function checkSender(given: unknown, shortest: number, longest: number): void {
  if (typeof given !== "object" || given === null) throw bad("a sender of the server has no configuration");
  const { wait, length, rate, duration, startAfter, packets, bytes, ...flags } = given as Record<string, unknown>;
  number("the duration of a sender", duration, 0, MAX_FLOW_MS);
  if (startAfter !== undefined) number("the start of a sender", startAfter, 0, MAX_FLOW_MS);
  for (const [what, value] of [["packets", packets], ["bytes", bytes]] as const) {
    if (value !== undefined) whole(`the ${what} of a sender`, value, 1, Number.MAX_SAFE_INTEGER);
  }
  if (wait !== undefined) list("waits", wait, (each) => number("a wait", each, 0, MAX_FLOW_MS));
  if (length !== undefined) list("lengths", length, (each) => whole("a length", each, shortest, longest));
  if (rate !== undefined && rate !== "max") {
    const { bitsPerSecond, packetsPerSecond } = Object(rate) as Record<string, unknown>;
    if (bitsPerSecond === undefined) number("packets per second", packetsPerSecond, 1e-6, 1e12);
    else number("bits per second", bitsPerSecond, 1e-6, 1e15);
  }
  for (const [name, value] of Object.entries(flags)) {
    if (typeof value !== "boolean") throw bad(`${JSON.stringify(name)} of a sender is neither true nor false`);
  }
}

function parseJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw bad(`the settings are no JSON: ${messageOf(error)}`);
  }
  throw bad("the settings are no object");
}

function list(what: string, value: unknown, check: (each: unknown) => void): void {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_LIST) {
    throw bad(`${what} are no list of 1 to ${MAX_LIST}`);
  }
  value.forEach(check);
}

function number(what: string, value: unknown, min: number, max: number): void {
  if (typeof value !== "number" || !(value >= min && value <= max)) {
    throw bad(`${what}: ${JSON.stringify(value)} is not a number of ${min} to ${max}`);
  }
}

function whole(what: string, value: unknown, min: number, max: number): void {
  number(what, value, min, max);
  if (!Number.isInteger(value)) throw bad(`${what}: ${value} is not a whole number`);
}

function bad(message: string): TineError {
  return new TineError("bad-settings", message);
}
