import type { Hmac } from "../hmac.ts";
import type { ClockBounds } from "../report.ts";
import { closePacket, isSealed, readTotals, type SendFailure, type Totals } from "./control_packet.ts";
import { Retries } from "./control_exchange.ts";
import { AT_SERVER_TIME, AT_TIME, type FlowName, limitedDistance, numberOf, senderOf, WireTime } from "./header.ts";
import type { FlowClock } from "./packet_port.ts";

/** The minimum wait for the first answer, in nanoseconds. */
const MIN_PAUSE_NANOS = 200e6;

/** Packets to send, and how long to wait for their answers. */
export interface ClosingAttempt {
  readonly packets: readonly Uint8Array<ArrayBuffer>[];
  /** In nanoseconds. */
  readonly pauseNanos: number;
}

/**
 * Closes a flow, from the client's side: asks for the server's counts of each sender. What the server reports unasked,
 * that its senders have ended, it takes before that as well.
 */
export class ClientClosing {
  readonly #flow: FlowName;
  readonly #hmac: Hmac | undefined;
  readonly #clock: FlowClock;
  readonly #time: WireTime;
  readonly #totals: (Totals | undefined)[];
  /** The senders whose counts are still to come. */
  readonly #missing: Set<number>;
  #retries: Retries | undefined;
  /** Answers to earlier ones are out of date; what comes unasked has number 0. */
  #firstAttempt = 1;
  /** How long the last answer took, in nanoseconds; NaN before the first one. */
  rttNanos = NaN;
  /** When the packets of each attempt were sent. */
  readonly #sentAt: number[] = [];
  #least = -Infinity;
  #most = Infinity;
  /** What keeps the server from sending; preferably the error that has ended its senders. */
  trouble: SendFailure | undefined;
  /** The server's senders have sent all packets or bytes that they were to send. */
  ended = false;

  /**
   * @param senders how many there are
   * @param hmac of the key of the flow
   */
  constructor(flow: FlowName, senders: number, hmac: Hmac | undefined, clock: FlowClock) {
    this.#clock = clock;
    this.#time = new WireTime(clock.tinit);
    this.#flow = flow;
    this.#hmac = hmac;
    this.#totals = Array.from({ length: senders });
    this.#missing = new Set(this.#totals.keys());
  }

  /** The server's counts by sender, those that came. */
  get totals(): readonly (Totals | undefined)[] {
    return this.#totals;
  }

  /** Whether it has begun. */
  get begun(): boolean {
    return this.#retries !== undefined;
  }

  /** Whether all counts that were asked for have come. */
  get complete(): boolean {
    return this.#missing.size === 0;
  }

  /** Whether the counts of each sender are known, be it those of an earlier answer. */
  get known(): boolean {
    return !this.#totals.includes(undefined);
  }

  /**
   * Asks for the counts that are missing.
   *
   * @param rttNanos the round-trip time as far as it is known
   * @returns undefined: it was asked often enough
   */
  attempt(rttNanos: number): ClosingAttempt | undefined {
    this.#retries ??= new Retries(Math.max(MIN_PAUSE_NANOS, 2 * rttNanos));
    const pauseNanos = this.#retries.next();
    if (pauseNanos === undefined) return undefined;
    const t = this.#clock.now(), attempt = this.#sentAt.push(t);
    const [flow, hmac, time] = [this.#flow, this.#hmac, this.#time];
    const packets = Array.from(this.#missing, (sender) => closePacket({ flow, sender, hmac, attempt, time, t }));
    return { packets, pauseNanos };
  }

  /** Asks for all counts once more: those that came stay until then. */
  again(): void {
    for (const sender of this.#totals.keys()) this.#missing.add(sender);
    this.#retries = undefined;
    this.#firstAttempt = this.#sentAt.length + 1;
  }

  /**
   * Takes a reply that closes.
   *
   * @param t when it was received
   * @returns whether it is one
   */
  receive(view: DataView, lengthBytes: number, t: number): boolean {
    const totals = readTotals(view, lengthBytes);
    const sender = senderOf(view, 0);
    if (totals === undefined || sender >= this.#totals.length || !isSealed(view, lengthBytes, this.#hmac)) return false;
    if (this.trouble === undefined || totals.trouble?.fatal) this.trouble = totals.trouble ?? this.trouble;
    this.ended ||= totals.ended ?? false;
    const attempt = numberOf(view, 0);
    if (attempt < this.#firstAttempt) return true;
    this.#missing.delete(sender);
    this.#totals[sender] = totals;
    const sentAt = this.#sentAt[attempt - 1];
    if (sentAt !== undefined) {
      this.rttNanos = t - sentAt;
      this.#most = Math.min(this.#most, limitedDistance(this.#time.read(view, AT_TIME) - sentAt));
      this.#least = Math.max(this.#least, limitedDistance(this.#time.read(view, AT_SERVER_TIME) - t));
    }
    return true;
  }

  /** Bounds of the server's clock from the replies; undefined before the first reply. */
  get clock(): ClockBounds | undefined {
    return this.#most === Infinity ? undefined : { least: this.#least, most: this.#most };
  }
}
