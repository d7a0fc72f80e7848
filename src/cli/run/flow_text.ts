import {
  type Figure,
  type FlowState,
  LIVE_PACKET_FIGURES,
  LIVE_STREAM_FIGURES,
  LIVE_TRANSACTION_FIGURES,
  type PacketState,
  type Quantiles,
  quantilesOf,
  type StreamState,
  type TransactionState,
} from "../../flow/analysis/mod.ts";
import { count, elapsed, grouped } from "../../base/units.ts";
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
  const phrases = state.protocol === "rr"
    ? transactionPhrases(state)
    : state.protocol === "tcp"
    ? streamPhrases(state, bars)
    : packetPhrases(state, bars);
  return phrases.filter((text) => text !== "").join(", ");
}

/** Returns the flows of a test that has ended, a line each, or where they are many, sums. */
export function flowEndLines(flows: Iterable<FlowState>): string[] {
  const { single, crowds } = groupFlows([...flows], MAX_LINES);
  return [...single.map(flowLine), ...crowds.entries().flatMap(([stem, crowd]) => sumLines(escape(stem), crowd))];
}

function withBars(bars: string | undefined, text: string): string {
  return bars === undefined || text === "" ? text : `${bars} ${text}`;
}

function streamPhrases(state: StreamState, bars: FlowBars): string[] {
  const { bytes, goodputBitsPerSecond, rttMicros, retransmits } = LIVE_STREAM_FIGURES;
  const { completionNanos, ended } = state;
  const took = completionNanos === undefined ? "" : ` in ${elapsed(completionNanos / 1e6)}`;
  return [
    withBars(bars.goodput, phrase(goodputBitsPerSecond, state)),
    `${phrase(bytes, state)}${took}${ended ? "" : " so far"}`,
    withBars(bars.rtt, phrase(rttMicros, state)),
    phrase(retransmits, state),
    warmUpPhrase(state),
  ];
}

function packetPhrases(state: PacketState, bars: FlowBars): string[] {
  const { bitsPerSecond, lost, dropped, rttMicros, rtt } = LIVE_PACKET_FIGURES;
  return [
    withBars(bars.goodput, phrase(bitsPerSecond, state)),
    count(state.packets, "packet"),
    phrase(lost, state),
    state.dropped > 0 ? phrase(dropped, state) : "",
    withBars(bars.rtt, phrase(state.ended ? rtt : rttMicros, state)),
    warmUpPhrase(state),
  ];
}

function transactionPhrases(state: TransactionState): string[] {
  const { transactionsPerSecond, latency, unanswered } = LIVE_TRANSACTION_FIGURES;
  return [
    phrase(transactionsPerSecond, state),
    count(state.transactions, "transaction"),
    phrase(latency, state),
    phrase(unanswered, state),
    warmUpPhrase(state),
  ];
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
  value: (nanos, part = "median") => {
    const { [part]: value } = nanos;
    return value && value / 1000;
  },
};

function sumLines(stem: string, flows: readonly FlowState[]): string[] {
  const lines: string[] = [];
  const streams = flows.filter((state) => state.protocol === "tcp");
  if (streams.length > 0) {
    const ended = streams.filter(({ ended }) => ended).length;
    const rest = ended === streams.length ? "" : `, ${grouped(ended)} of them to their end`;
    const total: StreamState = {
      ...streams[0],
      bytes: sum(streams, ({ bytes }) => bytes),
      retransmits: sum(streams, ({ retransmits = 0 }) => retransmits),
    };
    const times = quantilesOf(streams.flatMap(({ completionNanos }) => completionNanos ?? []));
    lines.push(
      `${stem}: ${count(streams.length, "TCP flow")}${rest}: ${phrase(LIVE_STREAM_FIGURES.bytes, total)}, ` +
        phrase(LIVE_STREAM_FIGURES.retransmits, total) + (times === undefined ? "" : `; ${phrase(COMPLETION, times)}`),
    );
  }
  const packets = flows.filter((state) => state.protocol === "udp");
  if (packets.length > 0) {
    const total: PacketState = {
      ...{ protocol: "udp", flow: stem, ended: true },
      packets: sum(packets, ({ packets }) => packets),
      lost: sum(packets, ({ lost }) => lost),
      dropped: sum(packets, ({ dropped }) => dropped),
    };
    lines.push(`${stem}: ${count(packets.length, "UDP flow")}: ${flowFigures(total)}`);
  }
  const exchanges = flows.filter((state) => state.protocol === "rr");
  if (exchanges.length > 0) {
    const transactions = sum(exchanges, ({ transactions }) => transactions);
    const lost = sum(exchanges, ({ lost = 0 }) => lost);
    const total: TransactionState = {
      ...{ protocol: "rr", flow: stem, ended: true },
      transactions,
      ...lost > 0 && { lost },
      transactionsPerSecond: sum(exchanges, ({ transactionsPerSecond }) => transactionsPerSecond),
    };
    lines.push(`${stem}: ${count(exchanges.length, "flow")} of requests and responses: ${flowFigures(total)}`);
  }
  return lines;
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
