import type { Progress } from "../../node/item.ts";

/** A test may have more flows; what they measure is in the results. */
const MOST_FLOWS = 10_000;

type Values = Progress["values"];

/** What is known of a TCP flow, in part from each of its ends. */
export interface StreamProgress {
  readonly protocol: "tcp";
  readonly flow: string;
  /** By the receiver where it tells, else by the sender. */
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
export interface PacketProgress {
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
export type FlowState = StreamProgress | PacketProgress;

/** Follows the flows of a running test by the aggregates that their ends tell a few times a second. */
export class FlowProgress {
  readonly #flows = new Map<string, FlowState>();
  readonly #receivers = new Set<string>();

  /** The flows by id, in the order in which they began. */
  get flows(): ReadonlyMap<string, FlowState> {
    return this.#flows;
  }

  /** Takes in what an end tells; returns the flow unless nothing about it is new. */
  take({ flow, values }: Progress): FlowState | undefined {
    if (!this.#flows.has(flow) && this.#flows.size >= MOST_FLOWS) return undefined;
    if ("sent" in values) return values.server === 1 ? undefined : this.#packets(flow, values);
    return this.#stream(flow, values);
  }

  #packets(flow: string, values: Values): FlowState {
    const { sent, serverSent = 0, lostToServer = 0, lostFromServer = 0 } = values;
    // Sockets count for all senders together, so that only of one it is known whose packets they were.
    const [there, back] = "sent.1" in values ? [0, 0] : [
      Math.min(lostToServer, values.serverSocketDrops ?? 0),
      Math.min(lostFromServer, values.socketDrops ?? 0),
    ];
    const { rttMicros, rttMinMicros, rttMeanMicros, rttMaxMicros } = values;
    const state: PacketProgress = {
      protocol: "udp",
      flow,
      packets: sent + serverSent,
      lost: lostToServer + lostFromServer - there - back,
      dropped: there + back,
      bitsPerSecond: sent > 0 ? values.sentBitsPerSecond : values.receivedBitsPerSecond,
      rttMicros,
      rttMinMicros,
      rttMeanMicros,
      rttMaxMicros,
      ended: values.complete === 1,
    };
    this.#flows.set(flow, state);
    return state;
  }

  #stream(flow: string, values: Values): FlowState | undefined {
    const known = this.#flows.get(flow);
    const state: StreamProgress = known?.protocol === "tcp"
      ? known
      : { protocol: "tcp", flow, bytes: 0, goodputBitsPerSecond: 0, ended: false };
    // What the ends told while it ran may come after the last words of either.
    if (state.completionNanos !== undefined) return undefined;
    this.#flows.set(flow, state);
    const { bytes, bytesReceived, bytesSent, goodputBitsPerSecond = 0, fctNanos, rttMicros, retransmits } = values;
    if (bytesReceived !== undefined) this.#receivers.add(flow);
    const told = bytes ?? bytesReceived ?? (this.#receivers.has(flow) ? undefined : bytesSent);
    if (told !== undefined && (bytes !== undefined || !state.ended)) {
      state.bytes = told;
      state.goodputBitsPerSecond = goodputBitsPerSecond;
    }
    state.rttMicros = rttMicros ?? state.rttMicros;
    state.retransmits = retransmits ?? state.retransmits;
    state.completionNanos = fctNanos;
    state.ended ||= bytes !== undefined;
    return state;
  }
}
