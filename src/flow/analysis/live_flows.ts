import {
  type FlowProgress,
  type PacketReport,
  type ServedStreamReport,
  type StreamProgress,
  type StreamReport,
  sumCounts,
  type TransactionReport,
} from "../report.ts";
import type { FigureList, Figures } from "./figure.ts";
import { PATH_FIGURES } from "./packet_figures.ts";
import { STREAM_FIGURES } from "./stream_figures.ts";

/** A test may have more flows; what they measure is in the results. */
const MAX_FLOWS = 10_000;

/** What is known of a TCP flow that runs, in part from each end. */
export interface StreamState {
  readonly protocol: "tcp";
  readonly flow: string;
  /** As the receiver reports them, else the sender. */
  bytes: number;
  /** Of late; of the whole flow once it has ended. */
  goodputBitsPerSecond: number;
  /** Of the sender's kernel. */
  rttMicros?: number;
  retransmits?: number;
  /** See {@linkcode WarmUpState}. */
  warmup?: WarmUpState;
  /** From connecting to the end, once it has ended. */
  completionNanos?: number;
  ended: boolean;
}

/** What is known of a UDP flow that runs, all of it from its client. */
export interface PacketState {
  readonly protocol: "udp";
  readonly flow: string;
  /** By senders at either end. */
  packets: number;
  /** In both directions, on the way between the sockets of both ends. */
  lost?: number;
  /** What these sockets had no room for, which is not lost on the way. */
  dropped: number;
  /** Of late, in the direction of the sender, while it runs. */
  bitsPerSecond?: number;
  /** Smoothed; absent if nothing comes back, as those below. */
  rttMicros?: number;
  rttMinMicros?: number;
  rttMeanMicros?: number;
  rttMaxMicros?: number;
  /** See {@linkcode WarmUpState}. */
  warmup?: WarmUpState;
  ended: boolean;
}

/** Of a flow with a warm-up: whether that goes on, or is over and in the counts here, which are of the whole flow. */
export type WarmUpState = "now" | "over";

/** What is known of a flow of requests and responses that runs, all of it from its client. */
export interface TransactionState {
  readonly protocol: "rr";
  readonly flow: string;
  transactions: number;
  /** Of UDP: given up. */
  lost?: number;
  /** Of late; of the whole flow once it has ended. */
  transactionsPerSecond: number;
  /** Of all so far; absent before the first one, as those below. */
  latencyMinMicros?: number;
  latencyMeanMicros?: number;
  latencyMaxMicros?: number;
  /** See {@linkcode WarmUpState}. */
  warmup?: WarmUpState;
  ended: boolean;
}

/** What is known of a flow while it runs. */
export type FlowState = StreamState | PacketState | TransactionState;

/** Figures of a TCP flow that runs. */
export const LIVE_STREAM_FIGURES = {
  bytes: {
    title: "received",
    unit: "byte",
    definition: "Bytes so far, as the receiver reports them; before it has reported any, those of the sender.",
    value: ({ bytes }) => bytes,
  },
  goodputBitsPerSecond: {
    title: "goodput",
    unit: "bit/s",
    definition: "Bytes since the report before, by the time since then. Once the flow has ended, that of all of it.",
    value: ({ goodputBitsPerSecond }) => goodputBitsPerSecond,
  },
  rttMicros: {
    title: "RTT",
    unit: "us",
    definition: "Smoothed round-trip time of the sender's kernel, as last reported: RFC 6298.",
    // A kernel that has not measured any yet has 0.
    value: ({ rttMicros }) => rttMicros || undefined,
  },
  retransmits: { ...STREAM_FIGURES.retransmits, value: ({ retransmits }) => retransmits },
} satisfies Figures<StreamState>;

/** Figures of a UDP flow that runs. */
export const LIVE_PACKET_FIGURES = {
  packets: {
    title: "packets",
    unit: "packet",
    definition: "Packets that the senders at both ends have sent, without echoes.",
    value: ({ packets }) => packets,
  },
  lost: {
    title: "lost",
    unit: "packet",
    definition: "Packets and echoes that were lost on the way in either direction, up to the last one that came back.",
    value: ({ lost }) => lost,
  },
  dropped: {
    title: "dropped by a socket",
    unit: "packet",
    definition: PATH_FIGURES.socketDrops.definition,
    value: ({ dropped }) => dropped,
  },
  bitsPerSecond: {
    title: "rate",
    unit: "bit/s",
    definition: "UDP payload that the client sent, or received where the server sends, since the report before.",
    value: ({ bitsPerSecond }) => bitsPerSecond,
  },
  rttMicros: {
    title: "RTT",
    unit: "us",
    definition: "Round-trip time without the time at the server, smoothed as TCP does it: RFC 6298.",
    value: ({ rttMicros }) => rttMicros,
  },
  rtt: {
    title: "RTT",
    unit: "us",
    definition: "Round-trip times of all echoes so far, without the time at the server.",
    parts: ["min", "mean", "max"],
    value: ({ rttMinMicros, rttMeanMicros, rttMaxMicros }, part = "mean") =>
      part === "min" ? rttMinMicros : part === "max" ? rttMaxMicros : rttMeanMicros,
  },
} satisfies Figures<PacketState>;

/** All figures of flows that run, with their definitions. */
export const LIVE_FIGURE_LISTS: readonly FigureList[] = [
  { protocol: "tcp", title: "TCP flows while a test runs", figures: LIVE_STREAM_FIGURES },
  { protocol: "udp", title: "UDP flows while a test runs", figures: LIVE_PACKET_FIGURES },
];

/**
 * Follows the flows of a running test by what their ends report a few times a second.
 *
 * @example
 * ```ts
 * import { FlowTracker } from "./live_flows.ts";
 * const flows = new FlowTracker();
 * const counts = { elapsedNanos: 1e9, bytes: 125, goodputBitsPerSecond: 1000 };
 * flows.take("bulk", { kind: "streamProgress", role: "sender", ...counts });
 * console.assert(flows.flows.get("bulk")?.ended === false);
 * ```
 */
export class FlowTracker {
  readonly #flows = new Map<string, FlowState>();
  readonly #receivers = new Set<string>();

  /** The flows by id, in the order in which they began. */
  get flows(): ReadonlyMap<string, FlowState> {
    return this.#flows;
  }

  /** Takes in what an end of a flow reports; returns the flow unless nothing about it is new. */
  take(flow: string, report: FlowProgress): FlowState | undefined {
    if (!this.#flows.has(flow) && this.#flows.size >= MAX_FLOWS) return undefined;
    if (report.kind === "servedPackets" || report.kind === "servedTransactions") return undefined;
    if (report.kind !== "transactions" && report.kind !== "packets") return this.#stream(flow, report);
    const state = report.kind === "packets" ? packetState(flow, report) : transactionState(flow, report);
    this.#flows.set(flow, state);
    return state;
  }

  #stream(flow: string, report: StreamReport | ServedStreamReport | StreamProgress): FlowState | undefined {
    const known = this.#flows.get(flow);
    const state: StreamState = known?.protocol === "tcp"
      ? known
      : { protocol: "tcp", flow, bytes: 0, goodputBitsPerSecond: 0, ended: false };
    // What the ends reported while it ran may come after the last report of either.
    if (state.completionNanos !== undefined) return undefined;
    this.#flows.set(flow, state);
    const over = report.kind !== "streamProgress";
    if (!over && report.role === "receiver") this.#receivers.add(flow);
    const counts = over || report.role === "receiver" || !this.#receivers.has(flow);
    if (counts && (over || !state.ended)) {
      state.bytes = report.bytes;
      state.goodputBitsPerSecond = report.goodputBitsPerSecond;
    }
    if (!over) state.warmup = warmUpState(report);
    else if (state.warmup !== undefined) state.warmup = "over";
    state.rttMicros = report.rttMicros ?? state.rttMicros;
    state.retransmits = report.retransmits ?? state.retransmits;
    if (report.kind === "stream") state.completionNanos = report.fctNanos;
    state.ended ||= over;
    return state;
  }
}

function transactionState(flow: string, report: TransactionReport): TransactionState {
  const { transactions, lost, transactionsPerSecond, latency, complete } = report;
  return {
    protocol: "rr",
    flow,
    transactions,
    ...lost > 0 && { lost },
    transactionsPerSecond,
    latencyMinMicros: latency?.minMicros,
    latencyMeanMicros: latency?.meanMicros,
    latencyMaxMicros: latency?.maxMicros,
    warmup: warmUpState(report),
    ended: complete,
  };
}

function packetState(flow: string, report: PacketReport): PacketState {
  const { senders, rates, rtt, socketDrops, serverSocketDrops, complete, group } = report;
  const { sent, serverSent, lostToServer, lostFromServer } = sumCounts(senders);
  // Sockets count for all senders together, and so does this. Packets of other flows may be among those of a server.
  const toServer = Math.min(lostToServer, serverSocketDrops), fromServer = Math.min(lostFromServer, socketDrops);
  return {
    protocol: "udp",
    flow,
    packets: sent + serverSent,
    // What of a flow to a group is lost, only its receivers know.
    ...group === undefined && { lost: lostToServer + lostFromServer - toServer - fromServer },
    dropped: toServer + fromServer,
    bitsPerSecond: sent > 0 ? rates?.sentBitsPerSecond : rates?.receivedBitsPerSecond,
    rttMicros: rtt?.smoothedMicros,
    rttMinMicros: rtt?.minMicros,
    rttMeanMicros: rtt?.meanMicros,
    rttMaxMicros: rtt?.maxMicros,
    warmup: warmUpState(report),
    ended: complete || group?.ended === true,
  };
}

function warmUpState(
  { elapsedNanos, warmupNanos }: Pick<PacketReport, "elapsedNanos" | "warmupNanos">,
): WarmUpState | undefined {
  return warmupNanos === undefined ? undefined : elapsedNanos < warmupNanos ? "now" : "over";
}
