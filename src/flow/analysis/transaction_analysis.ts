import type { Chunk } from "../records/read_chunk.ts";
import type { TransactionReport } from "../report.ts";
import { Distribution, type Quantiles } from "./distribution.ts";

/** A distribution of times that has the value that 90% are at most as well, as tools of this kind print it. */
export interface TransactionTimes extends Quantiles {
  readonly p90: number;
}

/** What was measured with requests and responses. Times are nanoseconds. */
export interface TransactionFigures {
  /** It has a warm-up, and ended within: there is nothing of which a figure could be made. */
  readonly unmeasured?: true;
  /** Transactions that have their response. */
  readonly transactions: number;
  /** Transactions without a response in time; absent over TCP, which loses none. */
  readonly lost?: number;
  /** From the first request, or the end of the warm-up, until the last transaction was over. */
  readonly durationNanos: number;
  /** Whether each transaction had a connection of its own. */
  readonly perConnection: boolean;
  /** From just before a request was sent, or its connection was begun, until its response was there as a whole. */
  readonly latency?: TransactionTimes;
  /** How much of that connecting took; absent unless transactions have a connection each. */
  readonly connect?: TransactionTimes;
  /** The share of the time that the server's thread computed, 0 to 1. */
  readonly serverBusy?: number;
  /** Samples that contradict others, and were left out. */
  readonly incoherent: number;
}

/**
 * Analyses the samples of requests and responses, in memory that stays the same.
 *
 * @example
 * ```ts
 * import { ChunkWriter } from "../records/chunk_writer.ts";
 * import { type Chunk, readChunk } from "../records/read_chunk.ts";
 * import { TransactionAnalysis } from "./transaction_analysis.ts";
 *
 * const writer = new ChunkWriter("transactionIO");
 * const { t, latency, connect, lost } = writer.columns;
 * for (const k of [1, 2]) {
 *   const i = writer.next();
 *   t[i] = k * 500e3;
 *   latency[i] = 500e3;
 *   connect[i] = -1;
 *   lost[i] = 0;
 * }
 * const analysis = new TransactionAnalysis();
 * analysis.add(readChunk(writer.take()) as Chunk<"transactionIO">);
 * const { transactions, durationNanos } = analysis.figures();
 * console.assert(transactions === 2 && durationNanos === 1e6);
 * ```
 */
export class TransactionAnalysis {
  /** Transactions over UDP, of which some may be lost. */
  lossy = false;
  readonly #latency = new Distribution();
  readonly #connect = new Distribution();
  #lost = 0;
  #incoherent = 0;
  #warmupEnd = 0;
  #sampled = false;
  #first = Infinity;
  #last = 0;

  /** What is over before is left out of all figures, in nanoseconds since the flow's `tinit`. Before samples. */
  set warmupEnd(nanos: number) {
    this.#warmupEnd = nanos;
  }

  /** When the first request that counts was sent, or the warm-up was over; Infinity: nothing was measured. */
  get startNanos(): number {
    return this.#warmupEnd > 0 ? this.#warmupEnd : this.#first;
  }

  /** When the last transaction was over. */
  get lastNanos(): number {
    return this.#last;
  }

  /** Adds the samples of a chunk. */
  add({ columns, count }: Chunk<"transactionIO">): void {
    for (let i = 0; i < count; i++) {
      const { [i]: t } = columns.t, { [i]: latency } = columns.latency, { [i]: connect } = columns.connect;
      this.#sampled = true;
      // Each is over after the one before: those of a flow are recorded in that order.
      const fits = t >= this.#last && t <= Number.MAX_SAFE_INTEGER && latency >= 0 && latency <= t &&
        connect <= latency;
      if (!fits) {
        this.#incoherent++;
        continue;
      }
      this.#last = t;
      if (t < this.#warmupEnd) continue;
      if (t - latency < this.#first) this.#first = t - latency;
      if (columns.lost[i] === 1) this.#lost++;
      else this.#latency.add(latency);
      if (connect >= 0) this.#connect.add(connect);
    }
  }

  /**
   * All figures.
   *
   * @param report of the client, at the end of the flow; absent if it has not come to that
   */
  figures(report?: TransactionReport): TransactionFigures {
    const { count: transactions } = this.#latency;
    const { serverCpuNanos, elapsedNanos = 0 } = report ?? {};
    const isMeasured = transactions + this.#lost > 0;
    return {
      ...!isMeasured && this.#warmupEnd > 0 && this.#sampled && { unmeasured: true },
      transactions,
      ...this.lossy && { lost: this.#lost },
      durationNanos: isMeasured ? this.#last - this.startNanos : 0,
      perConnection: this.#connect.count > 0,
      latency: timesOf(this.#latency),
      connect: timesOf(this.#connect),
      ...serverCpuNanos !== undefined && elapsedNanos > 0 && { serverBusy: Math.min(1, serverCpuNanos / elapsedNanos) },
      incoherent: this.#incoherent,
    };
  }

  /** Adds the times of another flow, for the figures of several together. */
  merge(other: TransactionAnalysis): void {
    this.#latency.merge(other.#latency);
    this.#connect.merge(other.#connect);
    this.#lost += other.#lost;
    this.#incoherent += other.#incoherent;
    this.lossy ||= other.lossy;
  }
}

/** Returns the figures of a distribution; undefined without values. */
export function timesOf(distribution: Distribution): TransactionTimes | undefined {
  const quantiles = distribution.quantiles();
  return quantiles && { ...quantiles, p90: distribution.quantile(0.9) };
}

/** A flow of requests and responses as a sum takes it. */
export interface TransactionAddend {
  /** The zero of its times, in nanoseconds since a moment that is the same for all. */
  readonly originNanos: number;
  readonly analysis: TransactionAnalysis;
}

/**
 * Adds up flows of requests and responses: all their transactions, from the first request of all to the end of the last.
 * Quantiles are those of all transactions together.
 */
export function sumTransactions(flows: readonly TransactionAddend[]): TransactionFigures {
  const all = new TransactionAnalysis();
  let from = Infinity, to = -Infinity;
  for (const { originNanos, analysis } of flows) {
    all.merge(analysis);
    if (analysis.startNanos === Infinity) continue;
    from = Math.min(from, originNanos + analysis.startNanos);
    to = Math.max(to, originNanos + analysis.lastNanos);
  }
  return { ...all.figures(), durationNanos: Math.max(0, to - from) || 0 };
}

/** What a flow of requests and responses did in an interval. */
export interface TransactionInterval {
  /** The length of the interval, in milliseconds. */
  readonly durationMs: number;
  /** Transactions without a response that were given up in it; absent over TCP. */
  readonly lost?: number;
  /** Latencies of the transactions that were over in it, in nanoseconds. */
  readonly latency: Distribution;
}
