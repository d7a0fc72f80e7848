import type { UnresponsiveConfig } from "../config.ts";
import { ECHO, headerBytes, REVERSE } from "./header.ts";
import { Schedule } from "./schedule.ts";
import { WINDOW } from "./duplicate_window.ts";

/** After the end of a schedule, packets that are late are still sent for so long. */
const GRACE_NANOS = 100e6;

/** Replies that come later than this have no round-trip time in the figures; memory has its limits. */
const LATE_NANOS = 10e9;

/** A sender of packets: where it is in its schedule, and what it has sent. */
export class PacketSender {
  readonly schedule: Schedule;
  /** Of its packets: ECHO, or REVERSE at a server. */
  readonly flags: number;
  /** It is at the server, and the client only receives. */
  readonly reverse: boolean;
  /** Up to how many packets make one message. */
  readonly burst: number;
  /** When its packets were sent, if they come back. */
  readonly times: SendTimes | undefined;
  /** The number of the next packet. */
  number = 0;
  /** How many packets were sent, and their bytes. */
  sent = 0;
  bytes = 0;
  /** Packets that the system refused to send. */
  errors = 0;
  /** Packets that were due but not sent, for there was no time left. */
  unsent = 0;
  #start = 0;
  #over = false;

  /**
   * @param index of it in the configuration
   * @param signed whether packets are, and so need room for that
   * @param random from 0 up to 1, for what is drawn
   */
  constructor(readonly index: number, config: UnresponsiveConfig, signed: boolean, random?: () => number) {
    this.schedule = new Schedule(config, headerBytes(signed), random);
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

  /** Moves on by a packet. */
  advance(): void {
    this.number++;
    this.schedule.advance();
    if (this.schedule.over && !this.unpaced) this.#over = true;
  }

  /** Ends it, if its time is over; what it did not get to is counted. */
  check(now: number): void {
    if (now >= this.end) this.stop();
  }

  /** Ends it; what is left is counted. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.unsent = this.schedule.remaining;
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
