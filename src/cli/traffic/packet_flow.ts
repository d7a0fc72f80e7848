import type { PacketClientConfig, UnresponsiveConfig } from "../../flow/config.ts";
import type { FlowProgress, PacketReport } from "../../flow/report.ts";
import type { FlowInfoEvent, FlowOptions, Flows } from "../../flow/flows.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import {
  type ClockOffset,
  Distribution,
  type OffsetEstimate,
  PacketAnalysis,
  type PacketFigures,
  type PacketInterval,
  RateMeter,
  SHARED_CLOCK,
} from "../../flow/analysis/mod.ts";
import { isLoopback } from "../../base/address.ts";
import { parseAddress } from "../address.ts";
import type { ClientFlow } from "./run_flows.ts";
import { newFlowId } from "./client_flags.ts";

/** What this client counts in an interval. */
class IntervalCounts {
  sent = 0;
  sentBytes = 0;
  received = 0;
  receivedBytes = 0;
  readonly rtt = new Distribution();
}

/** How a UDP flow is run. */
export interface PacketFlowOptions {
  /** For people. */
  readonly label: string;
  /** The server: `HOST:PORT`. */
  readonly server: string;
  /** How often it is looked at, in milliseconds. */
  readonly intervalMs: number;
  readonly sender: UnresponsiveConfig;
  readonly client: Pick<
    PacketClientConfig,
    "warmup" | "dscp" | "ecn" | "fragment" | "payload" | "maxPacketSize" | "protocol" | "bind"
  >;
  /** Learns how the clocks of both ends relate; flows to one server share it. Absent: from this flow alone. */
  readonly offset?: ClockOffset;
  /** It is opened at once, and sends once this resolves. Absent: at once. */
  readonly sendAfter?: Promise<unknown>;
}

/** A UDP flow with one sender, by hand. */
export class PacketFlow implements ClientFlow {
  readonly id: string;
  readonly label: string;
  readonly direction: "upload" | "download";
  /** Its packets, without echoes, as they passed this end; in the time of all flows. */
  readonly passed = new RateMeter();
  readonly #options: PacketFlowOptions;
  readonly #analysis: PacketAnalysis;
  readonly #intervals = new Map<number, IntervalCounts>();
  #report: PacketReport | undefined;
  #startNanos = 0;
  #lastNanos = 0;
  /** When a packet of the warm-up was last sent or received. */
  #warmedNanos = 0;
  #complete = false;

  constructor(options: PacketFlowOptions) {
    this.#options = options;
    this.label = options.label;
    this.direction = options.sender.reverse ? "download" : "upload";
    this.id = newFlowId(options.label);
    this.#analysis = new PacketAnalysis({
      offset: options.offset,
      clientOnly: true,
      onRoundTrip: (at, nanos) => this.#interval(at).rtt.add(nanos),
    });
    // Its warm-up has a sender of its own.
    this.#analysis.measuredSenders = 1;
  }

  get warmUp(): { readonly ms: number; readonly endMs: number } | undefined {
    const { warmup } = this.#options.client;
    return warmup ? { ms: warmup, endMs: this.#warmedNanos / 1e6 } : undefined;
  }

  get lastMs(): number {
    return this.#lastNanos / 1e6;
  }

  /** Whether it came to its end, with the counts of the server. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Packets that either end received, and that were not of the flow or not signed as they should be. */
  get bad(): { readonly here: number; readonly server: number } {
    return { here: this.#report?.bad ?? 0, server: this.#report?.serverBad ?? 0 };
  }

  info({ values: { client, server, sharesClock } }: FlowInfoEvent, startNanos: number): void {
    this.#startNanos = startNanos;
    const known = typeof client === "string" && typeof server === "string" && sameMachine(client, server);
    if (known || sharesClock === true) this.#analysis.clocks = SHARED_CLOCK;
  }

  records(chunk: Chunk): void {
    if (chunk.kind !== "packetIO") return;
    this.#analysis.add(chunk);
    const { columns, count } = chunk;
    for (let i = 0; i < count; i++) {
      if (columns.server[i]) continue;
      const interval = this.#interval(columns.t[i]);
      const packets = Math.max(1, columns.packets[i]);
      const bytes = packets * columns.len[i];
      if (columns.sender[i] > 0) this.#warmedNanos = Math.max(this.#warmedNanos, columns.t[i] + this.#startNanos);
      else if (this.#sends === (columns.sent[i] === 1)) this.passed.add(columns.t[i] + this.#startNanos, bytes);
      if (columns.sent[i]) {
        interval.sent += packets;
        interval.sentBytes += bytes;
      } else {
        interval.received += packets;
        interval.receivedBytes += bytes;
      }
    }
  }

  progress(report: FlowProgress): void {
    if (report.kind === "packets") this.#report = report;
  }

  async run(flows: Flows, options: FlowOptions): Promise<void> {
    const { server, sender, client, sendAfter } = this.#options;
    const config: PacketClientConfig = {
      ...client,
      addr: server,
      hmac: options.key !== undefined,
      flow: this.id,
      sender: [{ unresponsive: sender }],
    };
    this.#report = await flows.packetClient(server, config, { ...options, sendAfter });
    this.#complete = this.#report.complete;
  }

  /**
   * Takes out what is known of an interval.
   *
   * @param k its number, from 0
   * @param durationMs its length
   */
  takeInterval(k: number, durationMs: number): PacketInterval {
    const { sent, sentBytes, received, receivedBytes, rtt } = this.#intervals.get(k) ?? new IntervalCounts();
    this.#intervals.delete(k);
    // What a server sends, and what arrives there, only the server knows while the flow runs.
    return {
      durationMs,
      ...this.#sends && { sent, sentBytes },
      ...(!this.#sends || this.#options.sender.echo) && { received, receivedBytes },
      rtt,
    };
  }

  /** All that was measured, and how the clocks of the ends relate; undefined if no packet was sent or received. */
  figures(): { figures: PacketFigures; clockOffset?: OffsetEstimate } | undefined {
    const { senders: [figures], clockOffset } = this.#analysis.figures(this.#report);
    return figures && { figures, clockOffset };
  }

  /** Whether this client has the sender. */
  get #sends(): boolean {
    return this.direction === "upload";
  }

  /** The interval of a time of this flow. */
  #interval(t: number): IntervalCounts {
    const nanos = t + this.#startNanos;
    this.#lastNanos = Math.max(this.#lastNanos, nanos);
    const k = Math.max(0, Math.floor(nanos / (this.#options.intervalMs * 1e6)));
    let interval = this.#intervals.get(k);
    if (interval === undefined) this.#intervals.set(k, interval = new IntervalCounts());
    return interval;
  }
}

/** A machine that dials one of its own addresses does so from that address, so that its clock is that of both ends. */
function sameMachine(client: string, server: string): boolean {
  const host = parseAddress(server, "server").hostname;
  return isLoopback(host) || host === parseAddress(client, "client").hostname;
}
