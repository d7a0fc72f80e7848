import {
  CLOCK_FIGURES,
  Distribution,
  figuresOf,
  type OffsetEstimate,
  PACKET_FIGURES,
  PACKET_INTERVAL_FIGURES,
  packetBottlenecks,
  type PacketFigures,
  type PacketInterval,
  PATH_FIGURES,
  sumKnown,
  sumPackets,
} from "../../flow/analysis/mod.ts";
import { column, separated } from "../figures.ts";
import { type ClientReport, sumsOf } from "./client_report.ts";
import type { PacketFlow } from "./packet_flow.ts";
import { packetTables } from "./packet_tables.ts";

const { sent, received, sendBitsPerSecond, receiveBitsPerSecond, rtt } = PACKET_INTERVAL_FIGURES;

/** How `tine udp client` shows UDP flows. */
export const PACKET_REPORT: ClientReport<PacketFlow, PacketInterval> = {
  protocol: "udp",
  intervalFigures: PACKET_INTERVAL_FIGURES,
  intervalTable: {
    names: ["flow", "seconds"],
    columns: [
      column("sent", sent),
      column("received", received),
      column("sending", sendBitsPerSecond),
      column("receiving", receiveBitsPerSecond),
      column("RTT min", rtt, "min"),
      column("median", rtt, "median"),
      column("max ms", rtt, "max"),
    ],
    widths: [8, 11, 9, 9, 11, 11, 7, 7, 7],
  },

  sumIntervals(intervals) {
    const rtt = new Distribution();
    for (const interval of intervals) rtt.merge(interval.rtt);
    return {
      durationMs: intervals[0].durationMs,
      sent: sumKnown(intervals.map(({ sent }) => sent)),
      sentBytes: sumKnown(intervals.map(({ sentBytes }) => sentBytes)),
      received: sumKnown(intervals.map(({ received }) => received)),
      receivedBytes: sumKnown(intervals.map(({ receivedBytes }) => receivedBytes)),
      rtt,
    };
  },

  summarize(flows, load) {
    const measured = flows.map((flow) => ({ flow, passed: flow.passed, ...flow.figures() }));
    return {
      lines: () => lines(measured),
      json: () => json(measured),
      bottlenecks: measured.flatMap(({ figures }) => figures ? packetBottlenecks(figures, load) : []),
    };
  },
};

/** A flow, and what was measured with it. */
interface Measured {
  readonly flow: PacketFlow;
  readonly passed: PacketFlow["passed"];
  readonly figures?: PacketFigures;
  readonly clockOffset?: OffsetEstimate;
}

function lines(measured: readonly Measured[]): string[] {
  const flows = measured.map(({ flow: { label, complete, bad }, figures, clockOffset }) => {
    if (figures === undefined) return [`${label}: no packet was sent or received`];
    return packetTables({ label, complete, bad, figures, clockOffset });
  });
  const sums = sumsOf(measured, ({ flow }) => flow.direction).map(({ label, direction, those }) => {
    const complete = those.every(({ flow }) => flow.complete);
    return packetTables({ label, complete, figures: sumPackets(those, direction === "download") });
  });
  return separated([...flows, ...sums]);
}

function json(measured: readonly Measured[]): object {
  return {
    flows: measured.map(({ flow, figures, clockOffset }) => ({
      flow: flow.label,
      id: flow.id,
      direction: flow.direction,
      complete: flow.complete,
      bad: flow.bad.here,
      serverBad: flow.bad.server,
      ...figures && packetFiguresJson(figures, clockOffset),
    })),
    totals: (["upload", "download"] as const).flatMap((direction) => {
      const those = measured.filter(({ flow }) => flow.direction === direction);
      if (those.length === 0) return [];
      return [{
        direction,
        flows: those.length,
        complete: those.every(({ flow }) => flow.complete),
        ...packetFiguresJson(sumPackets(those, direction === "download")),
      }];
    }),
  };
}

/** Returns what was measured with a sender, under keys that carry their unit. */
export function packetFiguresJson(figures: PacketFigures, clockOffset?: OffsetEstimate): object {
  const { toServer, fromServer } = figures;
  return {
    ...figuresOf(PACKET_FIGURES, figures),
    ...clockOffset && figuresOf(CLOCK_FIGURES, clockOffset),
    toServer: toServer && figuresOf(PATH_FIGURES, toServer),
    fromServer: fromServer && figuresOf(PATH_FIGURES, fromServer),
  };
}
