import type { StreamClientConfig, TransferConfig } from "../../flow/config.ts";
import type { FlowInfoEvent, FlowOptions, Flows } from "../../flow/flows.ts";
import type { FlowProgress, StreamReport } from "../../flow/report.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import { ByteIntervals, StreamAnalysis, type StreamFigures, type StreamInterval } from "../../flow/analysis/mod.ts";
import { ClientFlow, type Direction } from "./client_flow.ts";

/** The least time between samples, in milliseconds. */
const MIN_SAMPLE_MS = 1;
/** The time between samples where intervals are long, in milliseconds. */
const SAMPLE_MS = 100;

/** How a TCP flow is run. */
export interface StreamFlowOptions {
  /** For people. */
  readonly label: string;
  readonly direction: Direction;
  /** The server: `HOST:PORT`. */
  readonly server: string;
  /** The length of its intervals, in milliseconds. */
  readonly intervalMs: number;
  readonly transfer: Omit<TransferConfig, "flow">;
  /** The source address, and the version of IP. */
  readonly dial?: Pick<StreamClientConfig, "protocol" | "bind" | "cpu" | "priority">;
}

/** A TCP flow by hand. */
export class StreamFlow extends ClientFlow<StreamInterval, StreamFigures> {
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
  #firstNanos: number | undefined;
  #report: StreamReport | undefined;
  #cca: string | undefined;
  #paced = false;

  constructor(options: StreamFlowOptions) {
    super({ ...options, warmup: options.transfer.warmup });
    this.#options = options;
    this.#acked = new ByteIntervals(options.intervalMs * 1e6);
    this.#counted = new ByteIntervals(options.intervalMs * 1e6);
  }

  /** When its transfer started, in nanoseconds since the first of the flows has. */
  get startNanos(): number {
    return this.#firstNanos ?? this.originNanos;
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

  override info(info: FlowInfoEvent, originNanos: number): void {
    super.info(info, originNanos);
    const { cca, warmupEndNanos: end, pacedBitsPerSecond, maxBitsPerSecond } = info.values;
    this.#begun = true;
    if (typeof end === "number") {
      this.#analysis.warmUp = this.direction === "upload" ? { senderNanos: end } : { receiverNanos: end };
    }
    if (typeof cca === "string") this.#cca = cca;
    this.#paced = (pacedBitsPerSecond ?? maxBitsPerSecond) !== undefined;
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
      const nanos = this.sampled(chunk.columns.t[i]);
      if (chunk.kind === "tcpInfo") this.#kernel(nanos, chunk, i);
      else {
        // What is measured starts with it.
        if (nanos >= this.warmupEndNanos) this.#firstNanos ??= nanos;
        this.#counted.add(nanos, chunk.columns.total[i]);
      }
    }
  }

  override progress(report: FlowProgress): void {
    // All else is in the samples; a flow that its server has ended has a report as well.
    if (report.kind === "stream") this.#report = report;
  }

  async run(flows: Flows, options: FlowOptions): Promise<void> {
    const { server, transfer, intervalMs, dial } = this.#options;
    const sampleMs = Math.max(MIN_SAMPLE_MS, Math.min(SAMPLE_MS, intervalMs / 10));
    const config: TransferConfig = {
      ...transfer,
      flow: this.id,
      sampleIOInterval: sampleMs,
      tcpInfoInterval: sampleMs,
    };
    const hmac = options.key !== undefined;
    this.#report = await flows.streamClient(server, { ...dial, addr: server, hmac, [this.direction]: config }, options);
    this.complete = true;
  }

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

  figures(): StreamFigures {
    return this.#analysis.figures(this.#report);
  }

  #kernel(nanos: number, { columns }: Chunk<"tcpInfo">, i: number): void {
    if (columns.bytesAcked[i] >= 0) this.#acked.add(nanos, columns.bytesAcked[i]);
    // A sample between two intervals is the last one of the first.
    this.#infos.set(this.intervalOf(nanos - 1), {
      retransmits: columns.totalRetrans[i],
      marks: columns.deliveredCe[i],
      rttMicros: columns.rtt[i],
      cwndBytes: columns.cwnd[i] * columns.sndMss[i],
    });
  }
}
