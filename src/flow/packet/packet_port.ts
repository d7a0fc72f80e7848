/**
 * The interface of flows of packets to the system, so that they run over raw sockets as over those of Deno.
 *
 * @module
 */
import type { SockAddr } from "../../sys/address.ts";
import type { PacketClientConfig, PacketServerConfig } from "../config.ts";
import type { FlowHost, ServerShare } from "../engine/engine_flow.ts";
import type { Fragment } from "../../sys/ip_options.ts";
import type { PacketPayload } from "../payload.ts";

/** Opens ports. */
export interface PacketPorts {
  /** `ffi` or `portable`. */
  readonly kind: "ffi" | "portable";
  /**
   * Opens a port that sends to an address, and receives from it alone.
   *
   * @param maxBytes the longest packet, in bytes
   */
  connect(address: SockAddr, config: PacketClientConfig, maxBytes: number): PacketPort;
  /**
   * Opens a port that receives at an address.
   *
   * @param share of an address that several workers serve; left out: the port has the address for itself
   */
  listen(address: SockAddr, config: PacketServerConfig, maxBytes: number, share?: ServerShare): PacketPort;
}

/** A UDP socket, with memory for packets. Nothing in it blocks. */
export interface PacketPort extends Disposable {
  /** Whether it was disposed of. */
  readonly closed: boolean;
  readonly clock: FlowClock;
  /** The address that it is bound to. */
  readonly local: SockAddr;
  /** What came; another one after {@linkcode PacketPort.mergeReceived}. */
  readonly incoming: IncomingPackets;
  /** The longest packet that the path takes uncut, as far as the system knows, in bytes. */
  readonly longest: number;
  /**
   * Returns the MTU of a path as the system knows it, in bytes with the IP header; undefined where it does not.
   *
   * @param to where the path leads; left out: where the port is connected to
   */
  pathMtu(to?: SockAddr): number | undefined;
  /** READABLE, WRITABLE, both or 0: what {@linkcode PacketPort.watch} calls back for. */
  interest: number;
  /** Calls back when there is something to receive or room to send, by the interest. Once a port. */
  watch(handler: () => void): void;
  /**
   * Makes room for packets to send. It ends with the port, or before.
   *
   * @param maxBytes the longest message: of one packet, or of a burst
   * @param payload what stands behind the headers; left out: zeros, and what is written there
   */
  outgoing(capacity: number, maxBytes: number, payload?: PacketPayload): OutgoingPackets;
  /** Packets of a burst may be received as one message from now on, or not any more; where the system can do that. */
  mergeReceived(on: boolean): void;
}

/** Time of a flow, in nanoseconds since its tinit, by a clock that only ever goes on. */
export interface FlowClock {
  /** The wall clock's time when the flow's was 0, in nanoseconds since 1970. */
  readonly tinit: bigint;
  now(): number;
  /**
   * Checks whether the wall clock was set since the last call, and corrects the kernel's times from then on. Call it
   * about once a second.
   *
   * @returns the size of the step, in nanoseconds; 0 without one
   */
  checkWallClock(): number;
}

/**
 * Whether a packet cannot have arrived at the time of its stamp: the wall clock was set.
 *
 * @param arrival in the time of the flow, or NaN
 */
export function isOddTime(arrival: number, now: number): boolean {
  return arrival > now + SKEW_NANOS || arrival < now - ODD_NANOS;
}

/** A bound that the error of the distance of the clocks never reaches, in nanoseconds. */
const SKEW_NANOS = 20_000;
/** A bound that the wait of a packet in the socket never reaches, in nanoseconds. */
const ODD_NANOS = 1e9;

/**
 * Checks whether the wall clock was set, as {@linkcode FlowClock.checkWallClock} does, and logs that.
 *
 * @param flow its name; left out: of a server
 */
export function followWallClock(clock: FlowClock, host: FlowHost, flow?: string): void {
  const step = clock.checkWallClock();
  if (step === 0) return;
  const subject = flow === undefined ? "" : `flow ${flow}: `;
  host.log(`${subject}the wall clock was set by ${step / 1e6} ms; times are corrected for that`);
}

/**
 * Does that where a packet cannot have arrived at the time of its stamp, as {@linkcode isOddTime} has it.
 */
export function followOddTime(arrival: number, now: number, clock: FlowClock, host: FlowHost, flow?: string): void {
  if (isOddTime(arrival, now)) followWallClock(clock, host, flow);
}

/** The greatest TTL or hop limit. */
export const MAX_HOPS = 255;

/** Messages that were received; each call of receive() replaces them. */
export interface IncomingPackets {
  /** The most messages of one call. */
  readonly capacity: number;
  /** @returns how many messages, not above 0 without messages; throws an ICMP error about packets sent before */
  receive(): number;
  /** The room for the message; the first length() bytes are filled. */
  bytes(i: number): Uint8Array<ArrayBuffer>;
  view(i: number): DataView<ArrayBuffer>;
  length(i: number): number;
  /** If it has several packets: the length of all but the last, which may be shorter; else 0. */
  segmentBytes(i: number): number;
  /** When the kernel received it, in the time of the flow; NaN if that is not known. */
  arrival(i: number): number;
  /** The byte of the IP header that was called TOS; 0 if that is not known. */
  trafficClass(i: number): number;
  /**
   * The TTL or hop limit that it arrived with; 255 if that is not known. Ports of STAMP know it, where the system can.
   */
  hopLimit(i: number): number;
  /** The number of packets that the socket had no room for, since it was opened. */
  drops(i: number): number;
  source(i: number): SockAddr;
  isFrom(i: number, address: SockAddr): boolean;
  /** The port number that it came from. */
  sourcePort(i: number): number;
}

/** Messages to send. What is set for one stays. */
export interface OutgoingPackets extends Disposable {
  readonly capacity: number;
  /** The room for all messages. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same. */
  readonly view: DataView<ArrayBuffer>;
  /** Where a message starts in it; once it is sent, it may start elsewhere. */
  place(i: number): number;
  /**
   * Sets the length of the message.
   *
   * @param headerBytes how much of it the caller writes; default: all of it
   */
  setLength(i: number, bytes: number, headerBytes?: number): void;
  /** Sets what becomes of packets that are too long for the path, from now on; at first it is that of the port. */
  setFragment(fragment: Fragment): void;
  /** Cuts the message into packets of this length; 0: it is one packet. */
  setSegmentBytes(i: number, bytes: number): void;
  /**
   * It goes where a received one came from, from where that went to, with its DSCP.
   *
   * @param ecn the ECN code point, 0 to 3
   */
  reply(i: number, incoming: IncomingPackets, j: number, ecn: number): void;
  /** @returns how many were sent, at least one; not above 0 if there is no room now; throws for the first */
  send(from: number, count: number): number;
}

const UDP_HEADER_BYTES = 8;
const IP_HEADER_BYTES = { ipv4: 20, ipv6: 40 } as const;

/**
 * Returns the longest packet that a path takes uncut, in bytes without headers of UDP and IP.
 *
 * @param mtu of the path, with these headers; undefined: it is not known
 * @param to where the path leads
 */
export function uncut(mtu: number | undefined, to: SockAddr): number | undefined {
  return mtu === undefined ? undefined : mtu - IP_HEADER_BYTES[to.unmapped().family] - UDP_HEADER_BYTES;
}

/** The ECN code point of a packet that met congestion: RFC 3168, 5. */
export const CE = 3;

/** Whether a packet arrived marked "congestion experienced", by the byte of its IP header that was called TOS. */
export function isMarked(trafficClass: number): boolean {
  return (trafficClass & 3) === CE;
}

/**
 * The ECN code point of what answers a packet. Only routers set CE, so a mark that a packet got on its way is never
 * sent back: it would count as congestion of the other direction.
 *
 * @param asked the code point that the client's flow asked for; undefined: the client did not ask
 * @param trafficClass of the packet, as it arrived
 */
export function replyEcn(asked: number | undefined, trafficClass: number): number {
  return asked ?? (isMarked(trafficClass) ? 0 : trafficClass & 3);
}

/** What decides how many messages are prepared at a time. */
export interface MessageKinds {
  /** Whether a message can have several packets. */
  readonly bursts: boolean;
  /** Whether packets are sent as fast as possible. */
  readonly fast: boolean;
}

/** Returns how many messages are prepared at a time: many where a call can send that many, few where each is long. */
export function messagesAtATime({ bursts, fast }: MessageKinds): number {
  return bursts ? 8 : fast ? 64 : 16;
}
