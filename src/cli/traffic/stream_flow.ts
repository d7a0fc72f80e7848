import type { StreamClientConfig, TransferConfig } from "../../flow/config.ts";
import type { FlowInfoEvent, FlowOptions, Flows } from "../../flow/flows.ts";
import type { StreamReport } from "../../flow/report.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import { ByteIntervals, StreamAnalysis, type StreamFigures, type StreamInterval } from "../../flow/analysis/mod.ts";
import type { ClientFlow } from "./run_flows.ts";
import { newFlowId } from "./client_flags.ts";

/** The least time between samples, in milliseconds. */
const MIN_SAMPLE_MS = 1;
/** The time between samples where intervals are long, in milliseconds. */
const SAMPLE_MS = 100;

/** How a TCP flow is run. */
export interface StreamFlowOptions {
  /** For people. */
  readonly label: string;
  readonly direction: "upload" | "download";
  /** The server: `HOST:PORT`. */
  readonly server: string;
  /** How often it is looked at, in milliseconds. */
  readonly intervalMs: number;
  readonly transfer: Omit<TransferConfig, "flow">;
  /** Where from, and over which protocol of IP. */
  readonly dial?: Pick<StreamClientConfig, "protocol" | "bind">;
}

/** A TCP flow by hand. */
export class StreamFlow implements ClientFlow {
  readonly id: string;
  readonly label: string;
  readonly direction: "upload" | "download";
  readonly #options: StreamFlowOptions;
  readonly #analysis = new StreamAnalysis();
  readonly #acked: ByteIntervals;
  readonly #counted: ByteIntervals;
  #infos = new Map<number, { retransmits: number; marks: number; rttMicros: number; cwndBytes: number }>();
  #toldRetransmits = 0;
  #toldMarks = 0;
  #begun = false;
  /** Samples that came before the server has taken the flow: if it never does, they do not count. */
  readonly #early: Chunk<"streamIO" | "tcpInfo">[] = [];
  #startNanos = 0;
  #firstNanos: number | undefined;
  /** End of the warm-up, in nanoseconds since the first flow started; 0 without a warm-up. */
  #warmupEndNanos = 0;
  #lastNanos = 0;
  #report: StreamReport | undefined;
  #cca: string | undefined;
  #paced = false;
  #complete = false;

  constructor(options: StreamFlowOptions) {
    this.#options = options;
    this.label = options.label;
    this.direction = options.direction;
    this.id = newFlowId(options.label);
    this.#acked = new ByteIntervals(options.intervalMs * 1e6);
    this.#counted = new ByteIntervals(options.intervalMs * 1e6);
  }

  get lastMs(): number {
    return this.#lastNanos / 1e6;
  }

  /** When this end last saw something of it, in nanoseconds since the first of the flows has started. */
  get lastNanos(): number {
    return this.#lastNanos;
  }

  /** When its transfer started, in nanoseconds since the first of the flows has. */
  get startNanos(): number {
    return this.#firstNanos ?? this.#startNanos;
  }

  /** Whether it sends a number of bytes, rather than for a time only: then its completion time is a figure. */
  get hasLength(): boolean {
    return this.#options.transfer.length !== undefined;
  }

  /** Whether its sender is to keep to a rate. */
  get paced(): boolean {
    return this.#paced;
  }

  /** The sender's congestion control, where this end is the sender; or what was asked for. */
  get cca(): string | undefined {
    return this.direction === "upload" ? this.#cca : this.#options.transfer.cca;
  }

  /** Whether it came to its end. */
  get complete(): boolean {
    return this.#complete;
  }

  get warmUp(): { readonly ms: number; readonly endMs: number } | undefined {
    const { warmup } = this.#options.transfer;
    return warmup ? { ms: warmup, endMs: this.#warmupEndNanos / 1e6 } : undefined;
  }

  info({ values }: FlowInfoEvent, startNanos: number): void {
    this.#begun = true;
    this.#startNanos = startNanos;
    if (typeof values.warmupEndNanos === "number") {
      this.#warmupEndNanos = startNanos + values.warmupEndNanos;
      const end = values.warmupEndNanos;
      this.#analysis.warmUp = this.direction === "upload" ? { senderNanos: end } : { receiverNanos: end };
    }
    if (typeof values.cca === "string") this.#cca = values.cca;
    this.#paced = values.pacedBitsPerSecond !== undefined;
    for (const chunk of this.#early.splice(0)) this.records(chunk);
  }

  records(chunk: Chunk): void {
    if (chunk.kind === "packetIO" || chunk.kind === "transactionIO") return;
    if (!this.#begun) {
      this.#early.push(chunk);
      return;
    }
    this.#analysis.add(chunk);
    for (let i = 0; i < chunk.count; i++) {
      const t = chunk.columns.t[i] + this.#startNanos;
      this.#lastNanos = Math.max(this.#lastNanos, t);
      if (chunk.kind === "tcpInfo") this.#kernel(t, chunk, i);
      else {
        // What is measured starts with it.
        if (t >= this.#warmupEndNanos) this.#firstNanos ??= t;
        this.#counted.add(t, chunk.columns.total[i]);
      }
    }
  }

  progress(): void {
    // All of it is in the samples.
  }

  async run(flows: Flows, options: FlowOptions): Promise<void> {
    const { direction, server, transfer, intervalMs, dial } = this.#options;
    const sampleMs = Math.max(MIN_SAMPLE_MS, Math.min(SAMPLE_MS, intervalMs / 10));
    const config: TransferConfig = {
      ...transfer,
      flow: this.id,
      sampleIOInterval: sampleMs,
      tcpInfoInterval: sampleMs,
    };
    const hmac = options.key !== undefined;
    this.#report = await flows.streamClient(server, { ...dial, addr: server, hmac, [direction]: config }, options);
    this.#complete = true;
  }

  /**
   * Takes out what is known of an interval, in order.
   *
   * @param k its number, from 0
   * @param durationMs its length
   */
  takeInterval(k: number, durationMs: number): StreamInterval {
    // A sender counts what its system took; what the receiver's system has acknowledged is closer to what arrived.
    const [acked, counted] = [this.#acked.take(k), this.#counted.take(k)];
    const bytes = Math.round(this.direction === "upload" && this.#acked.total > 0 ? acked : counted);
    const info = this.#infos.get(k);
    this.#infos.delete(k);
    if (info === undefined) return { durationMs, bytes };
    const retransmits = Math.max(0, info.retransmits - this.#toldRetransmits);
    this.#toldRetransmits = info.retransmits;
    const congestionMarks = Math.max(0, info.marks - this.#toldMarks);
    this.#toldMarks = info.marks;
    const { rttMicros, cwndBytes } = info;
    return { durationMs, bytes, retransmits, congestionMarks, rttMicros, cwndBytes };
  }

  /** All that was measured. */
  figures(): StreamFigures {
    return this.#analysis.figures(this.#report);
  }

  #kernel(t: number, { columns }: Chunk<"tcpInfo">, i: number): void {
    if (columns.bytesAcked[i] >= 0) this.#acked.add(t, columns.bytesAcked[i]);
    this.#infos.set(Math.max(0, Math.ceil(t / (this.#options.intervalMs * 1e6)) - 1), {
      retransmits: columns.totalRetrans[i],
      marks: columns.deliveredCe[i],
      rttMicros: columns.rtt[i],
      cwndBytes: columns.cwnd[i] * columns.sndMss[i],
    });
  }
}
