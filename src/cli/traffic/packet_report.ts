import {
  type Bottleneck,
  type MachineLoad,
  type OffsetEstimate,
  packetBottlenecks,
  type PacketFigures,
  type PathFigures,
  type Quantiles,
} from "../../result/analysis/mod.ts";
import { count, grouped } from "../count.ts";
import { bottleneckLines } from "./bottleneck_report.ts";
import { bitRate, milliseconds, percent, span } from "./figure_text.ts";
import type { PacketFlow, PacketInterval } from "./packet_flow.ts";
import { tableLines } from "./text_table.ts";

const INTERVAL_HEAD = ["flow", "seconds", "sent", "received", "sending", "receiving", "RTT min", "median", "max ms"];
const INTERVAL_WIDTHS = [6, 11, 9, 9, 11, 11, 7, 7, 7];
const UNKNOWN = "-";

/** An interval of UDP flows. */
export interface PacketIntervals {
  readonly fromMs: number;
  readonly toMs: number;
  /** What was seen of each flow. */
  readonly seen: readonly (readonly [flow: PacketFlow, interval: PacketInterval])[];
}

/** The heading of the lines that are printed while UDP flows run. */
export function packetIntervalHead(): string[] {
  return tableLines([INTERVAL_HEAD], INTERVAL_WIDTHS);
}

/** An interval of UDP flows as lines, one a flow. */
export function packetIntervalLines({ fromMs, toMs, seen }: PacketIntervals): string[] {
  const rate = (bytes: number) => bytes === 0 ? UNKNOWN : bitRate(bytes * 8000 / (toMs - fromMs));
  return tableLines(
    seen.map(([{ label }, { sent, sentBytes, received, receivedBytes, rtt }]) => {
      const quantiles = rtt.quantiles();
      const times = quantiles === undefined
        ? [UNKNOWN, UNKNOWN, UNKNOWN]
        : [quantiles.min, quantiles.median, quantiles.max].map(milliseconds);
      return [
        label,
        span(fromMs, toMs),
        grouped(sent),
        grouped(received),
        rate(sentBytes),
        rate(receivedBytes),
        ...times,
      ];
    }),
    INTERVAL_WIDTHS,
  );
}

/** The summary of UDP flows as lines. */
export function packetSummaryLines(flows: readonly PacketFlow[], server: string, load: MachineLoad): string[] {
  const lines = [`UDP, server ${server}`];
  const bottlenecks: Bottleneck[] = [];
  for (const flow of flows) {
    const measured = flow.figures();
    if (measured === undefined) {
      lines.push("", `${flow.label}: no packet was sent or received`);
      continue;
    }
    lines.push("", ...flowLines(flow, measured.figures, measured.clockOffset));
    bottlenecks.push(...packetBottlenecks(measured.figures, load));
  }
  return [...lines, ...bottleneckLines(bottlenecks)];
}

function flowLines(flow: PacketFlow, figures: PacketFigures, clockOffset: OffsetEstimate | undefined): string[] {
  const { there, back, rtt, serverTime, lateness, sendBitsPerSecond, goodputBitsPerSecond, incoherent } = figures;
  const sending = flow.reverse ? back?.sent : there?.sent;
  const rates = [
    count(sending ?? 0, "packet"),
    ...sendBitsPerSecond === undefined ? [] : [`sent at ${bitRate(sendBitsPerSecond)}`],
    ...goodputBitsPerSecond === undefined ? [] : [`received at ${bitRate(goodputBitsPerSecond)}`],
  ];
  const lines = [`${flow.label}: ${rates.join(", ")}`];
  const times: (readonly [name: string, quantiles: Quantiles | undefined])[] = [
    ["RTT", rtt],
    ["of it at the server", serverTime],
    ["one-way to server", there?.oneWayDelay],
    ["one-way from server", back?.oneWayDelay],
    ["IPDV to server", there?.ipdv],
    ["IPDV from server", back?.ipdv],
    ["lateness of sends", lateness],
  ];
  const rows = times.flatMap(([name, quantiles]) => quantiles === undefined ? [] : [quantileRow(name, quantiles)]);
  if (rows.length > 0) {
    const head = ["milliseconds", "min", "mean", "median", "p99", "p99.9", "max"];
    lines.push("", ...tableLines([head, ...rows], [20, 7, 7, 7, 7, 7, 7]));
    lines.push(...clockLines(there ?? back, clockOffset));
  }
  const head = ["packets", "sent", "received", "lost", "", "duplicates", "reordered", "early", "late", "dropped"];
  const paths = [
    ...there === undefined ? [] : [pathRow("to server", there)],
    ...back === undefined ? [] : [pathRow("from server", back)],
  ];
  lines.push("", ...tableLines([head, ...paths], [20]));
  if (!flow.complete) lines.push("the server has not told its counts: the flow did not come to its end");
  const marks = (there?.congestionMarks ?? 0) + (back?.congestionMarks ?? 0);
  if (marks > 0) lines.push(`${count(marks, "packet")} arrived marked: congestion experienced`);
  if (incoherent > 0) lines.push(`${count(incoherent, "sample")} made no sense and were left out`);
  return lines;
}

/** How far one-way delays can be trusted. */
function clockLines(path: PathFigures | undefined, clockOffset: OffsetEstimate | undefined): string[] {
  const bound = path?.oneWayDelayBoundNanos;
  if (bound === undefined || bound === 0) return [];
  const drift = clockOffset?.drifted ? "; the clocks drifted apart or were set" : "";
  return [`one-way delays are estimates, off by ${milliseconds(bound)} ms at most: the clocks are not shared${drift}`];
}

function quantileRow(name: string, { min, mean, median, p99, p999, max }: Quantiles): string[] {
  return [name, ...[min, mean, median, p99, p999, max].map(milliseconds)];
}

function pathRow(name: string, path: PathFigures): string[] {
  const { sent, received, lost, duplicates, reordered, early, late, socketDrops } = path;
  return [
    name,
    grouped(sent),
    received === undefined ? UNKNOWN : grouped(received),
    lost === undefined ? UNKNOWN : grouped(lost),
    lost === undefined ? "" : percent(lost, sent),
    ...[duplicates, reordered, early, late, socketDrops].map(grouped),
  ];
}
