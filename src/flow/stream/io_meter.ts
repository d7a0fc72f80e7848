import type { SampleSink } from "../engine/engine_flow.ts";
import { type TcpInfo, tcpInfoPlaces } from "../../sys/tcp_info.ts";
import type { ConnectionReport } from "../report.ts";
import type { StreamKernel } from "./stream_port.ts";
import { Clock } from "../../sys/clock.ts";

/** Counts the bytes of one end of a stream, and samples the count. */
export class IoMeter {
  /** Bytes so far. */
  total = 0;
  readonly #sink: SampleSink<"streamIO">;
  readonly #sent: number;
  readonly #intervalNanos: number;
  #movedAt: number;
  #sampledAt: number;
  #sampledTotal = 0;

  /**
   * Begins with a sample of 0 bytes.
   *
   * @param sent whether this is the sender's end
   * @param intervalNanos the least time between samples
   * @param t the start, in nanoseconds since the flow's `tinit`
   */
  constructor(sink: SampleSink<"streamIO">, sent: boolean, intervalNanos: number, t: number) {
    this.#sink = sink;
    this.#sent = sent ? 1 : 0;
    this.#intervalNanos = intervalNanos;
    this.#movedAt = this.#sampledAt = t;
    this.#sample(t);
  }

  /** Counts a write or a read that has just ended. */
  add(bytes: number, t: number): void {
    this.total += bytes;
    this.#movedAt = t;
    if (t - this.#sampledAt >= this.#intervalNanos) this.#sample(t);
  }

  /** When the last byte was counted; before the first byte, the start. */
  get movedAt(): number {
    return this.#movedAt;
  }

  /** Samples the last byte, at its time, unless the last sample has it already. */
  end(): void {
    if (this.total !== this.#sampledTotal) this.#sample(this.#movedAt);
  }

  #sample(t: number): void {
    const writer = this.#sink.writer();
    const { columns } = writer, i = writer.next();
    columns.t[i] = t;
    columns.total[i] = this.total;
    columns.sent[i] = this.#sent;
    this.#sampledAt = t;
    this.#sampledTotal = this.total;
  }
}

/** Returns bits a second from bytes and nanoseconds; 0 where no time has passed. */
export function bitsPerSecond(bytes: number, nanos: number): number {
  return nanos > 0 ? bytes * 8e9 / nanos : 0;
}

/**
 * Returns the goodput of a stream, in bits a second. Bytes of one flight arrive at the same time, but take a round trip
 * at least.
 *
 * @param durationNanos from when the receiver was ready to the last byte
 * @param minRttNanos the least round-trip time; 0: not known
 */
export function goodput(bytes: number, durationNanos: number, minRttNanos = 0): number {
  return bitsPerSecond(bytes, Math.max(durationNanos, minRttNanos));
}

const names = Object.keys(tcpInfoPlaces) as (keyof TcpInfo)[];

/** Asks the kernel for tcp_info of the sender's connection, and records it. */
export class TcpInfoRecorder {
  readonly #kernel: StreamKernel;
  readonly #sink: SampleSink<"tcpInfo">;
  readonly #server: boolean;
  /** The last answer of the kernel. */
  readonly last: TcpInfo;

  /** @param server whether the connection is the server's */
  constructor(kernel: StreamKernel, sink: SampleSink<"tcpInfo">, server: boolean) {
    this.#kernel = kernel;
    this.#sink = sink;
    this.#server = server;
    this.last = kernel.tcpInfo();
  }

  /** Asks, without recording. */
  ask(): TcpInfo {
    return this.#kernel.tcpInfo(this.last);
  }

  /**
   * Asks and records.
   *
   * @param t nanoseconds since the flow's `tinit`
   */
  record(t: number): void {
    const info = this.ask();
    const writer = this.#sink.writer();
    const { columns } = writer, i = writer.next();
    columns.t[i] = t;
    columns.server[i] = this.#server ? 1 : 0;
    for (const name of names) columns[name][i] = info[name];
  }

  /** The last answer, as reports have it. */
  report(): ConnectionReport {
    const { totalRetrans, rtt, rttvar, minRtt, cwnd, sndMss, busyTime, rwndLimited, sndbufLimited } = this.last;
    return {
      retransmits: known(totalRetrans),
      rttMicros: known(rtt),
      rttVarMicros: known(rttvar),
      minRttMicros: known(minRtt),
      cwndBytes: cwnd < 0 || sndMss < 0 ? undefined : cwnd * sndMss,
      busyMicros: known(busyTime),
      receiveWindowMicros: known(rwndLimited),
      sendBufferMicros: known(sndbufLimited),
    };
  }
}

/** The kernel's figure; -1: it does not report it. */
function known(value: number): number | undefined {
  return value < 0 ? undefined : value;
}

/** Bytes of one turn; a millisecond or less on today's machines. */
const TURN_BYTES = 2 * 1024 * 1024;
/** Above this time from one turn of a flow to the next, its worker has many flows. */
const CROWDED_NANOS = 10e6;

/**
 * Limits what a flow reads or writes before the others of its worker have their turn, and orders such as to cancel are
 * read. Alone it may take much at a time, since that is faster; among many it takes one read or write.
 */
export class TurnBudget {
  #left = 0;
  #endedAt = -Infinity;

  /** Begins a turn. */
  begin(now: number): void {
    this.#left = now - this.#endedAt > CROWDED_NANOS ? 1 : TURN_BYTES;
  }

  /**
   * Counts a read or write that has just ended.
   *
   * @returns whether one more is allowed
   */
  spend(bytes: number, now: number): boolean {
    this.#left -= bytes;
    this.#endedAt = now;
    return this.#left > 0;
  }
}

/** Measures how long this thread computes. */
export class ThreadTime {
  readonly #clock = new Clock("thread");
  readonly #start = this.#clock.now();

  /** Computing time since the construction, in nanoseconds. */
  get nanos(): number {
    return Number(this.#clock.now() - this.#start);
  }
}

/** Returns the computing time as a server reports it; empty at a client, which sees its own threads. */
export function serverCpu(time: ThreadTime | undefined): { readonly serverCpuNanos?: number } {
  return time === undefined ? {} : { serverCpuNanos: time.nanos };
}
