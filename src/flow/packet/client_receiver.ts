import type { Hmac } from "../hmac.ts";
import { DuplicateWindow } from "./arrivals.ts";
import {
  AT_SERVER_TIME,
  AT_TIME,
  countOf,
  ECHO,
  flagsOf,
  type FlowName,
  isHeaderSigned,
  isOfFlow,
  isPacket,
  limitedDistance,
  numberOf,
  REPLY,
  REVERSE,
  senderOf,
  SIGNED,
  type WireTime,
} from "./header.ts";
import type { IncomingPackets } from "./packet_port.ts";
import { type PacketSamples, ReceivedPacket } from "./packet_samples.ts";
import type { PacketSender } from "./packet_sender.ts";

/** What has arrived of one sender. */
export interface Arrivals {
  readonly window: DuplicateWindow;
  /** The highest number of a reply. */
  lastNumber: number;
  /** How many packets the server had received when it sent that. */
  lastCount: number;
}

/** Takes the packets that a client receives: replies, and those of the server's senders. */
export class ClientReceiver {
  readonly arrivals: readonly Arrivals[];
  /** Of packets that came back the first time, each as {@linkcode roundTripTime} defines it. */
  readonly rtt = new RttEstimator();
  /** Of packets that came the first time. */
  bytes = 0;
  /** Of packets of the server's senders: the least and the greatest delay, by the clock of each end. */
  #leastDelay = Infinity;
  #mostDelay = -Infinity;
  /** Packets of other flows, or without the right signature. */
  bad = 0;
  readonly #flow: FlowName;
  readonly #hmac: Hmac | undefined;
  readonly #senders: readonly PacketSender[];
  readonly #time: WireTime;
  readonly #samples: PacketSamples;
  readonly #packet = new ReceivedPacket();

  /** @param senders all of them, by their index */
  constructor(
    flow: FlowName,
    hmac: Hmac | undefined,
    senders: readonly PacketSender[],
    time: WireTime,
    samples: PacketSamples,
  ) {
    this.#flow = flow;
    this.#hmac = hmac;
    this.#senders = senders;
    this.#time = time;
    this.#samples = samples;
    this.arrivals = senders.map(() => ({ window: new DuplicateWindow(), lastNumber: -1, lastCount: 0 }));
  }

  /**
   * By how much the delays of packets differed that came here; of echoes, there and back.
   *
   * @param leastDelay of other packets from the server, by the clock of each end, in nanoseconds
   * @returns in nanoseconds
   */
  delaySpread(leastDelay = Infinity): number {
    return Math.max(0, this.#mostDelay - Math.min(leastDelay, this.#leastDelay), this.rtt.max - this.rtt.min);
  }

  /**
   * Takes a message: a packet, or several that came as one.
   *
   * @param t when it was received
   * @param byKernel whether `t` is from the kernel
   * @returns how many packets of the flow it had
   */
  receive(incoming: IncomingPackets, i: number, t: number, byKernel: boolean): number {
    const length = incoming.length(i), segment = incoming.segmentBytes(i);
    const packet = this.#packet;
    packet.t = t;
    packet.byKernel = byKernel;
    packet.trafficClass = incoming.trafficClass(i);
    packet.merged = segment !== 0;
    const step = segment || length;
    let good = 0, at = 0;
    do {
      packet.length = Math.min(step, length - at);
      good += this.#receiveOne(incoming.bytes(i), incoming.view(i), at);
      at += step;
    } while (at < length);
    return good;
  }

  #receiveOne(bytes: Uint8Array, view: DataView, at: number): number {
    const packet = this.#packet, { length, t } = packet;
    const flags = this.#flagsOf(bytes, view, at, length);
    const index = flags < 0 ? 0 : senderOf(view, at);
    if (flags < 0 || index >= this.#senders.length || this.#senders[index].flags !== (flags & ~REPLY)) {
      this.bad++;
      return 0;
    }
    const arrivals = this.arrivals[index], number = numberOf(view, at);
    const isNew = arrivals.window.accept(number);
    if (isNew) this.bytes += length;
    packet.sender = index;
    packet.number = number;
    packet.flags = flags;
    if ((flags & REPLY) === 0) {
      const due = limitedDistance(this.#time.read(view, at + AT_SERVER_TIME) - t);
      const late = limitedDistance(this.#time.read(view, at + AT_TIME) - this.#time.read(view, at + AT_SERVER_TIME));
      if (isNew) {
        const delay = -(due + late);
        if (delay < this.#leastDelay) this.#leastDelay = delay;
        if (delay > this.#mostDelay) this.#mostDelay = delay;
      }
      packet.serverReceived = due;
      packet.serverTime = late;
      packet.serverCount = 0;
      this.#samples.received(packet);
      return 1;
    }
    const received = limitedDistance(this.#time.read(view, at + AT_TIME) - t);
    const serverTime = limitedDistance(
      this.#time.read(view, at + AT_SERVER_TIME) - this.#time.read(view, at + AT_TIME),
    );
    const count = countOf(view, at);
    packet.serverReceived = received;
    packet.serverTime = serverTime;
    packet.serverCount = count;
    this.#samples.received(packet);
    if (!isNew) return 1;
    if (number > arrivals.lastNumber) {
      arrivals.lastNumber = number;
      arrivals.lastCount = count;
    }
    const rtt = roundTripTime(t - this.#senders[index].times!.get(number), serverTime);
    if (!Number.isNaN(rtt)) this.rtt.add(rtt);
    return 1;
  }

  /** Returns the flags of a packet of this flow, as records have them; -1 for any other packet. */
  #flagsOf(bytes: Uint8Array, view: DataView, at: number, length: number): number {
    if (!isPacket(view, at, length) || !isOfFlow(view, at, this.#flow)) return -1;
    const all = flagsOf(view, at), flags = all & ~SIGNED;
    if (flags !== (ECHO | REPLY) && flags !== REVERSE) return -1;
    if (this.#hmac === undefined) return all === flags ? flags : -1;
    return all !== flags && isHeaderSigned(this.#hmac, bytes, at) ? flags : -1;
  }
}

/** Sums up round-trip times, in nanoseconds; the smoothed one as TCP does it (RFC 6298). */
export class RttEstimator {
  /** The smoothed one; NaN before the first. */
  smoothed = NaN;
  /** The smallest; Infinity before the first. */
  min = Infinity;
  max = 0;
  last = NaN;
  count = 0;
  #sum = 0;

  /** Their mean; NaN before the first. */
  get mean(): number {
    return this.#sum / this.count;
  }

  /**
   * Lets the smoothed one start from what is not counted: the time that opening the flow took.
   *
   * @param nanos more than 0
   */
  seed(nanos: number): void {
    if (this.count === 0) this.smoothed = nanos;
  }

  /** Takes one. */
  add(nanos: number): void {
    this.smoothed = Number.isNaN(this.smoothed) ? nanos : this.smoothed + (nanos - this.smoothed) / 8;
    this.last = nanos;
    this.#sum += nanos;
    this.count++;
    if (nanos < this.min) this.min = nanos;
    if (nanos > this.max) this.max = nanos;
  }
}

/**
 * The round-trip time of a packet: how long it and its echo were on their way. The time at the server is left out, as
 * TWAMP does it (RFC 5357, 5.2.1): it depends on how busy the server is, not on the network. Each of the two times is
 * by one clock, so clocks need not be shared.
 *
 * @param total from just before the client's send call until its kernel has the echo, in nanoseconds
 * @param serverTime from when the server's kernel has the packet until just before its send call, in nanoseconds
 * @returns in nanoseconds, not negative; NaN if the server's times are impossible: they are wrong, or a clock was set
 */
export function roundTripTime(total: number, serverTime: number): number {
  return serverTime >= 0 && serverTime <= total ? total - serverTime : NaN;
}
