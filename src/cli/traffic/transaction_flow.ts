import type {
  PacketClientConfig,
  PacketExchangeConfig,
  RequestResponseConfig,
  StreamClientConfig,
} from "../../flow/config.ts";
import type { FlowInfoEvent, FlowOptions, Flows } from "../../flow/flows.ts";
import type { TransactionReport } from "../../flow/report.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import {
  Distribution,
  TransactionAnalysis,
  type TransactionFigures,
  type TransactionInterval,
} from "../../flow/analysis/mod.ts";
import { newFlowId } from "./client_flags.ts";
import type { ClientFlow } from "./run_flows.ts";

/** How requests and responses are run. */
export interface TransactionFlowOptions {
  /** For people. */
  readonly label: string;
  readonly transport: "tcp" | "udp";
  /** How often it is looked at, in milliseconds. */
  readonly intervalMs: number;
  /** In milliseconds; absent: none. */
  readonly warmup?: number;
  /** Whether each transaction has a connection of its own. */
  readonly perConnection: boolean;
  /** Runs a flow of an id to its end. */
  run(flow: string, flows: Flows, options: FlowOptions): Promise<TransactionReport>;
}

/**
 * Runs requests and responses over TCP.
 *
 * @param server `HOST:PORT`
 * @param dial how it is reached
 */
export function overTcp(
  server: string,
  dial: Pick<StreamClientConfig, "protocol" | "bind">,
  config: Omit<RequestResponseConfig, "flow">,
): TransactionFlowOptions["run"] {
  return (flow, flows, options) => {
    const hmac = options.key !== undefined;
    const requestResponse = { flow, ...config };
    return flows.streamTransactions(server, { ...dial, addr: server, hmac, requestResponse }, options);
  };
}

/**
 * Runs requests and responses over UDP.
 *
 * @param server `HOST:PORT`
 * @param client how it is reached, and what packets have
 */
export function overUdp(
  server: string,
  client: Omit<PacketClientConfig, "flow" | "sender" | "addr" | "hmac">,
  config: PacketExchangeConfig,
): TransactionFlowOptions["run"] {
  return (flow, flows, options) => {
    const hmac = options.key !== undefined;
    const sender = [{ requestResponse: config }];
    return flows.packetTransactions(server, { ...client, addr: server, hmac, flow, sender }, options);
  };
}

/** A flow of requests and responses by hand. */
export class TransactionFlow implements ClientFlow {
  readonly id: string;
  readonly label: string;
  /** This end asks. */
  readonly direction = "upload";
  readonly analysis = new TransactionAnalysis();
  readonly #options: TransactionFlowOptions;
  readonly #intervals = new Map<number, { lost: number; readonly latency: Distribution }>();
  #originNanos = 0;
  #warmupEndNanos = 0;
  #lastNanos = 0;
  #report: TransactionReport | undefined;

  constructor(options: TransactionFlowOptions) {
    this.#options = options;
    this.label = options.label;
    this.id = newFlowId(options.label);
    this.analysis.lossy = options.transport === "udp";
  }

  /** Whether each transaction has a connection of its own. */
  get perConnection(): boolean {
    return this.#options.perConnection;
  }

  /** What is 0 in the times of its samples, in nanoseconds since the first of the flows has started. */
  get originNanos(): number {
    return this.#originNanos;
  }

  get complete(): boolean {
    return this.#report?.complete ?? false;
  }

  get warmUp(): { readonly ms: number; readonly endMs: number } | undefined {
    const { warmup } = this.#options;
    return warmup ? { ms: warmup, endMs: this.#warmupEndNanos / 1e6 } : undefined;
  }

  get lastMs(): number {
    return this.#lastNanos / 1e6;
  }

  info({ values: { warmupEndNanos } }: FlowInfoEvent, startNanos: number): void {
    this.#originNanos = startNanos;
    if (typeof warmupEndNanos !== "number") return;
    this.#warmupEndNanos = startNanos + warmupEndNanos;
    this.analysis.warmupEnd = warmupEndNanos;
  }

  records(chunk: Chunk): void {
    if (chunk.kind !== "transactionIO") return;
    this.analysis.add(chunk);
    const { columns, count } = chunk;
    for (let i = 0; i < count; i++) {
      const nanos = columns.t[i] + this.#originNanos;
      this.#lastNanos = Math.max(this.#lastNanos, nanos);
      const k = Math.max(0, Math.floor(nanos / (this.#options.intervalMs * 1e6)));
      let interval = this.#intervals.get(k);
      if (interval === undefined) this.#intervals.set(k, interval = { lost: 0, latency: new Distribution() });
      if (columns.lost[i] === 1) interval.lost++;
      else interval.latency.add(columns.latency[i]);
    }
  }

  progress(): void {
    // All of it is in the samples.
  }

  async run(flows: Flows, options: FlowOptions): Promise<void> {
    this.#report = await this.#options.run(this.id, flows, options);
  }

  /**
   * Takes out what is known of an interval.
   *
   * @param k its number, from 0
   * @param durationMs its length
   */
  takeInterval(k: number, durationMs: number): TransactionInterval {
    const { lost, latency } = this.#intervals.get(k) ?? { lost: 0, latency: new Distribution() };
    this.#intervals.delete(k);
    return { durationMs, latency, ...this.analysis.lossy && { lost } };
  }

  /** All that was measured. */
  figures(): TransactionFigures {
    return this.analysis.figures(this.#report);
  }
}
