import {
  type OffsetEstimate,
  packetBottlenecks,
  type PacketFigures,
  type PathFigures,
} from "../../flow/analysis/mod.ts";
import { bottlenecksJson } from "./bottleneck_report.ts";
import { errorJson, micros, quantileKeys, rounded } from "./json_figures.ts";
import type { MeasuredWith } from "./measured_with.ts";
import type { PacketFlow } from "./packet_flow.ts";
import type { PacketIntervals } from "./packet_report.ts";
import { packetSums } from "./packet_sums.ts";

/** An interval of UDP flows as objects, one a flow. */
export function packetIntervalJson({ fromMs, toMs, seen }: PacketIntervals): object[] {
  const rate = (bytes: number) => rounded(bytes * 8000 / (toMs - fromMs));
  return seen.map(([{ label, reverse, knows }, { sent, sentBytes, received, receivedBytes, rtt }]) => ({
    type: "interval",
    flow: label,
    direction: directionOf(reverse),
    startSeconds: fromMs / 1000,
    endSeconds: toMs / 1000,
    ...knows.sent && { sent },
    ...knows.received && { received },
    ...knows.sent && { sendBitsPerSecond: rate(sentBytes) },
    ...knows.received && { receiveBitsPerSecond: rate(receivedBytes) },
    ...quantileKeys("rtt", rtt.quantiles()),
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
  return {
    durationSeconds: figures.sendNanos / 1e9,
    sendBitsPerSecond: rounded(figures.sendBitsPerSecond),
    goodputBitsPerSecond: rounded(figures.goodputBitsPerSecond),
    ...quantileKeys("rtt", figures.rtt),
    ...quantileKeys("serverTime", figures.serverTime),
    ...quantileKeys("lateness", figures.lateness),
    sendErrors: figures.sendErrors,
    unsent: figures.unsent,
    clockOffsetMicros: clockOffset && micros(clockOffset.offsetNanos),
    clockOffsetBoundMicros: clockOffset && micros(clockOffset.boundNanos),
    clockDrifted: clockOffset?.drifted,
    toServer: figures.there && pathJson(figures.there),
    fromServer: figures.back && pathJson(figures.back),
    incoherent: figures.incoherent,
  };
}

function directionOf(reverse: boolean): "upload" | "download" {
  return reverse ? "download" : "upload";
}

function pathJson(path: PathFigures): object {
  const { sent, received, lost, duplicates, reordered, early, late, socketDrops, congestionMarks } = path;
  return {
    sent,
    received,
    lost,
    lostPercent: lost === undefined || !sent ? undefined : rounded(lost / sent * 100),
    duplicates,
    reordered,
    early,
    late,
    socketDrops,
    congestionMarks,
    ...quantileKeys("oneWayDelay", path.oneWayDelay),
    oneWayDelayBoundMicros: path.oneWayDelayBoundNanos === undefined ? undefined : micros(path.oneWayDelayBoundNanos),
    ...quantileKeys("ipdv", path.ipdv),
    jitterMicros: path.jitterNanos === undefined ? undefined : micros(path.jitterNanos),
  };
}
