import type { ArrivalTotals } from "../../flow/packet/arrival_times.ts";
import { ArrivalOrder, type OrderCounts } from "./arrival_order.ts";
import type { OffsetEstimate } from "./clock_offset.ts";
import { Deviations } from "./deviations.ts";
import { Distribution, type Quantiles } from "./distribution.ts";
import type { PacketWindow } from "./packet_window.ts";

/** So much a difference of delays counts in jitter: RFC 3550, 6.4.1. */
const JITTER_GAIN = 1 / 16;

/** The figures of a distribution, of which quantiles are known only where each value is. */
export type Spread = Pick<Quantiles, "count" | "min" | "mean" | "max"> & Partial<Quantiles>;

/** How packets fared in one direction. Times are nanoseconds. */
export interface PathFigures extends OrderCounts {
  /** Packets that the kernel took; absent if the sender told nothing. */
  readonly sent?: number;
  /** Packets that arrived at the program, each counted once; absent if the receiver told nothing. */
  readonly received?: number;
  /**
   * Sent, but not received: Type-P-One-way-Packet-Loss of RFC 7680. Those that the receiver's own socket had no room for
   * are not among them where it counted them, see `socketDrops`. Absent if one of the ends told nothing.
   */
  readonly lost?: number;
  /** Arrived again: RFC 5560. */
  readonly duplicates: number;
  /**
   * What the receiver's own socket had no room for: lost at this end, not in the network. Of a server, packets of other
   * flows may be among them.
   */
  readonly socketDrops: number;
  /** Arrived marked "congestion experienced", each counted once: RFC 3168. Absent if the receiver does not see marks. */
  readonly congestionMarks?: number;
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
  congestionMarks = 0;
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

  /** Both times of a packet are known now. */
  complete(seq: number): void {
    const delay = this.#delay(seq);
    this.#delays.add(delay);
    if (!Number.isNaN(this.#lastDelay)) {
      this.#jitter += (Math.abs(delay - this.#lastDelay) - this.#jitter) * JITTER_GAIN;
    }
    this.#lastDelay = delay;
    for (const other of [seq - 1, seq + 1]) {
      const neighbour = this.window.has(other) ? this.#delay(other) : NaN;
      if (!Number.isNaN(neighbour)) this.#ipdv.add(Math.abs(delay - neighbour));
    }
  }

  /**
   * What is known now.
   *
   * @param told of which ends anything is known
   * @param offset how the clocks relate; undefined where that is not known
   * @param totals what is known where the times of each packet are not
   */
  figures(
    told: { readonly sender: boolean; readonly receiver: boolean },
    offset: OffsetEstimate | undefined,
    totals?: ArrivalTotals,
  ): PathFigures {
    const { sent, received, duplicates, socketDrops } = this;
    const congestionMarks = this.seesMarks || told.receiver && received === 0 ? this.congestionMarks : undefined;
    const own = this.#delays.count > 0;
    const { reordered, early, late } = this.order.counts;
    const ahead = this.sign * (offset?.offsetNanos ?? 0);
    const oneWayDelay = own ? this.#delays.quantiles(ahead) : totals && moved(totals.delay, -ahead);
    return {
      ...told.sender && { sent },
      ...told.receiver && { received },
      ...told.sender && told.receiver && { lost: Math.max(0, sent - received - socketDrops) },
      duplicates,
      socketDrops,
      congestionMarks,
      reordered: Math.max(reordered, totals?.reordered ?? 0),
      early,
      late,
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

function moved({ count, min, mean, max }: Spread, nanos: number): Spread {
  return { count, min: min + nanos, mean: mean + nanos, max: max + nanos };
}
