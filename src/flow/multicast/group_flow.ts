import type { ArrivalTotals, ClockBounds, GroupReception, ServedPacketReport, TimeSpread } from "../report.ts";
import { ServedFlow, type ServedFlowOptions } from "../packet/served_flow.ts";
import { isMarked } from "../packet/packet_port.ts";
import type { ReceivedPacket } from "../packet/packet_samples.ts";
import type { Announcement, Reception, SentCounts } from "./group_packets.ts";

/** Packets that come this much after the first announcement of the end are late, in nanoseconds. */
const MIN_LATE_NANOS = 200e6;
const MAX_LATE_NANOS = 2e9;
/** How long late packets are waited for, in multiples of the spread of delays. */
const LATE_SPREADS = 3;

/** A flow to a group, at one of its receivers. It counts from the first announcement that the receiver got. */
export class GroupFlow extends ServedFlow {
  /** By sender: packets with lower numbers were sent before the first announcement that this receiver got. */
  readonly first: readonly number[];
  /** Both ends are known to have one clock. */
  readonly sharesClock: boolean;
  /** When the end was first announced, in the time of the receiver; Infinity: it was not. */
  endedAt = Infinity;
  readonly #measured: number;
  readonly #before: readonly SentCounts[];
  #announced: readonly SentCounts[];
  #least = -Infinity;
  #most = Infinity;

  /** @param sharesClock see {@linkcode GroupFlow.sharesClock} */
  constructor(options: ServedFlowOptions, announcement: Announcement, sharesClock: boolean) {
    super(options);
    const { counts, settings: { senders, warmup } } = announcement;
    this.#measured = warmup ? senders / 2 : senders;
    this.#before = this.#announced = counts;
    this.first = counts.map(([sent, errors]) => sent + errors);
    this.sharesClock = sharesClock;
  }

  /** The number of senders that are measured: the others are those of a warm-up. */
  get measured(): number {
    return this.#measured;
  }

  /** Whether all packets that were announced at the end have arrived. */
  get isWhole(): boolean {
    return this.endedAt !== Infinity && this.windows.every(({ accepted }, i) => accepted >= this.expected(i));
  }

  /** When it is over, in the time of the receiver: late packets have had time to arrive by then. */
  get overAt(): number {
    let spread = 0;
    for (const { totals } of this.arrivals) {
      if (totals !== undefined) spread = Math.max(spread, totals.delay.max - totals.delay.min);
    }
    return this.endedAt + Math.min(MAX_LATE_NANOS, Math.max(MIN_LATE_NANOS, LATE_SPREADS * spread));
  }

  /** Takes counts of its sender; those that overtook others are left out. */
  announced(counts: readonly SentCounts[]): void {
    if (counts.length !== this.#announced.length) return;
    if (counts.every(([sent], i) => sent >= this.#announced[i][0])) this.#announced = counts;
  }

  /**
   * Takes a packet of one of its senders.
   *
   * @param delay from sending to arrival, by the clock of each end, in nanoseconds
   */
  take(packet: ReceivedPacket, delay: number): void {
    const { sender, number } = packet;
    if (number < this.first[sender]) return;
    const isNew = this.windows[sender].accept(number);
    this.samples.received(packet);
    if (!isNew) return;
    this.bytes += packet.length;
    if (this.marked !== undefined && isMarked(packet.trafficClass)) this.marked[sender]++;
    this.arrivals[sender].add(number, delay);
  }

  /**
   * Learns from a report and its acknowledgement how far this clock is ahead of the sender's: no packet arrives before
   * it was sent.
   */
  bound({ least, most }: ClockBounds): void {
    this.#least = Math.max(this.#least, least);
    this.#most = Math.min(this.#most, most);
  }

  /** The number of packets of a sender for this receiver: at the end all, before that up to the last one known. */
  expected(sender: number): number {
    const [sent, errors] = this.#announced[sender], [sentBefore, errorsBefore] = this.#before[sender];
    if (this.endedAt !== Infinity) return sent - sentBefore;
    const seen = this.windows[sender].next - this.first[sender] - (errors - errorsBefore);
    return Math.max(0, sent - sentBefore, seen);
  }

  /** What is reported to the sender of the packets of one of its senders. */
  reception(sender: number, socketDrops: number): Reception {
    const { accepted, refused } = this.windows[sender];
    return {
      final: this.closedAt !== Infinity,
      expected: this.expected(sender),
      received: accepted,
      duplicates: refused,
      socketDrops: this.dropsOf(socketDrops),
      bad: this.bad,
      marked: this.marked?.[sender],
      arrivals: this.arrivals[sender].totals,
      sharesClock: this.sharesClock,
    };
  }

  override report(socketDrops: number, now: number, state: ServedPacketReport["state"]): ServedPacketReport {
    const indices = Array.from({ length: this.#measured }, (_, i) => i);
    const sum = (of: (sender: number) => number) => indices.reduce((total, sender) => total + of(sender), 0);
    return {
      ...super.report(socketDrops, now, state),
      received: sum((i) => this.windows[i].accepted),
      duplicates: sum((i) => this.windows[i].refused),
      group: this.#reception(sum((i) => this.expected(i)), indices),
    };
  }

  #reception(expected: number, senders: readonly number[]): GroupReception {
    const arrivals = merged(senders.flatMap((i) => this.arrivals[i].totals ?? []));
    const { clock } = this;
    return { expected, ...arrivals && { arrivals }, ...clock && { clock } };
  }

  /** How far this clock is ahead of the sender's; undefined where that is not known. */
  get clock(): ClockBounds | undefined {
    if (this.sharesClock) return { least: 0, most: 0 };
    if (this.#least === -Infinity) return undefined;
    let most = this.#most;
    for (const { totals } of this.arrivals) if (totals !== undefined) most = Math.min(most, totals.delay.min);
    return most === Infinity ? undefined : { least: this.#least, most };
  }
}

/** When the packets of all senders arrived: counts are sums, jitter is the mean by packets. */
function merged(all: readonly ArrivalTotals[]): ArrivalTotals | undefined {
  if (all.length < 2) return all[0];
  const delay = mergedSpread(all.map(({ delay }) => delay))!;
  const ipdv = mergedSpread(all.flatMap(({ ipdv }) => ipdv ?? []));
  return {
    reordered: all.reduce((sum, { reordered }) => sum + reordered, 0),
    delay,
    ...ipdv && { ipdv },
    jitterNanos: all.reduce((sum, { jitterNanos, delay: { count } }) => sum + jitterNanos * count, 0) / delay.count,
  };
}

function mergedSpread(all: readonly TimeSpread[]): TimeSpread | undefined {
  if (all.length === 0) return undefined;
  const count = all.reduce((sum, { count }) => sum + count, 0);
  const [{ mean: base }] = all;
  return {
    count,
    min: Math.min(...all.map(({ min }) => min)),
    // Clocks may be far apart: the mean is taken from the first one on.
    mean: base + all.reduce((sum, { mean, count }) => sum + (mean - base) * count, 0) / count,
    max: Math.max(...all.map(({ max }) => max)),
  };
}
