import { isMarked } from "../packet/packet_port.ts";
import type { Columns } from "../records/format.ts";
import type { ArrivalTotals } from "../report.ts";
import type { OffsetEstimate } from "./clock_offset.ts";
import { Distribution, type Quantiles, quantilesByRank } from "./distribution.ts";
import type { PacketWindow } from "./packet_window.ts";

/** The source of a stamp: the kernel, whose messages have the traffic class as well. */
const KERNEL = 1;

/** The weight of a difference of delays in jitter: RFC 3550, 6.4.1. */
const JITTER_GAIN = 1 / 16;

/** The figures of a distribution, of which quantiles are known only where each value is. */
export type Spread = Pick<Quantiles, "count" | "min" | "mean" | "max"> & Partial<Quantiles>;

/** How packets fared in one direction. Times are nanoseconds. */
export interface PathFigures extends OrderCounts {
  /** Packets that the kernel took; absent if the sender reported nothing. */
  readonly sent?: number;
  /** Packets that arrived at the program, each counted once; absent if the receiver reported nothing. */
  readonly received?: number;
  /**
   * Sent, but not received: Type-P-One-way-Packet-Loss of RFC 7680; without the counts at the end, up to the last packet
   * that both ends have recorded. Those that the receiver's own socket had no room for
   * are not among them where it counted them, see `socketDrops`. Absent if one of the ends reported nothing.
   */
  readonly lost?: number;
  /**
   * Packets sent less packets received behind the last one that both ends have recorded: they are left out of `lost`,
   * since an end whose counts at the end are missing may have recorded them no more. Below 0 where the sender's records
   * end first. Absent: 0
   */
  readonly unsettled?: number;
  /** Arrived again: RFC 5560. */
  readonly duplicates: number;
  /**
   * What the receiver's own socket had no room for: lost at this end, not in the network. Of a server, packets of other
   * flows may be among them.
   */
  readonly socketDrops: number;
  /** Arrived marked "congestion experienced", each counted once: RFC 3168. Absent if the receiver does not see marks. */
  readonly congestionMarks?: number;
  /** The MTU of the path as the sender's system knows it, in bytes with the IP header; absent where that is unknown. */
  readonly pathMtuBytes?: number;
  /** The inter-packet delay variation of neighbours by number that both arrived, RFC 3393, without its sign. */
  readonly ipdv?: Spread;
  /** The interarrival jitter of RFC 3550 (6.4.1) at the end: a mean of how delays differ, the last ones above all. */
  readonly jitterNanos?: number;
  /**
   * From sending to arrival: Type-P-One-way-Delay of RFC 7679, from just before the system call to the stamp of the
   * receiver's kernel. Exact where both ends have one clock; see `oneWayDelayBoundNanos` else.
   */
  readonly oneWayDelay?: Spread;
  /** The true delays are all off by the same amount, at most this; 0 where clocks are shared. */
  readonly oneWayDelayBoundNanos?: number;
}

/** One direction of a sender's packets: what is counted, and what follows from the times of each packet. */
export class PacketPath {
  sent = 0;
  received = 0;
  duplicates = 0;
  socketDrops = 0;
  /** See {@linkcode PathFigures.unsettled}. */
  unsettled = 0;
  congestionMarks = 0;
  pathMtuBytes: number | undefined;
  /** The receiver sees marks. */
  seesMarks = false;
  readonly order: ArrivalOrder;
  readonly #ipdv = new Distribution();
  readonly #delays = new Deviations();
  #lastDelay = NaN;
  #jitter = 0;

  /**
   * @param window the packets
   * @param sentColumn when they were sent
   * @param receivedColumn when they arrived
   * @param placeColumn at which place they arrived
   * @param sign 1 if the receiver has the server's clock, -1 if the sender has
   */
  constructor(
    readonly window: PacketWindow,
    readonly sentColumn: number,
    readonly receivedColumn: number,
    placeColumn: number,
    readonly sign: 1 | -1,
  ) {
    this.order = new ArrivalOrder(window, placeColumn);
  }

  /** Counts the mark of a packet that arrived, the sample `i`. */
  noteMark({ tos, stampSource }: Columns<"packetIO">, i: number): void {
    if (isMarked(tos[i])) this.congestionMarks++;
    if (stampSource[i] === KERNEL) this.seesMarks = true;
  }

  /** Both times of a packet are known now. */
  complete(seq: number): void {
    const delay = this.#delay(seq);
    this.#delays.add(delay);
    if (!Number.isNaN(this.#lastDelay)) {
      this.#jitter += (Math.abs(delay - this.#lastDelay) - this.#jitter) * JITTER_GAIN;
    }
    this.#lastDelay = delay;
    this.#addVariation(delay, seq - 1);
    this.#addVariation(delay, seq + 1);
  }

  #addVariation(delay: number, neighbour: number): void {
    const other = this.window.has(neighbour) ? this.#delay(neighbour) : NaN;
    if (!Number.isNaN(other)) this.#ipdv.add(Math.abs(delay - other));
  }

  /**
   * What is known now.
   *
   * @param known of which ends anything is known
   * @param offset how the clocks relate; undefined where that is not known
   * @param totals what is known where the times of each packet are not
   */
  figures(
    known: { readonly sender: boolean; readonly receiver: boolean },
    offset: OffsetEstimate | undefined,
    totals?: ArrivalTotals,
  ): PathFigures {
    const { sent, received, duplicates, socketDrops, unsettled } = this;
    const congestionMarks = this.seesMarks || known.receiver && received === 0 ? this.congestionMarks : undefined;
    const own = this.#delays.count > 0;
    const order = !own && totals ? orderOfTotals(totals) : this.order.counts;
    const ahead = this.sign * (offset?.offsetNanos ?? 0);
    const oneWayDelay = own ? this.#delays.quantiles(ahead) : totals && moved(totals.delay, -ahead);
    return {
      ...known.sender && { sent },
      ...known.receiver && { received },
      ...known.sender && known.receiver && { lost: Math.max(0, sent - unsettled - received - socketDrops) },
      ...unsettled !== 0 && { unsettled },
      duplicates,
      socketDrops,
      congestionMarks,
      ...this.pathMtuBytes !== undefined && { pathMtuBytes: this.pathMtuBytes },
      ...order,
      ipdv: own ? this.#ipdv.quantiles() : totals?.ipdv,
      jitterNanos: !own ? totals?.jitterNanos : this.#delays.count > 1 ? this.#jitter : undefined,
      ...offset && oneWayDelay && { oneWayDelay, oneWayDelayBoundNanos: offset.boundNanos },
    };
  }

  /** NaN unless both times are known. */
  #delay(seq: number): number {
    const slot = this.window.slot(seq);
    return this.window.columns[this.receivedColumn][slot] - this.window.columns[this.sentColumn][slot];
  }
}

/** Shifts a distribution by a constant. */
export function moved({ count, min, mean, max }: Spread, nanos: number): Spread {
  return { count, min: min + nanos, mean: mean + nanos, max: max + nanos };
}

/** Without the place of each packet, it is known that none was early or late only where all came in order. */
function orderOfTotals({ reordered }: ArrivalTotals): OrderCounts {
  return { reordered, ...reordered === 0 && { early: 0, late: 0 } };
}

/** Counts of packets by the order in which they arrived. */
export interface OrderCounts {
  /** Arrived after one that was sent later: RFC 4737, 3. */
  readonly reordered: number;
  /**
   * Arrived at an earlier place than theirs; absent where more packets were under way than are kept, and where only the
   * receiver has the places of packets that came out of order.
   */
  readonly early?: number;
  /** Arrived at a later place than theirs; absent as `early` is. */
  readonly late?: number;
}

/**
 * The order of arrival against the order of sending.
 *
 * A packet is reordered if a packet that was sent after it arrived before it: Type-P-Reordered of RFC 4737 (3.3), of which
 * the expected next number is the greatest that arrived plus one. It is early or late by as many places as it arrived
 * before or after its place in the order of sending, once lost packets and duplicates are taken out: the displacement
 * of RFC 5236 (3.1), early where that is negative. A server sends echoes in the order in which it received packets, which
 * is not that of their numbers where packets have overtaken one another on their way there.
 */
export class ArrivalOrder {
  #reordered = 0;
  #early = 0;
  #late = 0;
  /** The highest number that arrived, and the highest turn. */
  #highest = -1;
  #lastTurn = -1;
  /** Packets arrived in order whose neighbours were settled as lost: places cannot be compared any more. */
  #blurred = false;
  /** Of the window, in ascending order. */
  #sorted = new Float64Array(0);

  /**
   * @param window the packets
   * @param column of the window, with the places of arrival: any numbers that grow with them
   */
  constructor(readonly window: PacketWindow, readonly column: number) {}

  /** The highest number that arrived; -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** How many there were of each. */
  get counts(): OrderCounts {
    return { reordered: this.#reordered, ...!this.#blurred && { early: this.#early, late: this.#late } };
  }

  /**
   * Takes note of an arrival, in the order in which they come.
   *
   * @param settled the packets around it have been settled: it came late, or it is the receiver's turn so late, since so
   *   many were under way
   * @param turn its place in the order of sending
   */
  arrived(seq: number, settled: boolean, turn: number): void {
    const isHighest = seq > this.#highest, inOrder = turn > this.#lastTurn;
    if (isHighest) this.#highest = seq;
    if (inOrder) this.#lastTurn = turn;
    if (!settled) return;
    if (!inOrder) {
      this.#reordered++;
      this.#late++;
    } else if (isHighest) this.#blurred = true;
  }

  /**
   * Counts the packets of the window from `settled` up to `end`, `end` not included.
   *
   * @param turnColumn of the window, with the places in the order of sending; absent: packets are sent in the order of
   *   their numbers
   */
  settle(end: number, turnColumn?: number): void {
    const { settled } = this.window;
    const places = this.window.columns[this.column];
    const turns = turnColumn === undefined ? undefined : this.window.columns[turnColumn];
    // Mostly so, and then nothing is to be counted.
    if (isAscending(this.window, places) && (turns === undefined || isAscending(this.window, turns))) return;
    const sent = this.#inOrderOfSending(places, turns);
    this.#countReordered(sent, places, settled, end);
    this.#countDisplaced(sent, places, settled, end);
  }

  /** The numbers of the packets of the window that arrived, in the order in which they were sent. */
  #inOrderOfSending(places: Float64Array, turns: Float64Array | undefined): Float64Array {
    const { low, high } = this.window;
    const numbers = new Float64Array(high - low + 1);
    let count = 0;
    for (let seq = low; seq <= high; seq++) {
      const slot = this.window.slot(seq);
      if (places[slot] >= 0 && (turns === undefined || turns[slot] >= 0)) numbers[count++] = seq;
    }
    const sent = numbers.subarray(0, count);
    return turns === undefined
      ? sent
      : sent.sort((a, b) => turns[this.window.slot(a)] - turns[this.window.slot(b)] || a - b);
  }

  #countReordered(sent: Float64Array, places: Float64Array, settled: number, end: number): void {
    let earliestAfter = Infinity;
    for (let i = sent.length - 1; i >= 0; i--) {
      const seq = sent[i], place = places[this.window.slot(seq)];
      if (seq >= settled && seq < end && earliestAfter < place) this.#reordered++;
      if (place < earliestAfter) earliestAfter = place;
    }
  }

  #countDisplaced(sent: Float64Array, places: Float64Array, settled: number, end: number): void {
    if (this.#sorted.length < sent.length) this.#sorted = new Float64Array(sent.length);
    for (const [i, seq] of sent.entries()) this.#sorted[i] = places[this.window.slot(seq)];
    const sorted = this.#sorted.subarray(0, sent.length).sort();
    for (const [expected, seq] of sent.entries()) {
      if (seq < settled || seq >= end) continue;
      const place = places[this.window.slot(seq)];
      // Equal places, which only damage makes, count as in order.
      if (sorted[expected] > place) this.#early++;
      else if (sorted[expected] < place) this.#late++;
    }
  }
}

/** Whether a column grows with the numbers of the window, where it is known. */
function isAscending(window: PacketWindow, column: Float64Array): boolean {
  let last = -Infinity;
  for (let seq = window.low; seq <= window.high; seq++) {
    const value = column[window.slot(seq)];
    if (!(value >= 0)) continue;
    if (value < last) return false;
    last = value;
  }
  return true;
}

/**
 * A distribution of numbers of either sign that are close to one another but far from 0, such as differences of two
 * clocks: kept as distances from the first one. Quantiles are exact to 0.1% of that distance, see {@linkcode Distribution}.
 */
export class Deviations {
  /** The first value. */
  #base = NaN;
  readonly #above = new Distribution();
  readonly #below = new Distribution();

  /** The number of values. */
  get count(): number {
    return this.#above.count + this.#below.count;
  }

  /** Adds a value. */
  add(value: number): void {
    if (Number.isNaN(this.#base)) this.#base = value;
    if (value >= this.#base) this.#above.add(value - this.#base);
    else this.#below.add(this.#base - value);
  }

  /** What tables show, reduced by `offset`; undefined without values. */
  quantiles(offset: number): Quantiles | undefined {
    const { count } = this;
    if (count === 0) return undefined;
    const [above, below] = [this.#above, this.#below];
    const base = this.#base - offset;
    const at = (rank: number) => {
      if (rank > below.count) return base + above.valueAt(rank - below.count);
      // From the greatest distance on: that is the least value.
      return base - below.valueAt(below.count - rank + 1);
    };
    const sum = (part: Distribution) => part.count === 0 ? 0 : part.mean * part.count;
    return {
      count,
      min: below.count > 0 ? base - below.max : base + above.min,
      mean: base + (sum(above) - sum(below)) / count,
      max: base + above.max,
      ...quantilesByRank(count, at),
    };
  }
}
