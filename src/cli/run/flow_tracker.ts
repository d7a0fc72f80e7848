import {
  type PacketReport,
  type ServedStreamReport,
  type StreamProgress,
  type StreamReport,
  sumCounts,
} from "../../flow/report.ts";
import type { Progress } from "../../node/item.ts";

/** A test may have more flows; what they measure is in the results. */
const MAX_FLOWS = 10_000;

/** What is known of a TCP flow, in part from each end. */
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
  /** How long it took, once it has ended. */
  completionNanos?: number;
  ended: boolean;
}

/** What is known of a UDP flow, all of it from its client. */
export interface PacketState {
  readonly protocol: "udp";
  readonly flow: string;
  /** By senders at either end. */
  packets: number;
  /** In both directions, on the way between the sockets of both ends. */
  lost: number;
  /** What these sockets had no room for, which is not lost on the way. */
  dropped: number;
  /** Of late, in the direction of the sender, while it runs. */
  bitsPerSecond?: number;
  /** Smoothed; absent if nothing comes back, as those below. */
  rttMicros?: number;
  rttMinMicros?: number;
  rttMeanMicros?: number;
  rttMaxMicros?: number;
  ended: boolean;
}

/** What is known of a flow while it runs. */
export type FlowState = StreamState | PacketState;

/** Follows the flows of a running test by what their ends report a few times a second. */
export class FlowTracker {
  readonly #flows = new Map<string, FlowState>();
  readonly #receivers = new Set<string>();

  /** The flows by id, in the order in which they began. */
  get flows(): ReadonlyMap<string, FlowState> {
    return this.#flows;
  }

  /** Takes in what an end reports; returns the flow unless nothing about it is new. */
  take({ flow, report }: Progress): FlowState | undefined {
    if (!this.#flows.has(flow) && this.#flows.size >= MAX_FLOWS) return undefined;
    if (report.kind === "servedPackets") return undefined;
    return report.kind === "packets" ? this.#packets(flow, report) : this.#stream(flow, report);
  }

  #packets(flow: string, report: PacketReport): FlowState {
    const { senders, rates, rtt, socketDrops, serverSocketDrops, complete } = report;
    const { sent, serverSent, lostToServer, lostFromServer } = sumCounts(senders);
    // Sockets count for all senders together, so that only of one it is known whose packets they were.
    const [toServer, fromServer] = senders.length > 1
      ? [0, 0]
      : [Math.min(lostToServer, serverSocketDrops), Math.min(lostFromServer, socketDrops)];
    const state: PacketState = {
      protocol: "udp",
      flow,
      packets: sent + serverSent,
      lost: lostToServer + lostFromServer - toServer - fromServer,
      dropped: toServer + fromServer,
      bitsPerSecond: sent > 0 ? rates?.sentBitsPerSecond : rates?.receivedBitsPerSecond,
      rttMicros: rtt?.smoothedMicros,
      rttMinMicros: rtt?.minMicros,
      rttMeanMicros: rtt?.meanMicros,
      rttMaxMicros: rtt?.maxMicros,
      ended: complete,
    };
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
    state.rttMicros = report.rttMicros ?? state.rttMicros;
    state.retransmits = report.retransmits ?? state.retransmits;
    if (report.kind === "stream") state.completionNanos = report.fctNanos;
    state.ended ||= over;
    return state;
  }
}
