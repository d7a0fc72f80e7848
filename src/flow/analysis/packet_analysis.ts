import type { Chunk } from "../records/read_chunk.ts";
import type { PacketReport } from "../report.ts";
import { ClockOffsetEstimator, type OffsetEstimate } from "./clock_offset.ts";
import { MAX_SENDERS } from "../packet/header.ts";
import { type PacketFigures, SenderAnalysis, type SenderAnalysisOptions } from "./sender_analysis.ts";

/** What the windows of all senders of a flow together grow by: 2 MiB a column. */
const BUDGET_PACKETS = 2 ** 18;

/** What was measured with the packets of a UDP flow. */
export interface PacketFlowFigures {
  /** One for each sender, by index. */
  readonly senders: readonly PacketFigures[];
  /** How the clocks of the ends relate; absent if that is not known. */
  readonly clockOffset?: OffsetEstimate;
}

/** How a flow is analysed. */
export interface PacketAnalysisOptions extends SenderAnalysisOptions {
  /** How the clock of the server relates to that of the client; absent: estimated from echoes. */
  readonly clocks?: OffsetEstimate;
  /** Learns from this flow and others how the clocks relate: flows between the same two machines may share it. */
  readonly offset?: ClockOffsetEstimator;
}

/** Both ends have one clock. */
export const SHARED_CLOCK: OffsetEstimate = { offsetNanos: 0, boundNanos: 0, drifted: false };

/**
 * Analyses the samples of a UDP flow, of the client alone or of both ends, in memory that stays the same. Samples of the
 * two ends may come in any order as long as they are not 65,536 packets apart: merge them by time.
 *
 * @example
 * ```ts
 * import { ChunkWriter } from "../records/chunk_writer.ts";
 * import { type Chunk, readChunk } from "../records/read_chunk.ts";
 * import { PacketAnalysis } from "./packet_analysis.ts";
 *
 * const writer = new ChunkWriter("packetIO");
 * const i = writer.next();
 * writer.columns.sent[i] = 1;
 * const analysis = new PacketAnalysis();
 * analysis.add(readChunk(writer.take()) as Chunk<"packetIO">);
 * console.assert(analysis.figures().senders[0].toServer?.sent === 1);
 * ```
 */
export class PacketAnalysis {
  readonly #senders = new Map<number, SenderAnalysis>();
  readonly #offset: ClockOffsetEstimator;
  readonly #budget = { packets: BUDGET_PACKETS };
  readonly #options: PacketAnalysisOptions;
  #clocks: OffsetEstimate | undefined;
  #serverShift = 0;
  #measured = MAX_SENDERS;

  constructor(options: PacketAnalysisOptions = {}) {
    this.#clocks = options.clocks;
    this.#offset = options.offset ?? new ClockOffsetEstimator();
    this.#options = options;
  }

  /** How the clock of the server relates to that of the client, where that becomes known later. */
  set clocks(clocks: OffsetEstimate) {
    this.#clocks = clocks;
  }

  /**
   * The two ends count their times from different moments. Before samples of the server; 0 at first.
   *
   * @param nanos the server's `tinit` less the client's
   */
  set serverShift(nanos: number) {
    this.#serverShift = nanos;
  }

  /**
   * With a warm-up, packets have the indices of other senders until it is over: see {@linkcode withWarmUp}. Before samples.
   *
   * @param count how many senders are measured; those with a greater index are left out
   */
  set measuredSenders(count: number) {
    this.#measured = Math.min(count, MAX_SENDERS);
  }

  /** Adds the samples of a chunk. */
  add({ columns, count }: Chunk<"packetIO">): void {
    for (let i = 0; i < count; i++) {
      const sender = this.#sender(columns.sender[i]);
      sender?.add(columns, i, columns.server[i] ? this.#serverShift : 0);
    }
  }

  /** How the clocks of the ends relate, as far as is known by now. */
  get clockOffset(): OffsetEstimate | undefined {
    return this.#clocks ?? this.#offset.estimate();
  }

  /**
   * All figures. Nothing may be added any more.
   *
   * @param report of the client, the last one
   */
  figures(report?: PacketReport): PacketFlowFigures {
    if (report?.complete) this.#learnClocks(report);
    const { clockOffset } = this;
    const senders = [...this.#senders.values()].sort((a, b) => a.sender - b.sender)
      .map((sender) => sender.figures(clockOffset, report, this.#measured));
    return { senders, clockOffset };
  }

  #learnClocks({ senders, serverClock }: PacketReport): void {
    for (const { arrivals } of senders) if (arrivals !== undefined) this.#offset.toServer(0, arrivals.delay.min);
    if (serverClock === undefined) return;
    this.#offset.toServer(0, serverClock.most);
    this.#offset.fromServer(serverClock.least, 0);
  }

  #sender(index: number): SenderAnalysis | undefined {
    let sender = this.#senders.get(index);
    if (sender === undefined) {
      if (!(Number.isInteger(index) && index >= 0 && index < this.#measured)) return undefined;
      sender = new SenderAnalysis(index, this.#offset, this.#budget, this.#options);
      this.#senders.set(index, sender);
    }
    return sender;
  }
}
