import { wallClockState } from "../../sys/clock.ts";
import type { PacketClientConfig } from "../config.ts";
import type { Hmac } from "../hmac.ts";
import type { FlowClock, IncomingPackets, OutgoingPackets, PacketPort } from "../packet/packet_port.ts";
import {
  EXTENSION_HEAD_BYTES,
  isTestPacketSigned,
  layoutOf,
  signTestPacket,
  type TestPacketLayout,
  writePaddingHead,
} from "./test_packet.ts";
import { errorEstimate, formatOf, StampTime, type TimestampFormat } from "./timestamp.ts";

/** A reply; a session fills the same object again and again. */
export interface TestReply {
  /** Of the packet that it answers, in the session. */
  number: number;
  /** The reflector's own, of 32 bits. */
  reflectorNumber: number;
  /** When the packet that it answers was sent, by the timestamp that it copies, in nanoseconds. */
  sent: number;
  /** When the reflector received that, and when it sent this, by its clock. */
  reflectorReceived: number;
  reflectorSent: number;
  /** The reflector's error estimate. */
  error: number;
  /** The TTL or hop limit that the packet arrived with; 255 where the reflector does not know. */
  hops: number;
}

/** Seconds of a day: a clock that is further off is set wrongly. */
const FAR_SECONDS = 86_400;
/** Times in replies may be this much off from ours, in nanoseconds: fractions of NTP are rounded. */
const ROUNDED_NANOS = 1e6;

/** A session of STAMP from its sender's side: writes test packets, and reads replies. */
export class SenderSession {
  /** The maximum length of its headers. */
  readonly headerBytes: number;
  /** The number of the next packet. */
  next = 0;
  readonly #layout: TestPacketLayout;
  readonly #hmac: Hmac | undefined;
  readonly #ssid: number;
  readonly #format: TimestampFormat;
  readonly #error: number;
  readonly #clock: FlowClock;
  readonly #time: StampTime;
  readonly #reflectorTime: StampTime;
  #knowsReflector = false;
  readonly #reply: TestReply = {
    number: 0,
    reflectorNumber: 0,
    sent: 0,
    reflectorReceived: 0,
    reflectorSent: 0,
    error: 0,
    hops: 0,
  };

  /**
   * @param hmac of the secret, in authenticated mode
   * @param asksKernel whether the kernel can be asked how well its clock is set
   */
  constructor(
    { ssid = 0, timestamps = "ntp" }: NonNullable<PacketClientConfig["stamp"]>,
    hmac: Hmac | undefined,
    clock: FlowClock,
    asksKernel: boolean,
  ) {
    this.#layout = layoutOf(hmac !== undefined);
    this.headerBytes = this.#layout.bytes + EXTENSION_HEAD_BYTES;
    this.#hmac = hmac;
    this.#ssid = ssid;
    this.#format = timestamps;
    this.#error = errorEstimate(asksKernel ? wallClockState() : undefined, timestamps);
    this.#clock = clock;
    this.#time = new StampTime(clock.tinit);
    this.#reflectorTime = new StampTime(clock.tinit);
  }

  /** The length of the shortest packet, in bytes. */
  get leastBytes(): number {
    return this.#layout.bytes;
  }

  /** Seconds by which the reflector's clock is ahead, where a day or more is subtracted from its times; else 0. */
  get aheadSeconds(): number {
    return this.#reflectorTime.aheadSeconds;
  }

  /** Writes the packet at `at`; what is behind its headers is left. */
  write({ bytes, view }: OutgoingPackets, at: number, number: number, length: number, t: number): void {
    const layout = this.#layout;
    bytes.fill(0, at, at + layout.bytes);
    view.setUint32(at, number);
    this.#time.write(view, at + layout.timestamp, t, this.#format);
    view.setUint16(at + layout.error, this.#error);
    view.setUint16(at + layout.ssid, this.#ssid);
    writePaddingHead(view, at + layout.bytes, at + length);
    if (this.#hmac !== undefined) signTestPacket(this.#hmac, bytes, at);
    if (number >= this.next) this.next = number + 1;
  }

  /** Reads a reply; undefined for what answers no packet of the session, or is not signed as it should be. */
  read(incoming: IncomingPackets, i: number): TestReply | undefined {
    const layout = this.#layout, reply = this.#reply;
    if (incoming.length(i) < layout.leastBytes) return undefined;
    if (this.#hmac !== undefined && !isTestPacketSigned(this.#hmac, incoming.bytes(i))) return undefined;
    const view = incoming.view(i);
    const ssid = view.getUint16(layout.ssid);
    // Reflectors that know no identifiers send 0.
    if (ssid !== 0 && ssid !== this.#ssid) return undefined;
    reply.sent = this.#time.read(view, layout.senderTimestamp, this.#format);
    // Those of an earlier session were sent before this one began.
    if (reply.sent < -ROUNDED_NANOS || reply.sent > this.#clock.now() + ROUNDED_NANOS) return undefined;
    const bits = view.getUint32(layout.senderNumber);
    // Of the last 2^31 packets.
    const number = this.next - 1 + (bits - (this.next - 1) % 2 ** 32 | 0);
    if (number < 0 || number >= this.next) return undefined;
    reply.number = number;
    reply.reflectorNumber = view.getUint32(0);
    reply.error = view.getUint16(layout.error);
    reply.hops = view.getUint8(layout.hops);
    const format = formatOf(reply.error), time = this.#reflectorTime;
    if (!this.#knowsReflector) {
      this.#knowsReflector = true;
      const ahead = time.secondsAhead(view, layout.received, format);
      if (Math.abs(ahead) >= FAR_SECONDS) time.aheadSeconds = ahead;
    }
    reply.reflectorReceived = time.read(view, layout.received, format);
    reply.reflectorSent = time.read(view, layout.timestamp, format);
    return reply;
  }
}

/** Sends test packets that open and close a session, and are in no figure. */
export class SinglePackets {
  readonly #outgoing: OutgoingPackets;
  readonly #session: SenderSession;
  readonly #port: PacketPort;

  constructor(port: PacketPort, session: SenderSession) {
    this.#outgoing = port.outgoing(1, session.leastBytes);
    this.#session = session;
    this.#port = port;
  }

  /** @throws {SystemError} also for an ICMP error about an earlier packet */
  send(): void {
    const { leastBytes, next } = this.#session;
    this.#session.write(this.#outgoing, this.#outgoing.place(0), next, leastBytes, this.#port.clock.now());
    this.#outgoing.setLength(0, leastBytes);
    this.#outgoing.send(0, 1);
  }
}
