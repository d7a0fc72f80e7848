import {
  figuresOf,
  rounded,
  STREAM_FIGURES,
  STREAM_INTERVAL_FIGURES,
  streamBottlenecks,
  type StreamFigures,
  type StreamInterval,
  sumStreams,
} from "../../flow/analysis/mod.ts";
import { type Column, column, type Row, streamColumns, tableOf } from "../figures.ts";
import { warmupText } from "./client_flags.ts";
import { type ClientReport, type SummaryValues, sumsOf } from "./client_report.ts";
import type { StreamFlow } from "./stream_flow.ts";

const { bytes, goodputBitsPerSecond, retransmits, rttMicros, cwndBytes } = STREAM_INTERVAL_FIGURES;

/** How `tine tcp client` shows TCP flows. */
export const STREAM_REPORT: ClientReport<StreamFlow, StreamInterval> = {
  protocol: "tcp",
  intervalFigures: STREAM_INTERVAL_FIGURES,
  intervalTable: {
    names: ["flow", "seconds"],
    columns: [
      column("received", bytes),
      column("goodput", goodputBitsPerSecond),
      column("resent", retransmits),
      column("RTT ms", rttMicros),
      column("cwnd", cwndBytes),
    ],
    widths: [8, 11, 9, 11, 6, 7, 9],
  },

  sumIntervals(intervals) {
    // A flow that is over resends nothing.
    const resent = intervals.flatMap(({ retransmits }) => retransmits ?? []);
    const marks = intervals.flatMap(({ congestionMarks }) => congestionMarks ?? []);
    return {
      durationMs: intervals[0].durationMs,
      bytes: intervals.reduce((sum, { bytes }) => sum + bytes, 0),
      retransmits: resent.length === 0 ? undefined : resent.reduce((sum, n) => sum + n),
      congestionMarks: marks.length === 0 ? undefined : marks.reduce((sum, n) => sum + n),
    };
  },

  summarize(flows, load) {
    const measured = flows.map((flow) => ({ flow, figures: flow.figures() }));
    const ccas = new Set(flows.flatMap(({ cca }) => cca ?? []));
    return {
      setup: (ccas.size === 0 ? "" : `, ${[...ccas].join(", ")}`) + ecnText(measured) + warmupText(flows),
      lines: () => lines(measured),
      json: () => json(measured),
      bottlenecks: measured.flatMap(({ flow, figures }) => streamBottlenecks(figures, load, flow.paced)),
    };
  },
};

/** A flow, and what was measured with it. */
interface Measured {
  readonly flow: StreamFlow;
  readonly figures: ReturnType<StreamFlow["figures"]>;
}

/** Whether flows use ECN: `, ECN`, or nothing where none does. */
function ecnText(measured: readonly Measured[]): string {
  const using = measured.filter(({ figures }) => figures.ecn).length;
  return using === 0 ? "" : using === measured.length ? ", ECN" : `, ECN with ${using} of ${measured.length} flows`;
}

const UNCOUNTED_MARK = "*";

function lines(measured: readonly Measured[]): string[] {
  const { received, goodput, resent, marks, rtt, rttP99, cwnd } = streamColumns;
  const { completionSeconds, durationSeconds, minRttMicros } = STREAM_FIGURES;
  const columns: Column<StreamFigures>[] = [
    measured.some(({ flow }) => flow.hasLength)
      ? column("done s", completionSeconds)
      : column("seconds", durationSeconds),
    { ...received, text: (of) => received.text(of) + (of.receiverCounted || of.unmeasured ? "" : UNCOUNTED_MARK) },
    goodput,
    resent,
    // Without ECN there are no marks.
    ...measured.some(({ figures }) => figures.ecn) ? [marks] : [],
    column("min RTT", minRttMicros),
    rtt,
    rttP99,
    cwnd,
  ];
  const sums = sumsOf(measured, ({ flow }) => flow.direction);
  const lines = tableOf({ names: ["flow"], columns }, [
    ...measured.map(({ flow, figures }): Row<StreamFigures> => [[flow.label], figures]),
    ...sums.map(({ label, those }): Row<StreamFigures> => [[label], sumStreams(those.map(({ flow }) => flow))]),
  ]);
  if (measured.some(({ figures }) => !figures.receiverCounted && !figures.unmeasured)) {
    lines.push(
      measured.some(({ flow }) => flow.warmUp !== undefined)
        ? `${UNCOUNTED_MARK} as the sender counts it: after a warm-up, only samples do`
        : `${UNCOUNTED_MARK} sent: the receiver has not reported what arrived`,
    );
  }
  for (const { flow, figures } of measured) {
    if (figures.unmeasured) lines.push(`${flow.label} ended before its warm-up was over: it has no figures`);
  }
  return lines;
}

function json(measured: readonly Measured[]): SummaryValues {
  const goodput = (direction?: "upload" | "download") => {
    const those = measured.filter(({ flow }) => direction === undefined || flow.direction === direction);
    const { durationNanos, goodputBitsPerSecond } = sumStreams(those.map(({ flow }) => flow));
    // Where no transfer has begun, nothing was measured.
    return durationNanos > 0 ? rounded(goodputBitsPerSecond, "bit/s") : undefined;
  };
  return {
    goodputBitsPerSecond: goodput(),
    uploadGoodputBitsPerSecond: goodput("upload"),
    downloadGoodputBitsPerSecond: goodput("download"),
    flows: measured.map(({ flow: { label, id, direction, cca, complete }, figures }) => ({
      flow: label,
      id,
      direction,
      cca,
      complete,
      ...(complete || figures.durationNanos > 0) && figuresOf(STREAM_FIGURES, figures),
    })),
  };
}
