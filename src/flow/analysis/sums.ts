import type { PathFigures } from "./packet_path.ts";
import type { PacketFigures } from "./sender_analysis.ts";
import { RateMeter } from "./rate_meter.ts";
import type { StreamFigures } from "./stream_analysis.ts";
import { Distribution, quantilesOf } from "./distribution.ts";
import type { PacketInterval, StreamInterval } from "./intervals.ts";
import type { TransactionFigures, TransactionInterval, TransactionTimes } from "./transaction_analysis.ts";

/** A TCP flow as a sum takes it. */
export interface StreamAddend {
  /** When its transfer started, in nanoseconds since a moment that is the same for all. */
  readonly startNanos: number;
  /** When the client last saw something of it, in the same time. */
  readonly lastNanos: number;
  /** Returns what was measured with it. */
  figures(): Pick<StreamFigures, "bytes" | "durationNanos" | "retransmits"> & Partial<StreamFigures>;
}

/**
 * Adds up TCP flows, from the start of the first transfer to the end of the last. Goodput is the bytes of all by their common time: flows that do not run at the same time cannot add
 * up to more than the link. Segments sent again are unknown unless they are known of all.
 *
 * @example
 * ```ts
 * import { sumStreams } from "./sums.ts";
 * const figures = () => ({ bytes: 125, durationNanos: 1e6 });
 * const flow = (startNanos: number) => ({ startNanos, lastNanos: startNanos + 1e6, figures });
 * console.assert(sumStreams([flow(0), flow(1e6)]).goodputBitsPerSecond === 1e6);
 * ```
 */
export function sumStreams(flows: readonly StreamAddend[]): StreamFigures {
  const all = flows.map((flow) => ({ ...flow.figures(), from: flow.startNanos, last: flow.lastNanos }));
  // A flow that has not come to its transfer has no place in time.
  const begun = all.filter(({ durationNanos }) => durationNanos > 0);
  const from = Math.min(...begun.map(({ from }) => from));
  // The receiver's time starts when it has the request, which may wait in a queue for long: it has no place by itself.
  const to = Math.max(...begun.map(({ from, last, durationNanos }) => Math.max(last, from + durationNanos)));
  const bytes = sum(all.map(({ bytes }) => bytes));
  const durationNanos = begun.length === 0 ? 0 : to - from;
  const marks = sumKnown(all.map(({ congestionMarks }) => congestionMarks));
  return {
    bytes,
    receiverCounted: all.every(({ receiverCounted = true }) => receiverCounted),
    durationNanos,
    goodputBitsPerSecond: durationNanos > 0 ? bytes * 8e9 / durationNanos : 0,
    retransmits: sumKnown(all.map(({ retransmits }) => retransmits)),
    ...marks === undefined ? {} : { congestionMarks: marks },
    incoherent: sum(all.map(({ incoherent = 0 }) => incoherent)),
  };
}

/** A UDP flow as a sum takes it. */
export interface PacketAddend {
  /** Absent if no packet was sent or received. */
  readonly figures?: PacketFigures;
  /** Its packets, without echoes, as they passed the client; in a time that is the same for all. */
  readonly passed: RateMeter;
}

/**
 * Adds up UDP flows with a sender in the same direction, from the first packet of all to the last; times of packets are
 * left out. A count that is not known of one flow is not known of all.
 *
 * @param reverse whether the senders are at the server
 */
export function sumPackets(flows: readonly PacketAddend[], reverse: boolean): PacketFigures {
  const all = flows.flatMap(({ figures }) => figures ?? []);
  // All flows share the server's socket, which counts for each of them. Each has a socket of its own at the client.
  const toServer = sumPaths(all.flatMap(({ toServer }) => toServer ?? []), (drops) => Math.max(0, ...drops));
  const fromServer = sumPaths(all.flatMap(({ fromServer }) => fromServer ?? []), sum);
  const meter = new RateMeter();
  for (const { passed } of flows) meter.merge(passed);
  // The client sees one of the two rates; the other one is in proportion to the packets.
  const seen = meter.bitsPerSecond;
  const path = reverse ? fromServer : toServer;
  const scaled = (to: number | undefined, from: number | undefined) =>
    seen === undefined || to === undefined || !from ? undefined : seen * to / from;
  return {
    sender: 0,
    toServer,
    fromServer,
    slowReplies: sum(all.map(({ slowReplies }) => slowReplies)),
    lateSends: sum(all.map(({ lateSends }) => lateSends)),
    sendNanos: meter.nanos,
    sendBitsPerSecond: reverse ? scaled(path?.sent, path?.received) : seen,
    goodputBitsPerSecond: reverse ? seen : scaled(path?.received, path?.sent),
    sendErrors: sum(all.map(({ sendErrors }) => sendErrors)),
    unsent: sum(all.map(({ unsent }) => unsent)),
    ...all.length > 0 && { unanswered: sumKnown(all.map(({ unanswered }) => unanswered)) },
    incoherent: sum(all.map(({ incoherent }) => incoherent)),
  };
}

function sumPaths(paths: readonly PathFigures[], ofDrops: (drops: number[]) => number): PathFigures | undefined {
  if (paths.length === 0) return undefined;
  const sent = sumKnown(paths.map(({ sent }) => sent));
  const received = sumKnown(paths.map(({ received }) => received));
  const unsettled = sum(paths.map(({ unsettled = 0 }) => unsettled));
  const socketDrops = ofDrops(paths.map(({ socketDrops }) => socketDrops));
  return {
    sent,
    received,
    lost: sent === undefined || received === undefined
      ? undefined
      : Math.max(0, sent - unsettled - received - socketDrops),
    unsettled,
    duplicates: sum(paths.map(({ duplicates }) => duplicates)),
    reordered: sum(paths.map(({ reordered }) => reordered)),
    early: sumKnown(paths.map(({ early }) => early)),
    late: sumKnown(paths.map(({ late }) => late)),
    socketDrops,
    congestionMarks: sumKnown(paths.map(({ congestionMarks }) => congestionMarks)),
  };
}

/**
 * Adds up requests and responses of flows whose samples are not at hand: counts are sums, the time is the longest, and
 * latencies are medians over flows.
 */
export function sumTransactionFigures(flows: readonly TransactionFigures[]): TransactionFigures {
  const lost = sumWhereKnown(flows.map(({ lost }) => lost));
  return {
    transactions: sum(flows.map(({ transactions }) => transactions)),
    ...lost !== undefined && { lost },
    durationNanos: Math.max(...flows.map(({ durationNanos }) => durationNanos)),
    perConnection: flows.some(({ perConnection }) => perConnection),
    latency: medianTimes(flows.flatMap(({ latency }) => latency ?? [])),
    connect: medianTimes(flows.flatMap(({ connect }) => connect ?? [])),
    incoherent: sum(flows.map(({ incoherent }) => incoherent)),
  };
}

const PARTS = ["count", "min", "mean", "median", "p90", "p99", "p999", "max"] as const;

function medianTimes(all: readonly TransactionTimes[]): TransactionTimes | undefined {
  if (all.length === 0) return undefined;
  const medians = PARTS.map((part) => [part, quantilesOf(all.map((times) => times[part]))?.median]);
  return Object.fromEntries(medians) as Record<typeof PARTS[number], number>;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Returns the sum of values, unless one of them is not known. */
function sumKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length ? sum(known) : undefined;
}

/** Adds up what TCP flows did in an interval. What is a state at its end, such as a round-trip time, has no sum. */
export function sumStreamIntervals(intervals: readonly StreamInterval[]): StreamInterval {
  return {
    durationMs: intervals[0].durationMs,
    bytes: sum(intervals.map(({ bytes }) => bytes)),
    // A flow that is over resends nothing.
    retransmits: sumWhereKnown(intervals.map(({ retransmits }) => retransmits)),
    congestionMarks: sumWhereKnown(intervals.map(({ congestionMarks }) => congestionMarks)),
  };
}

/** Adds up what UDP flows with a sender in the same direction did in an interval. */
export function sumPacketIntervals(intervals: readonly PacketInterval[]): PacketInterval {
  return {
    durationMs: intervals[0].durationMs,
    sent: sumKnown(intervals.map(({ sent }) => sent)),
    sentBytes: sumKnown(intervals.map(({ sentBytes }) => sentBytes)),
    received: sumKnown(intervals.map(({ received }) => received)),
    receivedBytes: sumKnown(intervals.map(({ receivedBytes }) => receivedBytes)),
    rtt: Distribution.merged(intervals.map(({ rtt }) => rtt)),
  };
}

/** Adds up what flows of requests and responses did in an interval. */
export function sumTransactionIntervals(intervals: readonly TransactionInterval[]): TransactionInterval {
  return {
    durationMs: intervals[0].durationMs,
    latency: Distribution.merged(intervals.map(({ latency }) => latency)),
    lost: sumWhereKnown(intervals.map(({ lost }) => lost)),
  };
}

/** Returns the sum of those values that are known; undefined if none is. */
export function sumWhereKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : sum(known);
}
