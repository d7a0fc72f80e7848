import { MAX_FLOW_MS, MAX_PACKET_BYTES } from "../../base/limits.ts";
import type { UnresponsiveConfig } from "../config.ts";
import { ECHO, headerBytes, REVERSE } from "./header.ts";
import { WINDOW } from "./arrivals.ts";

/** The default wait between packets, in ms. */
export const DEFAULT_WAIT_MS = 200;
const NANOS_PER_MS = 1e6;

/** The maximum number of packets of a burst: what the kernel takes (UDP_MAX_SEGMENTS of older ones). */
const MAX_BURST = 64;
/** The time whose packets a sender with a pace sends as one burst. */
const BURST_NANOS = 1e6;

/** What a sender does; a flow with a warm-up has two for each of its configuration, see {@linkcode withWarmUp}. */
export interface SenderConfig extends UnresponsiveConfig {
  /** What is due before this time is left to the sender of the warm-up, in milliseconds. */
  readonly startAfter?: number;
}

/**
 * Returns the senders of a flow with a warm-up: those of its configuration, which start after the warm-up, and then as
 * many that send until then. They share nothing but the schedule, so that packets of the warm-up are in no count of the
 * others, at either end.
 *
 * @param warmupMs the warm-up, in milliseconds; 0: there is none
 */
export function withWarmUp(senders: readonly UnresponsiveConfig[], warmupMs = 0): readonly SenderConfig[] {
  if (warmupMs === 0) return senders;
  return [
    ...senders.map((sender) => ({ ...sender, startAfter: warmupMs })),
    // What ends it counts after the warm-up.
    ...senders.map(({ packets: _, bytes: __, ...sender }) => ({ ...sender, duration: warmupMs })),
  ];
}

/**
 * Returns how long a sender sends, in milliseconds; of one that ends by other means, or when it is stopped, the
 * longest.
 */
export function durationOf({ duration = 0 }: Pick<UnresponsiveConfig, "duration">): number {
  return duration || MAX_FLOW_MS;
}

/**
 * When an unresponsive sender sends which lengths. Times are counted from its start and follow from the configuration
 * alone, never from when packets were sent in fact: so the schedule does not drift, and a packet that is late does not
 * make others late.
 *
 * Without a pace (the rate is `max`, or all waits are zero) a packet is due as soon as the one before is sent.
 *
 * @example
 * ```ts
 * import { PacketSchedule } from "./packet_sender.ts";
 * const schedule = new PacketSchedule({ wait: [20], length: [172], duration: 60 }, 56);
 * const due = [];
 * for (; !schedule.over; schedule.advance()) due.push(schedule.due / 1e6);
 * console.assert(due.join() === "0,20,40");
 * ```
 */
export class PacketSchedule {
  /** How long it lasts, in nanoseconds. */
  readonly durationNanos: number;
  /** There is no pace. */
  readonly unpaced: boolean;
  /** The shortest packet, in bytes. */
  readonly shortest: number;
  /** The longest packet, in bytes. */
  readonly longest: number;
  /** Each packet is like the one before: due at once, of the same length, and not counted. */
  readonly steady: boolean;
  readonly #waits: Choice;
  readonly #lengths: Choice;
  readonly #rate: UnresponsiveConfig["rate"];
  readonly #waitFirst: boolean;
  #due = 0;
  #length: number;
  /** How many packets and bytes may still be sent. */
  #packetsLeft: number;
  #bytesLeft: number;

  /**
   * @param headerBytes the length of packets where no length is given
   * @param random from 0 up to 1, for what is drawn
   */
  constructor(config: SenderConfig, headerBytes: number, random: () => number = Math.random) {
    const { wait = [DEFAULT_WAIT_MS], length = [headerBytes], rate, startAfter = 0 } = config;
    this.durationNanos = durationOf(config) * NANOS_PER_MS;
    this.#packetsLeft = config.packets ?? Infinity;
    this.#bytesLeft = config.bytes ?? Infinity;
    this.#rate = rate;
    this.#waitFirst = config.waitFirst === true;
    this.unpaced = rate === "max" || rate === undefined && wait.every((ms) => ms === 0);
    this.shortest = Math.min(...length);
    this.longest = Math.max(...length);
    this.#waits = new Choice(wait.map((ms) => ms * NANOS_PER_MS), config.randomWait === true, random);
    this.#lengths = new Choice(length, config.randomLength === true, random);
    this.#length = this.#lengths.next();
    this.steady = this.unpaced && this.shortest === this.longest && !this.counted;
    if (this.#waitFirst) this.#due = this.#nextWait();
    if (startAfter > 0) this.#skipTo(startAfter * NANOS_PER_MS);
  }

  /** When the next packet is due, in nanoseconds since the start. Without a pace: 0. */
  get due(): number {
    return this.#due;
  }

  /** The length of the next packet, in bytes. */
  get length(): number {
    return this.#length;
  }

  /**
   * Whether no more packets are due. Without a pace, the clock decides, unless it is {@linkcode PacketSchedule.spent}.
   */
  get over(): boolean {
    return this.#due >= this.durationNanos || this.spent;
  }

  /** Whether all packets or bytes of its configuration were sent. */
  get spent(): boolean {
    return this.#packetsLeft <= 0 || this.#bytesLeft <= 0;
  }

  /** Whether a number of packets or bytes may end it. */
  get counted(): boolean {
    return this.#packetsLeft !== Infinity || this.#bytesLeft !== Infinity;
  }

  /** Moves on to the next packet. */
  advance(): void {
    if (this.steady) return;
    this.#packetsLeft--;
    this.#bytesLeft -= this.#length;
    this.#step();
  }

  #step(): void {
    this.#due += this.#nextWait();
    this.#length = this.#lengths.next();
  }

  /** The rate of its packets, headers included, on average; without a pace: Infinity. */
  get bitsPerSecond(): number {
    return this.unpaced ? Infinity : this.#lengths.mean * 8e9 / this.#meanWait();
  }

  /** How many packets make a burst that fits one message. */
  get burst(): number {
    const fit = Math.min(MAX_BURST, Math.floor(MAX_PACKET_BYTES / this.longest));
    if (this.unpaced) return fit;
    return Math.max(1, Math.min(fit, Math.floor(BURST_NANOS / this.#meanWait())));
  }

  /**
   * Returns how many packets are still to come by a time, about if something is drawn. Without a pace: 0.
   *
   * @param nanos since the start; Infinity: to the end
   */
  dueBy(nanos: number): number {
    if (this.unpaced || this.over) return 0;
    const packets = Math.ceil((Math.min(nanos, this.durationNanos) - this.#due) / this.#meanWait());
    const left = Math.min(this.#packetsLeft, Math.ceil(this.#bytesLeft / this.#lengths.mean));
    return Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, packets, left));
  }

  /** Returns about how many packets are due within a time, in nanoseconds. Without a pace: Infinity. */
  packetsWithin(nanos: number): number {
    return this.unpaced ? Infinity : Math.ceil(nanos / this.#meanWait());
  }

  /**
   * Goes on with the first packet that is due at a time or later; whole cycles of the lists are passed over at once.
   */
  #skipTo(nanos: number): void {
    const rate = this.#rate;
    const isInBits = typeof rate === "object" && "bitsPerSecond" in rate;
    const list = isInBits ? this.#lengths : this.#waits;
    // What is drawn has no place in a cycle.
    if (this.unpaced || list.isDrawn && (rate === undefined || isInBits)) {
      this.#due = Math.max(nanos, this.#due);
      return;
    }
    const packets = rate !== undefined && !isInBits ? 1 : list.size;
    const cycles = Math.floor(Math.max(0, nanos - this.#due) / (packets * this.#meanWait()));
    this.#due += cycles * packets * this.#meanWait();
    this.#waits.skip(cycles * packets);
    this.#lengths.skip(cycles * packets);
    // The length of the next packet has been taken already.
    if (cycles > 0) this.#length = this.#lengths.last;
    while (this.#due < nanos) this.#step();
  }

  #nextWait(): number {
    const rate = this.#rate;
    if (this.unpaced) return 0;
    if (rate === undefined || rate === "max") return this.#waits.next();
    return "bitsPerSecond" in rate ? this.#length * 8e9 / rate.bitsPerSecond : 1e9 / rate.packetsPerSecond;
  }

  #meanWait(): number {
    const rate = this.#rate;
    if (rate === undefined || rate === "max") return this.#waits.mean;
    return "bitsPerSecond" in rate ? this.#lengths.mean * 8e9 / rate.bitsPerSecond : 1e9 / rate.packetsPerSecond;
  }
}

/** A list that is gone through again and again, or drawn from. */
class Choice {
  readonly #values: readonly number[];
  readonly #random: (() => number) | undefined;
  #index = 0;

  constructor(values: readonly number[], drawn: boolean, random: () => number) {
    this.#values = values;
    this.#random = drawn ? random : undefined;
  }

  get mean(): number {
    return this.#values.reduce((sum, value) => sum + value, 0) / this.#values.length;
  }

  /** Whether values are drawn. */
  get isDrawn(): boolean {
    return this.#random !== undefined;
  }

  /** The number of values. */
  get size(): number {
    return this.#values.length;
  }

  /** The value before the next one; of what is drawn, another one. */
  get last(): number {
    if (this.#random !== undefined) return this.next();
    return this.#values.at(this.#index - 1)!;
  }

  /** Goes on by a number of values. */
  skip(count: number): void {
    this.#index = (this.#index + count) % this.#values.length;
  }

  next(): number {
    if (this.#random !== undefined) return this.#values[Math.floor(this.#random() * this.#values.length)];
    const value = this.#values[this.#index];
    if (++this.#index === this.#values.length) this.#index = 0;
    return value;
  }
}

/**
 * Finds the shortest and the longest packet that the senders of a flow send, in bytes.
 *
 * @param headerBytes the length where a sender has no lengths: the header alone
 */
export function packetLengths(
  senders: readonly {
    readonly unresponsive?: Pick<UnresponsiveConfig, "length">;
    readonly requestResponse?: { readonly request?: number; readonly response?: number };
  }[],
  headerBytes: number,
): { shortest: number; longest: number } {
  let [shortest, longest] = [Infinity, 0];
  for (const { unresponsive, requestResponse } of senders) {
    const { request = headerBytes, response = headerBytes } = requestResponse ?? {};
    for (const length of unresponsive?.length ?? [request, response]) {
      shortest = Math.min(shortest, length);
      longest = Math.max(longest, length);
    }
  }
  return { shortest, longest };
}

/** How long packets that are late are still sent after the end of a schedule. */
const GRACE_NANOS = 100e6;

/** Replies that come later than this have no round-trip time in the figures; memory has its limits. */
const LATE_NANOS = 10e9;

/** A sender of packets: where it is in its schedule, and what it has sent. */
export class PacketSender {
  readonly schedule: PacketSchedule;
  /** Of its packets: ECHO, or REVERSE at a server. */
  readonly flags: number;
  /** It is at the server, and the client only receives. */
  readonly reverse: boolean;
  /** The maximum number of packets in one message. */
  readonly burst: number;
  /** When its packets were sent, if they come back. */
  readonly times: SendTimes | undefined;
  /** The number of the next packet. */
  number = 0;
  /** The number of packets that were sent, and their bytes. */
  sent = 0;
  bytes = 0;
  /** Packets that the system refused to send. */
  errors = 0;
  /** Packets that were due but not sent for lack of time. */
  unsent = 0;
  #start = 0;
  #over = false;

  /**
   * @param index of it in the configuration
   * @param signed whether packets are, and so need room for that
   * @param random from 0 up to 1, for what is drawn
   */
  constructor(readonly index: number, config: SenderConfig, signed: boolean, random?: () => number) {
    this.schedule = new PacketSchedule(config, headerBytes(signed), random);
    this.reverse = config.reverse === true;
    this.flags = config.reverse ? REVERSE : config.echo ? ECHO : 0;
    this.burst = config.gso ? this.schedule.burst : 1;
    if (config.echo) this.times = new SendTimes(this.schedule.packetsWithin(LATE_NANOS));
  }

  /** Whether it has nothing to send any more. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether it sends as fast as it can. */
  get unpaced(): boolean {
    return this.schedule.unpaced;
  }

  /** When the next packet is due; without a pace, since when it is. Infinity when it is over. */
  get due(): number {
    return this.#over ? Infinity : this.#start + this.schedule.due;
  }

  /** When it ends at the latest. */
  get end(): number {
    return this.#start + this.schedule.durationNanos + (this.unpaced ? 0 : GRACE_NANOS);
  }

  /** @param t when its schedule starts */
  start(t: number): void {
    this.#start = t;
    this.#over = this.schedule.over;
  }

  /** Whether its packets are alike, one a message, and it sends as fast as it can until it is stopped. */
  get steady(): boolean {
    return this.schedule.steady && this.burst === 1;
  }

  /** Moves on by packets of a {@linkcode PacketSender.steady} sender. */
  skip(packets: number): void {
    this.number += packets;
  }

  /** Moves on by a packet. */
  advance(): void {
    this.number++;
    this.schedule.advance();
    if (this.schedule.spent || this.schedule.over && !this.unpaced) this.#over = true;
  }

  /** Ends it, if its time is over; what it did not get to is counted. */
  check(now: number): void {
    if (now >= this.end) this.stop();
  }

  /**
   * Ends it; what was due and is left is counted.
   *
   * @param now when it ends; left out: at the end of its schedule
   */
  stop(now = Infinity): void {
    if (this.#over) return;
    this.#over = true;
    this.unsent = this.schedule.dueBy(now - this.#start);
  }
}

/** Remembers when packets were sent, for as long as their replies are accepted and memory allows. */
export class SendTimes {
  readonly #times: Float64Array;
  readonly #mask: number;
  #next = 0;

  /** @param expected how many packets there will be, about; at most 65,536 are remembered */
  constructor(expected: number) {
    let size = 64;
    while (size < expected && size < WINDOW) size *= 2;
    this.#times = new Float64Array(size);
    this.#mask = size - 1;
  }

  /** @param number of packets, in order */
  set(number: number, t: number): void {
    this.#times[number & this.#mask] = t;
    this.#next = number + 1;
  }

  /** When a packet was sent; NaN if that is not known, any more or at all. */
  get(number: number): number {
    return number < this.#next && number >= this.#next - this.#times.length ? this.#times[number & this.#mask] : NaN;
  }
}
