import type { Columns } from "../../flow/records/kinds.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import { ByteSeries } from "./byte_series.ts";
import { Distribution, type Quantiles } from "./distribution.ts";

/** The width of the first bins of the series. */
const BIN_NANOS = 10e6;

/** Aggregates that a client gets when its flow is complete; see Flows.streamClient. Absent: not known. */
export interface StreamTotals {
  /** As the receiver counted them. */
  readonly bytes?: number;
  /** As the receiver measured it: from when it was ready until it had the last byte. */
  readonly durationNanos?: number;
  /** From the client's first step to connect until it knew that all had arrived. */
  readonly fctNanos?: number;
  /** Segments that the sender's kernel sent again. */
  readonly retransmits?: number;
  readonly rttMicros?: number;
  readonly minRttMicros?: number;
  readonly cwndBytes?: number;
}

/** Why the sender's kernel had nothing to send, or could not: shares of the time of the transfer, 0 to 1. */
export interface StreamLimits {
  /** There was something to send: tcpi_busy_time. */
  readonly busy: number;
  /** The receiver's window was full: tcpi_rwnd_limited. */
  readonly receiveWindow: number;
  /** The sender's buffer was full: tcpi_sndbuf_limited. */
  readonly sendBuffer: number;
}

/** What was measured with a TCP flow. Times are nanoseconds. */
export interface StreamFigures {
  /** Bytes of the application that arrived; those that were sent if the receiver told nothing. */
  readonly bytes: number;
  /** Whether the receiver counted the bytes, so that goodput is what that word says. */
  readonly receiverCounted: boolean;
  /** From when the receiver was ready until it had the last byte. */
  readonly durationNanos: number;
  /** Bytes of the application that arrived, once each, per time: RFC 2647 (3.17), RFC 5166 (2.1). */
  readonly goodputBitsPerSecond: number;
  /** Flow completion time: from the client's first step to connect until it knew that all had arrived. */
  readonly completionNanos?: number;
  /** Segments that the sender's kernel sent again, RFC 4898 (tcpEStatsPerfSegsRetrans). */
  readonly retransmits?: number;
  /** Of the bytes that the sender's kernel sent, the share that it sent again. */
  readonly retransmittedShare?: number;
  /** The sender's smoothed round-trip time, RFC 6298, as it was sampled: not the round trips of single segments. */
  readonly rtt?: Quantiles;
  /** The least round trip that the sender's kernel saw: tcpi_min_rtt. */
  readonly minRttNanos?: number;
  /** The sender's congestion window, RFC 5681, in bytes: segments by its maximum segment size. */
  readonly cwndBytes?: Quantiles;
  readonly limits?: StreamLimits;
  /** Bytes as they arrived over time, in bins of `binNanos`. */
  readonly series: { readonly binNanos: number; readonly bytes: readonly number[] };
  /** Samples that contradict others, and were left out. */
  readonly incoherent: number;
}

/** One end of a stream. */
class StreamEnd {
  bytes = 0;
  nanos = 0;
  incoherent = 0;
  readonly series = new ByteSeries(BIN_NANOS);

  add(columns: Columns<"streamIO">, i: number): void {
    const { [i]: t } = columns.t;
    const { [i]: total } = columns.total;
    if (!this.series.add(t, total)) {
      this.incoherent++;
      return;
    }
    this.bytes = total;
    this.nanos = t;
  }
}

/**
 * Analyses the samples of a TCP flow, of one end or of both, in memory that stays the same.
 *
 * @example
 * ```ts
 * import { ChunkWriter } from "../../flow/records/chunk_writer.ts";
 * import { readChunk } from "../../flow/records/read_chunk.ts";
 * import { StreamAnalysis } from "./stream_analysis.ts";
 *
 * const writer = new ChunkWriter("streamIO");
 * const i = writer.next();
 * writer.columns.t[i] = 1e9;
 * writer.columns.total[i] = 125_000;
 * const analysis = new StreamAnalysis();
 * const chunk = readChunk(writer.take());
 * if (chunk.kind !== "packetIO") analysis.add(chunk);
 * console.assert(analysis.figures().goodputBitsPerSecond === 1e6);
 * ```
 */
export class StreamAnalysis {
  readonly #sender = new StreamEnd();
  readonly #receiver = new StreamEnd();
  readonly #rtt = new Distribution();
  readonly #cwnd = new Distribution();
  #minRtt = Infinity;
  #retransmits: number | undefined;
  #retransmittedShare: number | undefined;
  #limits: StreamLimits | undefined;
  #infoAt = -Infinity;
  #incoherent = 0;

  /** Adds the samples of a chunk. */
  add(chunk: Chunk<"streamIO" | "tcpInfo">): void {
    for (let i = 0; i < chunk.count; i++) {
      if (chunk.kind === "tcpInfo") this.#tcpInfo(chunk.columns, i);
      else (chunk.columns.sent[i] ? this.#sender : this.#receiver).add(chunk.columns, i);
    }
  }

  /**
   * All figures.
   *
   * @param totals what the client got when the flow was complete; absent if it is not
   */
  figures(totals: StreamTotals = {}): StreamFigures {
    const receiverCounted = totals.bytes !== undefined || this.#receiver.bytes > 0 || this.#sender.bytes === 0;
    const end = this.#receiver.bytes > 0 ? this.#receiver : this.#sender;
    const bytes = totals.bytes ?? end.bytes;
    const durationNanos = totals.durationNanos ?? end.nanos;
    const minRtt = this.#minRtt < Infinity ? this.#minRtt : micros(totals.minRttMicros);
    return {
      bytes,
      receiverCounted,
      durationNanos,
      goodputBitsPerSecond: durationNanos > 0 ? bytes * 8e9 / durationNanos : 0,
      completionNanos: totals.fctNanos,
      retransmits: this.#retransmits ?? totals.retransmits,
      retransmittedShare: this.#retransmittedShare,
      rtt: this.#rtt.quantiles() ?? single(micros(totals.rttMicros)),
      minRttNanos: minRtt,
      cwndBytes: this.#cwnd.quantiles() ?? single(totals.cwndBytes),
      limits: this.#limits,
      series: { binNanos: end.series.binNanos, bytes: end.series.bins },
      incoherent: this.#sender.incoherent + this.#receiver.incoherent + this.#incoherent,
    };
  }

  /** Only senders record what the kernel says: a receiver's round-trip times and window mean nothing. */
  #tcpInfo(columns: Columns<"tcpInfo">, i: number): void {
    const t = columns.t[i];
    if (!(t >= this.#infoAt && t <= Number.MAX_SAFE_INTEGER)) {
      this.#incoherent++;
      return;
    }
    this.#infoAt = t;
    if (columns.rtt[i] > 0) this.#rtt.add(columns.rtt[i] * 1000);
    const minRtt = columns.minRtt[i];
    // The kernel's value for none is the greatest of 32 bits.
    if (minRtt > 0 && minRtt < 2 ** 32 - 1) this.#minRtt = Math.min(this.#minRtt, minRtt * 1000);
    const cwndBytes = columns.cwnd[i] * columns.sndMss[i];
    if (columns.cwnd[i] > 0 && columns.sndMss[i] > 0) this.#cwnd.add(cwndBytes);
    if (columns.totalRetrans[i] >= 0) this.#retransmits = columns.totalRetrans[i];
    if (columns.bytesRetrans[i] >= 0 && columns.bytesSent[i] > 0) {
      this.#retransmittedShare = columns.bytesRetrans[i] / columns.bytesSent[i];
    }
    if (columns.busyTime[i] >= 0 && columns.rwndLimited[i] >= 0 && columns.sndbufLimited[i] >= 0 && t > 0) {
      const share = (micros: number) => Math.min(1, micros * 1000 / t);
      this.#limits = {
        busy: share(columns.busyTime[i]),
        receiveWindow: share(columns.rwndLimited[i]),
        sendBuffer: share(columns.sndbufLimited[i]),
      };
    }
  }
}

function micros(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value * 1000 : undefined;
}

/** A distribution of one value, which is all that is known. */
function single(value: number | undefined): Quantiles | undefined {
  if (value === undefined || !(value > 0)) return undefined;
  return { count: 1, min: value, mean: value, median: value, p99: value, p999: value, max: value };
}
