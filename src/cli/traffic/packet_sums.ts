import { type PacketFigures, type PathFigures, RateMeter } from "../../flow/analysis/mod.ts";
import type { PacketFlow } from "./packet_flow.ts";

/** A flow, and what was measured with it. */
export interface MeasuredFlow {
  readonly flow: PacketFlow;
  readonly figures?: PacketFigures;
}

/** What the flows of a direction come to together. */
export interface PacketSum {
  readonly reverse: boolean;
  /** How many there are. */
  readonly flows: number;
  readonly complete: boolean;
  /** Counts and rates, the latter over the time from the first packet of all flows to the last; no times of packets. */
  readonly figures: PacketFigures;
}

/** Adds up the flows of each direction; a count that is not known of one is not known of all. */
export function packetSums(measured: readonly MeasuredFlow[]): PacketSum[] {
  return [false, true].flatMap((reverse) => {
    const those = measured.filter(({ flow }) => flow.reverse === reverse);
    return those.length === 0 ? [] : [sumOf(reverse, those)];
  });
}

function sumOf(reverse: boolean, measured: readonly MeasuredFlow[]): PacketSum {
  const all = measured.flatMap(({ figures }) => figures ?? []);
  // All flows share the server's socket, which counts for each of them; their own they have to themselves.
  const there = sumPaths(all.flatMap((figures) => figures.there ?? []), most);
  const back = sumPaths(all.flatMap((figures) => figures.back ?? []), sum);
  const meter = new RateMeter();
  for (const { flow } of measured) meter.merge(flow.passed);
  // What this end sees; the other end's rate is that in proportion to the packets.
  const seen = meter.bitsPerSecond;
  const path = reverse ? back : there;
  const scaled = (to: number | undefined, from: number | undefined) =>
    seen === undefined || to === undefined || !from ? undefined : seen * to / from;
  return {
    reverse,
    flows: measured.length,
    complete: measured.every(({ flow }) => flow.complete),
    figures: {
      sender: 0,
      there,
      back,
      slowReplies: sum(all.map(({ slowReplies }) => slowReplies)),
      lateSends: sum(all.map(({ lateSends }) => lateSends)),
      sendNanos: meter.nanos,
      sendBitsPerSecond: reverse ? scaled(path?.sent, path?.received) : seen,
      goodputBitsPerSecond: reverse ? seen : scaled(path?.received, path?.sent),
      sendErrors: sum(all.map(({ sendErrors }) => sendErrors)),
      unsent: sum(all.map(({ unsent }) => unsent)),
      incoherent: sum(all.map(({ incoherent }) => incoherent)),
    },
  };
}

function sumPaths(paths: readonly PathFigures[], ofDrops: (drops: number[]) => number): PathFigures | undefined {
  if (paths.length === 0) return undefined;
  const sent = sumKnown(paths.map(({ sent }) => sent));
  const received = sumKnown(paths.map(({ received }) => received));
  const socketDrops = ofDrops(paths.map(({ socketDrops }) => socketDrops));
  const unsettled = sum(paths.map(({ unsettled = 0 }) => unsettled));
  return {
    sent,
    received,
    lost: sent === undefined || received === undefined
      ? undefined
      : Math.max(0, sent - unsettled - received - socketDrops),
    duplicates: sum(paths.map(({ duplicates }) => duplicates)),
    reordered: sum(paths.map(({ reordered }) => reordered)),
    early: sumKnown(paths.map(({ early }) => early)),
    late: sumKnown(paths.map(({ late }) => late)),
    socketDrops,
    unsettled,
    congestionMarks: sumKnown(paths.map(({ congestionMarks }) => congestionMarks)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function most(values: readonly number[]): number {
  return Math.max(0, ...values);
}

function sumKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length ? sum(known) : undefined;
}
