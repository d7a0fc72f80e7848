import {
  CLOCK_FIGURES,
  figuresOf,
  type OffsetEstimate,
  PACKET_FIGURES,
  PACKET_INTERVAL_FIGURES,
  packetBottlenecks,
  type PacketFigures,
  PATH_FIGURES,
} from "../../flow/analysis/mod.ts";
import { bottlenecksJson } from "./bottleneck_report.ts";
import { errorJson } from "./json_figures.ts";
import type { MeasuredWith } from "./measured_with.ts";
import type { PacketFlow } from "./packet_flow.ts";
import type { PacketIntervals } from "./packet_report.ts";
import { packetSums } from "./packet_sums.ts";

/** An interval of UDP flows as objects, one a flow. */
export function packetIntervalJson({ fromMs, toMs, seen }: PacketIntervals): object[] {
  return seen.map(([{ label, reverse }, interval]) => ({
    type: "interval",
    flow: label,
    direction: directionOf(reverse),
    startSeconds: fromMs / 1000,
    endSeconds: toMs / 1000,
    ...figuresOf(PACKET_INTERVAL_FIGURES, interval),
  }));
}

/** The summary of UDP flows as an object. */
export function packetSummaryJson(flows: readonly PacketFlow[], how: MeasuredWith): object {
  const { server, load, kind, error } = how;
  const measured = flows.map((flow) => ({ flow, measured: flow.figures() }));
  const sums = packetSums(measured.map(({ flow, measured }) => ({ flow, figures: measured?.figures })));
  return {
    type: "summary",
    protocol: "udp",
    server,
    kind,
    complete: flows.every(({ complete }) => complete),
    error: errorJson(error),
    flows: measured.map(({ flow, measured }) => ({
      flow: flow.label,
      id: flow.id,
      direction: directionOf(flow.reverse),
      complete: flow.complete,
      bad: flow.bad.here,
      serverBad: flow.bad.server,
      ...measured && packetFiguresJson(measured.figures, measured.clockOffset),
    })),
    totals: sums.map(({ reverse, flows, complete, figures }) => ({
      direction: directionOf(reverse),
      flows,
      complete,
      ...packetFiguresJson(figures, undefined),
    })),
    bottlenecks: bottlenecksJson(
      measured.flatMap(({ measured }) => measured ? packetBottlenecks(measured.figures, load) : []),
    ),
  };
}

/** What was measured with a sender, under keys that carry their unit. */
export function packetFiguresJson(figures: PacketFigures, clockOffset: OffsetEstimate | undefined): object {
  const { there, back } = figures;
  return {
    ...figuresOf(PACKET_FIGURES, figures),
    ...clockOffset && figuresOf(CLOCK_FIGURES, clockOffset),
    toServer: there && figuresOf(PATH_FIGURES, there),
    fromServer: back && figuresOf(PATH_FIGURES, back),
  };
}

function directionOf(reverse: boolean): "upload" | "download" {
  return reverse ? "download" : "upload";
}
