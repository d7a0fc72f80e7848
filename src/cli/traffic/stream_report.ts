import {
  figuresOf,
  STREAM_FIGURES,
  STREAM_INTERVAL_FIGURES,
  streamBottlenecks,
  type StreamFigures,
  type StreamInterval,
} from "../../flow/analysis/mod.ts";
import { byteAmount } from "../../base/size.ts";
import { grouped } from "../../base/count.ts";
import { bottleneckLines, bottlenecksJson } from "./bottleneck_report.ts";
import { bitRate, milliseconds, seconds, span } from "./figure_text.ts";
import { errorJson, rounded } from "./json_figures.ts";
import { lastLines, medianOrLast } from "./last_sample.ts";
import { kindLines, type MeasuredWith } from "./measured_with.ts";
import type { StreamFlow } from "./stream_flow.ts";
import { streamSum } from "./stream_sum.ts";
import { tableLines } from "../../base/text_table.ts";

const INTERVAL_HEAD = ["flow", "seconds", "received", "goodput", "resent", "RTT ms", "cwnd"];
const INTERVAL_WIDTHS = [8, 11, 9, 11, 6, 7, 9];
const UNKNOWN = "-";

/** An interval of TCP flows. */
export interface StreamIntervals {
  readonly fromMs: number;
  readonly toMs: number;
  /** What was seen of each flow. */
  readonly seen: readonly (readonly [flow: StreamFlow, interval: StreamInterval])[];
}

/** The heading of the lines that are printed while TCP flows run. */
export function streamIntervalHead(): string[] {
  return tableLines([INTERVAL_HEAD], INTERVAL_WIDTHS);
}

/** An interval of TCP flows as lines: one a flow, and their sum where there are several in a direction. */
export function streamIntervalLines({ fromMs, toMs, seen }: StreamIntervals): string[] {
  const time = span(fromMs, toMs);
  const row = (label: string, bytes: number, more: string[]) => [
    label,
    time,
    byteAmount(bytes),
    bitRate(perSecond(bytes, toMs - fromMs)),
    ...more,
  ];
  const rows = seen.map(([{ label }, { bytes, retransmits, rttMicros, cwndBytes }]) =>
    row(label, bytes, [
      retransmits === undefined ? UNKNOWN : grouped(retransmits),
      rttMicros === undefined ? UNKNOWN : milliseconds(rttMicros * 1000),
      cwndBytes === undefined ? UNKNOWN : byteAmount(cwndBytes),
    ])
  );
  for (const direction of ["upload", "download"] as const) {
    const those = seen.filter(([flow]) => flow.direction === direction);
    if (those.length < 2) continue;
    const retransmits = those.map(([, interval]) => interval.retransmits).filter((n) => n !== undefined);
    rows.push(row(
      direction === "upload" ? "sum up" : "sum down",
      those.reduce((sum, [, { bytes }]) => sum + bytes, 0),
      [retransmits.length === 0 ? UNKNOWN : grouped(retransmits.reduce((a, b) => a + b)), UNKNOWN, UNKNOWN],
    ));
  }
  return tableLines(rows, INTERVAL_WIDTHS);
}

/** An interval of TCP flows as objects, one a flow. */
export function streamIntervalJson({ fromMs, toMs, seen }: StreamIntervals): object[] {
  return seen.map(([{ label, direction }, interval]) => ({
    type: "interval",
    flow: label,
    direction,
    startSeconds: fromMs / 1000,
    endSeconds: toMs / 1000,
    ...figuresOf(STREAM_INTERVAL_FIGURES, interval),
  }));
}

/** The summary of TCP flows as lines. */
export function streamSummaryLines(flows: readonly StreamFlow[], how: MeasuredWith): string[] {
  const { server, load, kind } = how;
  const measured = flows.map((flow) => ({ flow, figures: flow.figures() }));
  const ccas = new Set(flows.map(({ cca }) => cca).filter((cca) => cca !== undefined));
  const completions = flows.some(({ hasLength }) => hasLength);
  const time = completions ? "done s" : "seconds";
  const head = ["flow", time, "received", "goodput", "resent", "min RTT", "sRTT ms", "p99 ms", "cwnd"];
  const rows = measured.map(({ flow: { label }, figures }) => [
    label,
    optional(completions ? figures.completionNanos : figures.durationNanos, seconds),
    byteAmount(figures.bytes) + (figures.receiverCounted ? "" : "*"),
    bitRate(figures.goodputBitsPerSecond),
    figures.retransmits === undefined ? UNKNOWN : grouped(figures.retransmits),
    optional(figures.minRttNanos, milliseconds),
    medianOrLast(figures.rtt, figures.lastRttNanos, milliseconds),
    optional(figures.rtt?.p99, milliseconds),
    medianOrLast(figures.cwndBytes, figures.lastCwndBytes, byteAmount),
  ]);
  for (const direction of ["upload", "download"] as const) {
    const those = measured.filter(({ flow }) => flow.direction === direction);
    if (those.length < 2) continue;
    const total = streamSum(those.map(({ flow }) => flow));
    rows.push([
      direction === "upload" ? "sum up" : "sum down",
      completions ? UNKNOWN : seconds(total.durationNanos),
      byteAmount(total.bytes),
      bitRate(total.goodputBitsPerSecond),
      optional(total.retransmits, grouped),
      ...Array<string>(4).fill(UNKNOWN),
    ]);
  }
  const lines = [`TCP, server ${server}${ccas.size === 0 ? "" : `, ${[...ccas].join(", ")}`}`, ""];
  lines.push(...tableLines([head, ...rows]));
  if (measured.some(({ figures }) => !figures.receiverCounted)) {
    lines.push("* sent: the receiver has not told what arrived");
  }
  lines.push(...lastLines(rows));
  return [...lines, ...kindLines(kind), ...bottleneckLines(bottlenecks(measured, load))];
}

/** The summary of TCP flows as an object. */
export function streamSummaryJson(flows: readonly StreamFlow[], how: MeasuredWith): object {
  const { server, load, kind } = how;
  const measured = flows.map((flow) => ({ flow, figures: flow.figures() }));
  const goodput = (those: readonly StreamFlow[]) => {
    const { durationNanos, goodputBitsPerSecond } = streamSum(those);
    // Where no transfer has begun, nothing was measured.
    return durationNanos > 0 ? rounded(goodputBitsPerSecond) : undefined;
  };
  return {
    type: "summary",
    protocol: "tcp",
    server,
    kind,
    complete: flows.every(({ complete }) => complete),
    error: errorJson(how.error),
    goodputBitsPerSecond: goodput(flows),
    uploadGoodputBitsPerSecond: goodput(flows.filter(({ direction }) => direction === "upload")),
    downloadGoodputBitsPerSecond: goodput(flows.filter(({ direction }) => direction === "download")),
    flows: measured.map(({ flow, figures }) => flowJson(flow, figures)),
    bottlenecks: bottlenecksJson(bottlenecks(measured, load)),
  };
}

function flowJson(flow: StreamFlow, figures: StreamFigures): object {
  const { label, id, direction, cca, complete } = flow;
  const measured = complete || figures.durationNanos > 0;
  return { flow: label, id, direction, cca, complete, ...measured && figuresOf(STREAM_FIGURES, figures) };
}

function bottlenecks(
  measured: readonly { readonly flow: StreamFlow; readonly figures: StreamFigures }[],
  load: MeasuredWith["load"],
) {
  return measured.flatMap(({ flow, figures }) => streamBottlenecks(figures, load, flow.paced));
}

function perSecond(bytes: number, ms: number): number {
  return ms > 0 ? bytes * 8000 / ms : 0;
}

function optional(value: number | undefined, write: (value: number) => string): string {
  return value === undefined ? UNKNOWN : write(value);
}
