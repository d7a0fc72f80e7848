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
import { ClientFlow } from "./client_flow.ts";

/** How requests and responses are run. */
export interface TransactionFlowOptions {
  /** For people. */
  readonly label: string;
  readonly transport: "tcp" | "udp";
  /** The length of its intervals, in milliseconds. */
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
  dial: Pick<StreamClientConfig, "protocol" | "bind" | "cpu" | "priority">,
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

/** A flow of requests and responses by hand: this end asks. */
export class TransactionFlow extends ClientFlow<TransactionInterval, TransactionFigures> {
  readonly analysis = new TransactionAnalysis();
  readonly #options: TransactionFlowOptions;
  readonly #intervals = new Map<number, { lost: number; readonly latency: Distribution }>();
  #report: TransactionReport | undefined;

  constructor(options: TransactionFlowOptions) {
    super({ ...options, direction: "upload" });
    this.#options = options;
    this.analysis.lossy = options.transport === "udp";
  }

  /** Whether each transaction has a connection of its own. */
  get perConnection(): boolean {
    return this.#options.perConnection;
  }

  override info(info: FlowInfoEvent, originNanos: number): void {
    super.info(info, originNanos);
    const { warmupEndNanos } = info.values;
    if (typeof warmupEndNanos === "number") this.analysis.warmupEnd = warmupEndNanos;
  }

  records(chunk: Chunk): void {
    if (chunk.kind !== "transactionIO") return;
    this.analysis.add(chunk);
    const { columns, count } = chunk;
    for (let i = 0; i < count; i++) {
      const k = this.intervalOf(this.sampled(columns.t[i]));
      const interval = this.#intervals.getOrInsertComputed(k, () => ({ lost: 0, latency: new Distribution() }));
      if (columns.lost[i] === 1) interval.lost++;
      else interval.latency.add(columns.latency[i]);
    }
  }

  async run(flows: Flows, options: FlowOptions): Promise<void> {
    this.#report = await this.#options.run(this.id, flows, options);
    this.complete = this.#report.complete;
  }

  takeInterval(k: number, durationMs: number): TransactionInterval {
    const { lost, latency } = this.#intervals.get(k) ?? { lost: 0, latency: new Distribution() };
    this.#intervals.delete(k);
    return { durationMs, latency, ...this.analysis.lossy && { lost } };
  }

  figures(): TransactionFigures {
    return this.analysis.figures(this.#report);
  }
}
