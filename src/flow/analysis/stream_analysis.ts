import { goodput } from "../stream/io_meter.ts";
import type { Columns } from "../records/format.ts";
import type { Chunk } from "../records/read_chunk.ts";
import type { ConnectionReport, StreamReport } from "../report.ts";
import { Distribution, type Quantiles } from "./distribution.ts";

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
  /** Bytes of the application that arrived; those that were sent if the receiver reported nothing. */
  readonly bytes: number;
  /** Whether the receiver counted the bytes, so that goodput is that of bytes that arrived. */
  readonly receiverCounted: boolean;
  /** From when the receiver was ready until it had the last byte, of whatever came. */
  readonly durationNanos: number;
  /**
   * Bytes of the application that arrived, once each, per time: RFC 2647 (3.17), RFC 5166 (2.1). The time is
   * `durationNanos`, and at least `minRttNanos`: what comes in one flight comes at once.
   */
  readonly goodputBitsPerSecond: number;
  /**
   * Flow completion time: from the client's first step to connect until it knew that all had arrived. The proof of the
   * key is left out, so that it is the time that the same transfer takes without a key: the round trip of TCP's
   * handshake, and those of the transfer. Flows of earlier versions have two round trips of words in it.
   */
  readonly completionNanos?: number;
  /** The time that the proof of the key took: a round trip from the connection on; absent without a key. */
  readonly keyProofNanos?: number;
  /** Segments that the sender's kernel sent again, RFC 4898 (tcpEStatsPerfSegsRetrans). */
  readonly retransmits?: number;
  /** Of the bytes that the sender's kernel sent, the share that it sent again. */
  readonly retransmittedShare?: number;
  /**
   * The sender's smoothed round-trip time, RFC 6298, as it was sampled: not the round trips of single segments. Absent
   * where there is one sample, of which there are no quantiles.
   */
  readonly rtt?: Quantiles;
  /** The last of these samples: the sender's kernel at the end. */
  readonly lastRttNanos?: number;
  /** The least round trip that the sender's kernel saw: tcpi_min_rtt. */
  readonly minRttNanos?: number;
  /** The sender's congestion window, RFC 5681, in bytes: segments by its maximum segment size. Absent as `rtt` is. */
  readonly cwndBytes?: Quantiles;
  readonly lastCwndBytes?: number;
  readonly limits?: StreamLimits;
  /** The share of the transfer's time that the server's thread computed, 0 to 1. */
  readonly serverBusy?: number;
  /** Samples that contradict others, and were left out. */
  readonly incoherent: number;
}

/** One end of a stream. */
class StreamEnd {
  bytes = 0;
  /** When the last byte had come, since it was ready. */
  nanos = 0;
  incoherent = 0;
  #readyAt: number | undefined;
  #lastTime = 0;

  add(columns: Columns<"streamIO">, i: number): void {
    const { [i]: t } = columns.t;
    const { [i]: total } = columns.total;
    const fits = t >= this.#lastTime && t <= Number.MAX_SAFE_INTEGER &&
      total >= this.bytes && total <= Number.MAX_SAFE_INTEGER;
    if (!fits) {
      this.incoherent++;
      return;
    }
    this.#lastTime = t;
    // It samples that it has nothing yet as soon as it is ready.
    this.#readyAt ??= total === 0 ? t : 0;
    // Where nothing came any more, that it ended later takes nothing from what was.
    if (total === this.bytes) return;
    this.bytes = total;
    this.nanos = t - this.#readyAt;
  }
}

/**
 * Analyses the samples of a TCP flow, of one end or of both, in memory that stays the same.
 *
 * @example
 * ```ts
 * import { ChunkWriter } from "../records/chunk_writer.ts";
 * import { readChunk } from "../records/read_chunk.ts";
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
  #lastRtt: number | undefined;
  #lastCwnd: number | undefined;
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
   * @param report of the client, at the end of the flow; absent if it has not come to that
   */
  figures(report?: StreamReport): StreamFigures {
    const receiverCounted = report?.bytes !== undefined || this.#receiver.bytes > 0 || this.#sender.bytes === 0;
    const end = this.#receiver.bytes > 0 ? this.#receiver : this.#sender;
    const bytes = report?.bytes ?? end.bytes;
    const durationNanos = report?.durationNanos ?? end.nanos;
    const minRtt = this.#minRtt < Infinity ? this.#minRtt : micros(report?.minRttMicros);
    return {
      bytes,
      receiverCounted,
      durationNanos,
      goodputBitsPerSecond: goodput(bytes, durationNanos, minRtt),
      completionNanos: report?.fctNanos,
      keyProofNanos: report?.keyProofNanos,
      retransmits: this.#retransmits ?? report?.retransmits,
      retransmittedShare: this.#retransmittedShare,
      rtt: quantilesOf(this.#rtt),
      lastRttNanos: this.#lastRtt ?? micros(report?.rttMicros),
      minRttNanos: minRtt,
      cwndBytes: quantilesOf(this.#cwnd),
      lastCwndBytes: this.#lastCwnd ?? positive(report?.cwndBytes),
      limits: this.#limits ?? limitsOf(report ?? {}, durationNanos),
      serverBusy: report?.serverCpuNanos === undefined ? undefined : share(report.serverCpuNanos, durationNanos),
      incoherent: this.#sender.incoherent + this.#receiver.incoherent + this.#incoherent,
    };
  }

  /** Adds a sample of the kernel. Only senders record them: a receiver's round-trip times and window mean nothing. */
  #tcpInfo(columns: Columns<"tcpInfo">, i: number): void {
    const t = columns.t[i];
    if (!(t >= this.#infoAt && t <= Number.MAX_SAFE_INTEGER)) {
      this.#incoherent++;
      return;
    }
    this.#infoAt = t;
    if (columns.rtt[i] > 0) {
      this.#lastRtt = columns.rtt[i] * 1000;
      this.#rtt.add(this.#lastRtt);
    }
    const minRtt = columns.minRtt[i];
    // Without a round trip, the kernel has the greatest number of 32 bits.
    if (minRtt > 0 && minRtt < 2 ** 32 - 1) this.#minRtt = Math.min(this.#minRtt, minRtt * 1000);
    const cwndBytes = columns.cwnd[i] * columns.sndMss[i];
    if (columns.cwnd[i] > 0 && columns.sndMss[i] > 0) {
      this.#lastCwnd = cwndBytes;
      this.#cwnd.add(cwndBytes);
    }
    if (columns.totalRetrans[i] >= 0) this.#retransmits = columns.totalRetrans[i];
    if (columns.bytesRetrans[i] >= 0 && columns.bytesSent[i] > 0) {
      this.#retransmittedShare = columns.bytesRetrans[i] / columns.bytesSent[i];
    }
    const [busyMicros, receiveWindowMicros, sendBufferMicros] = [
      columns.busyTime[i],
      columns.rwndLimited[i],
      columns.sndbufLimited[i],
    ];
    this.#limits = limitsOf({ busyMicros, receiveWindowMicros, sendBufferMicros }, t) ?? this.#limits;
  }
}

function limitsOf(
  { busyMicros = -1, receiveWindowMicros = -1, sendBufferMicros = -1 }: ConnectionReport,
  nanos: number,
): StreamLimits | undefined {
  // Kernels that do not report them have -1.
  if (!(busyMicros >= 0 && receiveWindowMicros >= 0 && sendBufferMicros >= 0)) return undefined;
  const [busy, receiveWindow, sendBuffer] = [busyMicros, receiveWindowMicros, sendBufferMicros]
    .map((micros) => share(micros * 1000, nanos));
  if (busy === undefined || receiveWindow === undefined || sendBuffer === undefined) return undefined;
  return { busy, receiveWindow, sendBuffer };
}

function share(part: number, whole: number): number | undefined {
  return whole > 0 && part >= 0 ? Math.min(1, part / whole) : undefined;
}

function micros(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value * 1000 : undefined;
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

/** One sample has no distribution. */
function quantilesOf(distribution: Distribution): Quantiles | undefined {
  const quantiles = distribution.quantiles();
  return quantiles !== undefined && quantiles.count > 1 ? quantiles : undefined;
}
