import { type Bottleneck, Distribution, packetBottlenecks, type PacketInterval } from "../../flow/analysis/mod.ts";
import { grouped } from "../../base/count.ts";
import { bottleneckLines } from "./bottleneck_report.ts";
import { bitRate, milliseconds, span } from "./figure_text.ts";
import { packetFigureLines } from "./packet_figure_lines.ts";
import { kindLines, type MeasuredWith } from "./measured_with.ts";
import type { PacketFlow } from "./packet_flow.ts";
import { packetSums } from "./packet_sums.ts";
import { tableLines } from "../../base/text_table.ts";

const INTERVAL_HEAD = ["flow", "seconds", "sent", "received", "sending", "receiving", "RTT min", "median", "max ms"];
const INTERVAL_WIDTHS = [8, 11, 9, 9, 11, 11, 7, 7, 7];
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

/** An interval of UDP flows as lines: one a flow, and their sum where there are several in a direction. */
export function packetIntervalLines({ fromMs, toMs, seen }: PacketIntervals): string[] {
  const rate = (bytes = 0) => bytes === 0 ? UNKNOWN : bitRate(bytes * 8000 / (toMs - fromMs));
  const sums = ([[false, "sum up"], [true, "sum down"]] as const).flatMap(([reverse, label]) => {
    const those = seen.filter(([flow]) => flow.reverse === reverse);
    return those.length < 2 ? [] : [[{ label }, sumOf(those.map(([, interval]) => interval))] as const];
  });
  return tableLines(
    [...seen, ...sums].map(([{ label }, { sent, sentBytes, received, receivedBytes, rtt }]) => {
      const quantiles = rtt.quantiles();
      const times = quantiles === undefined
        ? [UNKNOWN, UNKNOWN, UNKNOWN]
        : [quantiles.min, quantiles.median, quantiles.max].map(milliseconds);
      return [
        label,
        span(fromMs, toMs),
        sent === undefined ? UNKNOWN : grouped(sent),
        received === undefined ? UNKNOWN : grouped(received),
        rate(sentBytes),
        rate(receivedBytes),
        ...times,
      ];
    }),
    INTERVAL_WIDTHS,
  );
}

function sumOf(intervals: readonly PacketInterval[]): PacketInterval {
  const sum = (key: "sent" | "sentBytes" | "received" | "receivedBytes") =>
    intervals.reduce<number | undefined>((sum = NaN, { [key]: value = NaN }) => sum + value, 0);
  const known = (value: number | undefined) => Number.isNaN(value) ? undefined : value;
  const rtt = new Distribution();
  for (const interval of intervals) rtt.merge(interval.rtt);
  return {
    durationMs: intervals[0].durationMs,
    sent: known(sum("sent")),
    sentBytes: known(sum("sentBytes")),
    received: known(sum("received")),
    receivedBytes: known(sum("receivedBytes")),
    rtt,
  };
}

/** The summary of UDP flows as lines. */
export function packetSummaryLines(flows: readonly PacketFlow[], how: MeasuredWith): string[] {
  const { server, load, kind } = how;
  const lines = [`UDP, server ${server}`];
  const bottlenecks: Bottleneck[] = [];
  const all = flows.map((flow) => ({ flow, measured: flow.figures() }));
  for (const { flow, measured } of all) {
    if (measured === undefined) {
      lines.push("", `${flow.label}: no packet was sent or received`);
      continue;
    }
    lines.push("", ...packetFigureLines(flow, measured.figures, measured.clockOffset));
    bottlenecks.push(...packetBottlenecks(measured.figures, load));
  }
  for (
    const { reverse, flows, complete, figures } of packetSums(
      all.map(({ flow, measured }) => ({ flow, figures: measured?.figures })),
    )
  ) {
    if (flows < 2) continue;
    const label = reverse ? "sum down" : "sum up";
    lines.push("", ...packetFigureLines({ label, reverse, complete }, figures, undefined));
  }
  return [...lines, ...kindLines(kind), ...bottleneckLines(bottlenecks)];
}
