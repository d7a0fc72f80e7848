import {
  PACKET_FIGURES,
  quantilesOf,
  STREAM_FIGURES,
  type StreamFigures,
  sumStreams,
} from "../../flow/analysis/mod.ts";
import type { MeasuredFlow } from "../plots/context.ts";
import type { MeasuredStream } from "../../result/mod.ts";
import { type PageColumn, pageColumn } from "./figure_table.ts";

/** Figures of a whole test: sums, and medians over its flows. */
export interface TestFigures {
  /** All TCP flows of a direction together, over their common time. */
  readonly up?: StreamFigures;
  readonly down?: StreamFigures;
  /** Flow completion times, in seconds. */
  readonly completion?: { readonly median: number; readonly p99: number };
  /** Over the echoing flows: the median of medians, and the greatest 99th percentile, in microseconds. */
  readonly rtt?: { readonly median: number; readonly p99: number };
  /** Packets sent and lost, both ways, of paths of which both are known. */
  readonly sent: number;
  readonly lost: number;
  /** The share of lost ones, in percent. */
  readonly lostPercent?: number;
  readonly resent?: number;
}

/** Fewer flows than these have no completion time in common. */
const MIN_COMPLETIONS = 10;

/** Makes the figures of a whole test. */
export function testFigures(flows: readonly MeasuredFlow[]): TestFigures {
  const streams = flows.filter((flow) => flow.protocol === "tcp");
  const senders = flows.flatMap((flow) => flow.protocol === "udp" ? flow.figures.senders : []);
  const done = known(streams.map(({ figures }) => STREAM_FIGURES.completionSeconds.value(figures)));
  const completion = done.length < MIN_COMPLETIONS ? undefined : quantilesOf(done);
  const medians = known(senders.map((sender) => PACKET_FIGURES.rtt.value(sender)));
  const tails = known(senders.map((sender) => PACKET_FIGURES.rtt.value(sender, "p99")));
  const paths = senders.flatMap(({ toServer, fromServer }) =>
    [toServer, fromServer].flatMap((path) =>
      path?.sent === undefined || path.lost === undefined ? [] : [{ sent: path.sent, lost: path.lost }]
    )
  );
  const sent = paths.reduce((sum, { sent }) => sum + sent, 0);
  const lost = paths.reduce((sum, { lost }) => sum + lost, 0);
  const resent = known(streams.map(({ figures }) => figures.retransmits));
  return {
    up: sumOf(streams.filter(({ direction }) => direction !== "download")),
    down: sumOf(streams.filter(({ direction }) => direction === "download")),
    completion,
    rtt: medians.length === 0 ? undefined : { median: quantilesOf(medians)!.median, p99: Math.max(...tails) },
    sent,
    lost,
    lostPercent: sent === 0 ? undefined : lost * 100 / sent,
    resent: resent.length === 0 ? undefined : resent.reduce((a, b) => a + b),
  };
}

function sumOf(streams: readonly MeasuredStream[]): StreamFigures | undefined {
  const begun = streams.filter(({ start, figures }) => start !== undefined && !figures.unmeasured);
  if (begun.length === 0) return undefined;
  if (begun.length === 1) return begun[0].figures;
  const first = begun[0].start!;
  return sumStreams(begun.map(({ start, warmupNanos = 0, figures }) => {
    const startNanos = Number(start! - first) + warmupNanos;
    return { startNanos, lastNanos: startNanos + figures.durationNanos, figures: () => figures };
  }));
}

function known(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined);
}

const RTT = "Round-trip time, ms";

/** The columns of whole tests, in the order of an index. */
export const TEST_COLUMNS: readonly PageColumn<TestFigures>[] = [
  {
    ...pageColumn("goodput up", STREAM_FIGURES.goodputBitsPerSecond),
    definition: "Goodput of all TCP uploads together, over their common time.",
    value: ({ up }) => up?.goodputBitsPerSecond,
  },
  {
    ...pageColumn("goodput down", STREAM_FIGURES.goodputBitsPerSecond),
    definition: "Goodput of all TCP downloads together, over their common time.",
    value: ({ down }) => down?.goodputBitsPerSecond,
  },
  {
    head: "median",
    group: "Completion, s",
    unit: "s",
    definition: `Over TCP flows. ${STREAM_FIGURES.completionSeconds.definition}`,
    value: ({ completion }) => completion?.median,
  },
  {
    head: "p99",
    group: "Completion, s",
    unit: "s",
    definition: `Over TCP flows. ${STREAM_FIGURES.completionSeconds.definition}`,
    value: ({ completion }) => completion?.p99,
  },
  {
    head: "resent",
    unit: "segment",
    definition: "Segments that the kernels of all TCP senders sent again.",
    value: ({ resent }) => resent,
  },
  {
    head: "median",
    group: RTT,
    unit: "us",
    definition: `Median of the medians of flows. ${PACKET_FIGURES.rtt.definition}`,
    value: ({ rtt }) => rtt?.median,
  },
  {
    head: "worst p99",
    group: RTT,
    unit: "us",
    definition: `The greatest 99th percentile of a flow. ${PACKET_FIGURES.rtt.definition}`,
    value: ({ rtt }) => rtt?.p99,
  },
  {
    head: "lost",
    unit: "%",
    definition: "Packets of all UDP flows that were sent and not received, there and back, of all sent.",
    value: ({ lostPercent }) => lostPercent,
  },
];
