import { markedBytes, TCPI_OPT_ECN } from "../../sys/tcp_info.ts";
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
  /** It has a warm-up, and ended within: there is nothing of which a figure could be made. */
  readonly unmeasured?: true;
  /**
   * Bytes of the application that arrived. If the receiver reported nothing: those that its system has acknowledged, or
   * where the sender's kernel does not report these, those that were sent.
   */
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
  /** Whether both ends speak ECN; absent where the sender's kernel did not report it. */
  readonly ecn?: boolean;
  /** Segments of which acknowledgements reported a congestion mark: tcpi_delivered_ce. */
  readonly congestionMarks?: number;
  /** Bytes that accurate ECN reported as marked, RFC 9768; absent where the ends do not speak that. */
  readonly congestionMarkedBytes?: number;
  /** Samples that contradict others, and were left out. */
  readonly incoherent: number;
}

/** When the warm-up of a stream is over at each end, in nanoseconds since the `tinit` of that end. */
export interface StreamWarmUp {
  readonly senderNanos?: number;
  readonly receiverNanos?: number;
}

/** One end of a stream. */
class StreamEnd {
  bytes = 0;
  /** When the last byte had come, since it was ready or the warm-up was over. */
  nanos = 0;
  incoherent = 0;
  /** When the warm-up is over; 0: there is no warm-up. */
  warmupEnd = 0;
  /** There is a sample, before or after the end of the warm-up. */
  sampled = false;
  #readyAt: number | undefined;
  #lastTime = 0;
  #total = 0;
  /** What had come before the warm-up was over. */
  #before = 0;

  /** A sample after the warm-up is there. */
  get measured(): boolean {
    return this.#readyAt !== undefined;
  }

  /** Adds a sample: how many bytes there are at a time. */
  add(t: number, total: number): void {
    const fits = t >= this.#lastTime && t <= Number.MAX_SAFE_INTEGER &&
      total >= this.#total && total <= Number.MAX_SAFE_INTEGER;
    if (!fits) {
      this.incoherent++;
      return;
    }
    this.#lastTime = t;
    this.sampled = true;
    if (this.#readyAt === undefined) {
      if (this.warmupEnd > 0) {
        this.#before = this.#total = total;
        // Both ends sample when it is over.
        if (t >= this.warmupEnd) this.#readyAt = t;
        return;
      }
      // It samples that it has nothing yet as soon as it is ready.
      this.#readyAt = total === 0 ? t : 0;
    }
    // Where nothing came any more, that it ended later takes nothing from what was.
    if (total === this.#total) return;
    this.#total = total;
    this.bytes = total - this.#before;
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
 * if (chunk.kind === "streamIO") analysis.add(chunk);
 * console.assert(analysis.figures().goodputBitsPerSecond === 1e6);
 * ```
 */
export class StreamAnalysis {
  readonly #sender = new StreamEnd();
  readonly #receiver = new StreamEnd();
  /** What the receiver's system has acknowledged to the sender's, with tine's own few words. */
  readonly #acked = new StreamEnd();
  #warmUp: StreamWarmUp | undefined;
  /** The first sample of the kernel after the warm-up. */
  #infoBefore: KernelCounters | undefined;
  readonly #rtt = new Distribution();
  readonly #cwnd = new Distribution();
  #lastRtt: number | undefined;
  #lastCwnd: number | undefined;
  #minRtt = Infinity;
  #retransmits: number | undefined;
  #retransmittedShare: number | undefined;
  #limits: StreamLimits | undefined;
  #ecn: boolean | undefined;
  #marks: number | undefined;
  #markedBytes: number | undefined;
  #infoAt = -Infinity;
  #incoherent = 0;

  /** What is sampled before is left out of all figures but the completion time. Before samples. */
  set warmUp(warmUp: StreamWarmUp) {
    this.#warmUp = warmUp;
    this.#sender.warmupEnd = warmUp.senderNanos ?? 0;
    this.#receiver.warmupEnd = warmUp.receiverNanos ?? 0;
  }

  /** Adds the samples of a chunk. */
  add(chunk: Chunk<"streamIO" | "tcpInfo">): void {
    for (let i = 0; i < chunk.count; i++) {
      if (chunk.kind === "tcpInfo") this.#tcpInfo(chunk.columns, i);
      else (chunk.columns.sent[i] ? this.#sender : this.#receiver).add(chunk.columns.t[i], chunk.columns.total[i]);
    }
  }

  /**
   * All figures.
   *
   * @param report of the client, at the end of the flow; absent if it has not come to that
   */
  figures(report?: StreamReport): StreamFigures {
    if (this.#warmUp !== undefined) return this.#figuresAfter(report);
    const receiverCounted = report?.bytes !== undefined || this.#receiver.sampled || this.#sender.bytes === 0;
    // What a sender's system has taken may wait there, on a path that lets nothing through, for ever.
    const end = this.#receiver.sampled ? this.#receiver : this.#acked.sampled ? this.#acked : this.#sender;
    const bytes = report?.bytes ?? (end === this.#acked ? Math.min(end.bytes, this.#sender.bytes) : end.bytes);
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
      ...this.#kernelFigures(report, minRtt),
      limits: this.#limits ?? limitsOf(report ?? {}, durationNanos),
      serverBusy: report?.serverCpuNanos === undefined ? undefined : share(report.serverCpuNanos, durationNanos),
      ecn: this.#ecn ?? (report?.ecn === undefined ? undefined : report.ecn === 1),
      congestionMarks: this.#marks ?? report?.congestionMarks,
      congestionMarkedBytes: this.#markedBytes ?? report?.congestionMarkedBytes,
      incoherent: this.#sender.incoherent + this.#receiver.incoherent + this.#incoherent,
    };
  }

  /** Figures of what was sampled after the warm-up: what the ends report is of the whole flow. */
  #figuresAfter(report: StreamReport | undefined): StreamFigures {
    const receiverCounted = this.#receiver.sampled;
    const end = receiverCounted ? this.#receiver : this.#sender;
    const whole = {
      receiverCounted,
      completionNanos: report?.fctNanos,
      keyProofNanos: report?.keyProofNanos,
      incoherent: this.#sender.incoherent + this.#receiver.incoherent + this.#incoherent,
    };
    const { bytes, nanos: durationNanos } = end;
    if (!end.measured) return { ...whole, unmeasured: true, bytes, durationNanos, goodputBitsPerSecond: 0 };
    const minRtt = this.#minRtt < Infinity ? this.#minRtt : micros(report?.minRttMicros);
    return {
      ...whole,
      bytes,
      durationNanos,
      goodputBitsPerSecond: goodput(bytes, durationNanos, minRtt),
      retransmits: this.#retransmits,
      ...this.#kernelFigures(report, minRtt),
      limits: this.#limits,
      serverBusy: report?.serverCpuNanos === undefined ? undefined : share(report.serverCpuNanos, report.durationNanos),
      ecn: this.#ecn ?? (report?.ecn === undefined ? undefined : report.ecn === 1),
      congestionMarks: this.#marks,
      congestionMarkedBytes: this.#markedBytes,
    };
  }

  #kernelFigures(report: StreamReport | undefined, minRttNanos: number | undefined) {
    return {
      retransmittedShare: this.#retransmittedShare,
      rtt: quantilesOf(this.#rtt),
      lastRttNanos: this.#lastRtt ?? micros(report?.rttMicros),
      minRttNanos,
      cwndBytes: quantilesOf(this.#cwnd),
      lastCwndBytes: this.#lastCwnd ?? positive(report?.cwndBytes),
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
    if (columns.bytesAcked[i] >= 0) this.#acked.add(t, columns.bytesAcked[i]);
    if (t < this.#sender.warmupEnd) return;
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
    // Samples of earlier versions have no options.
    if (columns.options[i] >= 0) this.#ecn = (columns.options[i] & TCPI_OPT_ECN) !== 0;
    if (this.#warmUp !== undefined) return this.#countersAfter(t, columns, i);
    if (columns.deliveredCe[i] >= 0) this.#marks = columns.deliveredCe[i];
    this.#markedBytes = markedAt(columns, i) ?? this.#markedBytes;
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

  /** The kernel counts from the start of the connection. */
  #countersAfter(t: number, columns: Columns<"tcpInfo">, i: number): void {
    const now: KernelCounters = {
      t,
      retransmits: columns.totalRetrans[i],
      bytesSent: columns.bytesSent[i],
      bytesRetrans: columns.bytesRetrans[i],
      busy: columns.busyTime[i],
      receiveWindow: columns.rwndLimited[i],
      sendBuffer: columns.sndbufLimited[i],
      marks: columns.deliveredCe[i],
      markedBytes: markedAt(columns, i),
    };
    const before = this.#infoBefore;
    if (before === undefined) {
      this.#infoBefore = now;
      return;
    }
    if (before.marks >= 0) this.#marks = now.marks - before.marks;
    if (now.markedBytes !== undefined) this.#markedBytes = now.markedBytes - (before.markedBytes ?? 0);
    if (before.retransmits >= 0) this.#retransmits = now.retransmits - before.retransmits;
    if (before.bytesRetrans >= 0 && now.bytesSent > before.bytesSent) {
      this.#retransmittedShare = (now.bytesRetrans - before.bytesRetrans) / (now.bytesSent - before.bytesSent);
    }
    if (before.busy < 0 || before.receiveWindow < 0 || before.sendBuffer < 0) return;
    const spent = {
      busyMicros: now.busy - before.busy,
      receiveWindowMicros: now.receiveWindow - before.receiveWindow,
      sendBufferMicros: now.sendBuffer - before.sendBuffer,
    };
    this.#limits = limitsOf(spent, t - before.t) ?? this.#limits;
  }
}

/** What the kernel had counted when the warm-up was over. */
interface KernelCounters {
  readonly t: number;
  readonly retransmits: number;
  readonly bytesSent: number;
  readonly bytesRetrans: number;
  readonly busy: number;
  readonly receiveWindow: number;
  readonly sendBuffer: number;
  readonly marks: number;
  readonly markedBytes: number | undefined;
}

/** Bytes that accurate ECN reported as marked by a sample. */
function markedAt({ deliveredE0Bytes, deliveredE1Bytes, deliveredCeBytes }: Columns<"tcpInfo">, i: number) {
  return markedBytes({
    deliveredE0Bytes: deliveredE0Bytes[i],
    deliveredE1Bytes: deliveredE1Bytes[i],
    deliveredCeBytes: deliveredCeBytes[i],
  });
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
