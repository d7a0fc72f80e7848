import {
  type Figure,
  type FlowState,
  LIVE_PACKET_FIGURES,
  LIVE_STREAM_FIGURES,
  LIVE_TRANSACTION_FIGURES,
  type PacketState,
  type Quantiles,
  quantilesOf,
  sumWhereKnown,
} from "../../flow/analysis/mod.ts";
import { elapsed, formatCount, grouped } from "../../base/units.ts";
import { groupFlows, phrase } from "../figures.ts";
import { escape } from "../terminal.ts";

/** Of more flows than this, those with similar ids are summed up. */
const MAX_LINES = 16;

/** Returns what a flow does: `bulk: 49.2 Mbit/s, 12.3 MB, RTT 0.12 ms, 3 resent`. */
export function flowLine(state: FlowState): string {
  return `${escape(state.flow)}: ${flowFigures(state)}`;
}

/** What stands before figures of a flow: how they were of late. */
export interface FlowBars {
  readonly goodput?: string;
  readonly rtt?: string;
}

/**
 * Returns the same without the name of the flow.
 *
 * @param bars stand before the figures that they are of
 */
export function flowFigures(state: FlowState, bars: FlowBars = {}): string {
  return joined([...phrases(state, bars), warmUpPhrase(state)]);
}

/** Returns the flows of a test that has ended, a line each, or where they are many, sums. */
export function flowEndLines(flows: Iterable<FlowState>): string[] {
  const { single, crowds } = groupFlows([...flows], MAX_LINES);
  return [...single.map(flowLine), ...crowds.entries().flatMap(([stem, crowd]) => sumLines(escape(stem), crowd))];
}

/** A socket that dropped nothing is not worth a phrase. */
const DROPPED = { ...LIVE_PACKET_FIGURES.dropped, value: ({ dropped }: PacketState) => dropped || undefined };

function phrases(state: FlowState, bars: FlowBars): string[] {
  switch (state.protocol) {
    case "tcp": {
      const { goodputBitsPerSecond, bytes, rttMicros, retransmits } = LIVE_STREAM_FIGURES;
      const { completionNanos, ended } = state;
      const took = completionNanos === undefined ? "" : ` in ${elapsed(completionNanos / 1e6)}`;
      return [
        withBars(bars.goodput, phrase(goodputBitsPerSecond, state)),
        `${phrase(bytes, state)}${took}${ended ? "" : " so far"}`,
        // In the end, tine results has the median.
        withBars(bars.rtt, phrase(ended ? { ...rttMicros, title: "last RTT" } : rttMicros, state)),
        phrase(retransmits, state),
      ];
    }
    case "udp": {
      const { bitsPerSecond, packets, lost, rttMicros, rtt } = LIVE_PACKET_FIGURES;
      return [
        withBars(bars.goodput, phrase(bitsPerSecond, state)),
        phrase(packets, state),
        phrase(lost, state),
        phrase(DROPPED, state),
        withBars(bars.rtt, phrase(state.ended ? rtt : rttMicros, state)),
      ];
    }
    case "rr": {
      const { transactionsPerSecond, transactions, latency, unanswered } = LIVE_TRANSACTION_FIGURES;
      return [transactionsPerSecond, transactions, latency, unanswered].map((figure) => phrase(figure, state));
    }
  }
}

function withBars(bars: string | undefined, text: string): string {
  return bars === undefined || text === "" ? text : `${bars} ${text}`;
}

function joined(phrases: readonly string[]): string {
  return phrases.filter((text) => text !== "").join(", ");
}

/** What is counted while a flow runs is in no figure yet, or has the warm-up in it. */
function warmUpPhrase({ warmup, ended }: FlowState): string {
  return warmup === "now" && !ended ? "warming up" : warmup !== undefined && ended ? "with its warm-up" : "";
}

const COMPLETION: Figure<Quantiles> = {
  title: "they took",
  unit: "us",
  definition: "Flow completion times of several flows.",
  parts: ["min", "median", "max"],
  value: ({ min, median, max }, part) => (part === "min" ? min : part === "max" ? max : median) / 1000,
};

/** Sums of flows whose ids are similar, a line for each kind of flow. */
function sumLines(stem: string, flows: readonly FlowState[]): string[] {
  const streams = flows.filter((state) => state.protocol === "tcp");
  const packets = flows.filter((state) => state.protocol === "udp");
  const exchanges = flows.filter((state) => state.protocol === "rr");
  const lines: string[] = [];
  if (streams.length > 0) {
    const { bytes, retransmits } = LIVE_STREAM_FIGURES;
    const ended = streams.filter(({ ended }) => ended).length;
    const rest = ended === streams.length ? "" : `, ${grouped(ended)} of them to their end`;
    const times = quantilesOf(streams.flatMap(({ completionNanos }) => completionNanos ?? []));
    const took = times === undefined ? "" : `; ${phrase(COMPLETION, times)}`;
    lines.push(`${formatCount(streams.length, "TCP flow")}${rest}: ${sums(streams, bytes, retransmits)}${took}`);
  }
  if (packets.length > 0) {
    const { packets: sent, lost } = LIVE_PACKET_FIGURES;
    lines.push(`${formatCount(packets.length, "UDP flow")}: ${sums(packets, sent, lost, DROPPED)}`);
  }
  if (exchanges.length > 0) {
    const { transactionsPerSecond, transactions, unanswered } = LIVE_TRANSACTION_FIGURES;
    const what = `${formatCount(exchanges.length, "flow")} of requests and responses`;
    lines.push(`${what}: ${sums(exchanges, transactionsPerSecond, transactions, unanswered)}`);
  }
  return lines.map((line) => `${stem}: ${line}`);
}

/** The sums of figures over the flows of which they are known. */
function sums<T>(
  flows: readonly T[],
  ...figures: readonly (Figure<T> & { value(of: T): number | undefined })[]
): string {
  return joined(figures.map((figure) => {
    const total = { ...figure, value: () => sumWhereKnown(flows.map(figure.value)) };
    return phrase(total, flows);
  }));
}
