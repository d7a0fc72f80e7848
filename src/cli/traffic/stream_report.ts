import {
  figuresOf,
  STREAM_FIGURES,
  STREAM_INTERVAL_FIGURES,
  STREAM_TOTAL_FIGURES,
  streamBottlenecks,
  type StreamFigures,
  type StreamInterval,
  sumStreamIntervals,
  sumStreams,
} from "../../flow/analysis/mod.ts";
import { column, medianOrOnly, type PrintedColumn, type PrintedRow, tableOf, titled } from "../figures.ts";
import { type ClientReport, type FlowResult, sumsOf } from "./client_report.ts";
import type { StreamFlow } from "./stream_flow.ts";

const { bytes, goodputBitsPerSecond, retransmits, rttMicros, cwndBytes } = STREAM_INTERVAL_FIGURES;

/** How `tine tcp client` shows TCP flows. */
export const STREAM_REPORT: ClientReport<StreamFlow, StreamInterval, StreamFigures> = {
  protocol: "tcp",
  intervalFigures: STREAM_INTERVAL_FIGURES,
  intervalTable: {
    names: ["flow", "seconds"],
    columns: [
      ...titled(bytes, goodputBitsPerSecond, retransmits),
      column("RTT ms", rttMicros),
      ...titled(cwndBytes),
    ],
    widths: [8, 11, 9, 11, 6, 7, 9],
  },

  sumIntervals: sumStreamIntervals,

  setup(all) {
    const ccas = new Set(all.flatMap(({ flow }) => flow.cca ?? []));
    const marking = all.filter(({ figures }) => figures.ecn).length;
    const ecn = marking === all.length ? "ECN" : `ECN with ${marking} of ${all.length} flows`;
    return [...ccas, ...marking === 0 ? [] : [ecn]];
  },

  lines,

  flowJson: ({ flow: { direction, cca, complete }, figures }) => ({
    direction,
    cca,
    complete,
    ...(complete || figures.durationNanos > 0) && figuresOf(STREAM_FIGURES, figures),
  }),

  totalsJson(all) {
    const flows = all.map(({ flow }) => flow);
    return figuresOf(STREAM_TOTAL_FIGURES, {
      all: sumStreams(flows),
      uploads: sumStreams(flows.filter(({ direction }) => direction === "upload")),
      downloads: sumStreams(flows.filter(({ direction }) => direction === "download")),
    });
  },

  bottlenecks: ({ flow, figures }, load) => streamBottlenecks(figures, load, flow.paced),
};

const [received, goodput, resent, marks] = titled(
  STREAM_FIGURES.bytes,
  STREAM_FIGURES.goodputBitsPerSecond,
  STREAM_FIGURES.retransmits,
  STREAM_FIGURES.congestionMarks,
);
/** The columns of TCP flows that all tables have. */
export const streamColumns = {
  ...{ received, goodput, resent, marks },
  rtt: medianOrOnly("RTT ms", STREAM_FIGURES.rtt, STREAM_FIGURES.rttLastMicros),
  rttP99: column("p99 ms", STREAM_FIGURES.rtt, "p99"),
  cwnd: medianOrOnly("cwnd", STREAM_FIGURES.cwnd, STREAM_FIGURES.cwndLastBytes),
};

const UNCOUNTED_MARK = "*";

function lines(all: readonly FlowResult<StreamFlow, StreamFigures>[]): string[] {
  const { received, goodput, resent, marks, rtt, rttP99, cwnd } = streamColumns;
  const { completionSeconds, durationSeconds, minRttMicros } = STREAM_FIGURES;
  const columns: PrintedColumn<StreamFigures>[] = [
    all.some(({ flow }) => flow.hasLength) ? column("done s", completionSeconds) : column("seconds", durationSeconds),
    { ...received, mark: (of) => of.receiverCounted || of.unmeasured ? "" : UNCOUNTED_MARK },
    goodput,
    resent,
    // Without ECN there are no marks.
    ...all.some(({ figures }) => figures.ecn) ? [marks] : [],
    column("min RTT", minRttMicros),
    rtt,
    rttP99,
    cwnd,
  ];
  const lines = tableOf({ names: ["flow"], columns }, [
    ...all.map(({ flow, figures }): PrintedRow<StreamFigures> => [[flow.label], figures]),
    ...sumsOf(all).map((
      { label, those },
    ): PrintedRow<StreamFigures> => [[label], sumStreams(those.map(({ flow }) => flow))]),
  ]);
  if (all.some(({ figures }) => !figures.receiverCounted && !figures.unmeasured)) {
    lines.push(
      all.some(({ flow }) => flow.warmUp !== undefined)
        ? `${UNCOUNTED_MARK} as the sender counts it: after a warm-up, only samples do`
        : `${UNCOUNTED_MARK} acknowledged: the receiver has not reported what arrived`,
    );
  }
  for (const { flow, figures } of all) {
    if (figures.unmeasured) lines.push(`${flow.label} ended before its warm-up was over: it has no figures`);
  }
  return lines;
}
