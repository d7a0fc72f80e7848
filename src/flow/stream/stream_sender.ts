import { bitsPerSecond } from "../../base/units.ts";
import { IPPROTO_TCP, TCP_NODELAY } from "../../sys/constants.ts";
import { READABLE, type Watch, WRITABLE } from "../../sys/poller.ts";
import { WOULD_BLOCK } from "../../sys/socket.ts";
import { TineError } from "../../base/errors.ts";
import { hasEcn, markedBytes, type TcpInfo, tcpInfoPlaces } from "../../sys/tcp_info.ts";
import type { ConnectionReport } from "../report.ts";
import type { SampleSink, Scope, Timer } from "../engine/engine_flow.ts";
import { IoMeter } from "./io_meter.ts";
import { PROGRESS_MS, STALL_TIMEOUT_MS, UNANSWERED_BYTES, UNSEEN_STALL_TIMEOUT_MS } from "./limits.ts";
import { Pace, TurnBudget } from "./pacing.ts";
import type { FlowLimits } from "../serving_limits.ts";
import type { StreamKernel } from "./stream_port.ts";
import { UnsentLimit } from "./unsent_limit.ts";
import {
  serverCpu,
  ThreadTime,
  type Transfer,
  type TransferContext,
  type TransferResult,
  warmupOf,
} from "./transfer.ts";
import { endMarkOf } from "./wire.ts";
import { type StreamPayload, streamPayload } from "../payload.ts";
import { checkReceipt, isStopRequest } from "./messages.ts";

const MILLISECOND = 1e6;
/** When the queue is adapted first: soon, since the path may be fast. */
const FIRST_LOOK_MS = 4;
/** A sender that its server limits catches up with as much time of its pace. */
const LIMITED_BURST_NANOS = 250e6;

/**
 * Sends the payload until the time is over or all is sent, and the mark as its end; then waits for the receipt.
 *
 * @param onDone called once, with the receipt
 */
export function sendStream(context: TransferContext, onDone: (result: TransferResult) => void): Transfer {
  const sender = new StreamSender(context, onDone);
  sender.start();
  return sender;
}

class StreamSender implements Transfer {
  readonly #context: TransferContext;
  readonly #onDone: (result: TransferResult) => void;
  readonly #scope: Scope;
  readonly #meter: IoMeter;
  /** Undefined where the kernel's view of the connection cannot be had. */
  readonly #info: TcpInfoRecorder | undefined;
  readonly #turn = new TurnBudget();
  readonly #cpu: ThreadTime | undefined;
  readonly #startedAt: number;
  readonly #lengthBytes: number;
  #writeBytes: number;
  readonly #payload: StreamPayload;
  readonly #mark: Uint8Array<ArrayBuffer>;
  /** What is left to send, once nothing is to come behind it. */
  #tail: Uint8Array<ArrayBuffer> | undefined;
  #pace: Pace | undefined;
  /** Whether the server limits the rate: what it misses while it is busy is not sent faster afterwards. */
  #limited: boolean;
  /** For how long it has fallen behind its pace for good, in nanoseconds. */
  #behindNanos = 0;
  /** Whether the user has set TCP_NODELAY. */
  readonly #setsNoDelay: boolean;
  readonly #due: Timer;
  #watch: Watch | undefined;
  /** What it sends before the server has agreed, which may limit it; Infinity afterwards. */
  #mostBytes: number;
  #expired = false;
  #ended = false;
  #stopped = false;
  /** Bytes acknowledged at the last progress, and its time. */
  #acked: number;
  #ackedAt: number;
  #reportedAt: number;
  #reportedAcked: number;

  constructor(context: TransferContext, onDone: (result: TransferResult) => void) {
    this.#context = context;
    this.#onDone = onDone;
    const { host, request, server, peer } = context;
    const scope = this.#scope = context.scope.scope(context.fail);
    this.#startedAt = this.#ackedAt = this.#reportedAt = scope.now();
    this.#lengthBytes = request.lengthBytes ?? Infinity;
    this.#mostBytes = context.accepted === undefined ? Infinity : UNANSWERED_BYTES;
    this.#limited = context.limits?.bitsPerSecond !== undefined;
    this.#pace = Pace.within(context.limits ?? {}, request);
    this.#setsNoDelay = (request.sockopt ?? []).some(({ level, opt }) => level === IPPROTO_TCP && opt === TCP_NODELAY);
    const { kernel } = peer.port;
    this.#cpu = server && kernel !== undefined ? new ThreadTime() : undefined;
    this.#writeBytes = this.#pace?.writeBytes ?? request.bufLenBytes;
    this.#payload = streamPayload(host.shared, {
      kind: request.payload ?? "zeros",
      file: context.file,
      longestBytes: this.#writeBytes,
    });
    this.#mark = endMarkOf(request.endMark);
    this.#due = scope.timer(() => this.#goOn());
    this.#meter = new IoMeter(
      host.samples("streamIO", request.flow),
      true,
      request.sampleIOIntervalMs * MILLISECOND,
      this.#startedAt - context.tinitNanos,
    );
    if (kernel !== undefined) this.#info = new TcpInfoRecorder(kernel, host.samples("tcpInfo", request.flow), server);
    this.#reportedAcked = this.#acked = Math.max(0, this.#info?.last.bytesAcked ?? 0);
  }

  start(): void {
    const { peer, request: { durationMs, tcpInfoIntervalMs }, warmupEndNanos } = this.#context;
    const scope = this.#scope;
    // Messages are sent with it, the transfer as is the system's default.
    if (!this.#setsNoDelay) peer.port.setNoDelay(false);
    if (durationMs !== undefined) {
      const deadline = scope.timer(() => this.finish());
      deadline.set(this.#startedAt + durationMs * MILLISECOND);
    }
    const info = this.#info;
    if (warmupEndNanos !== undefined) {
      const end = scope.timer(() => {
        const t = Math.max(this.#time(), warmupEndNanos);
        this.#meter.mark(t);
        info?.record(t);
      });
      end.set(this.#context.tinitNanos + warmupEndNanos);
    }
    if (info !== undefined && tcpInfoIntervalMs !== undefined) {
      this.#every(tcpInfoIntervalMs, () => info.record(this.#time()));
    }
    this.#every(PROGRESS_MS, () => this.#reportProgress());
    if (info !== undefined) this.#limitQueue(peer.port.kernel!, info);
    this.#watch = peer.port.watch(scope, READABLE | WRITABLE, (ready) => {
      // Also when the connection has failed: reading throws the error.
      if ((ready & ~WRITABLE) !== 0) this.#read();
      else this.#send();
    });
    this.#send();
  }

  get soFar() {
    const durationNanos = this.#meter.movedAt + this.#context.tinitNanos - this.#startedAt;
    return { bytes: this.#meter.total, durationNanos };
  }

  finish(): void {
    this.#expired = true;
    this.#goOn();
  }

  limitRate(limits: FlowLimits): void {
    const { request, peer } = this.#context;
    this.#pace = Pace.within(limits, request);
    if (this.#pace === undefined) return;
    this.#limited = true;
    this.#writeBytes = Math.min(this.#writeBytes, this.#pace.writeBytes);
    peer.port.kernel?.limitRate(this.#pace.bytesPerSecond);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#scope.close();
    this.#meter.end();
    this.#info?.record(this.#time());
  }

  #send(): void {
    const { tinitNanos } = this.#context;
    this.#turn.begin(this.#scope.now());
    while (!this.#ended && !this.#isEarly()) {
      const bytes = this.#tail ??= this.#lastBytes();
      const piece = bytes ?? this.#payload.next(Math.min(this.#writeBytes, this.#mostBytes - this.#meter.total));
      const count = this.#write(piece);
      if (count === WOULD_BLOCK) return;
      if (bytes === undefined) this.#payload.sent(count);
      else this.#tail = bytes.subarray(count);
      const now = this.#scope.now();
      this.#meter.add(count, now - tinitNanos);
      const goesOn = this.#turn.spend(count, now);
      if (bytes !== undefined && count === bytes.length) this.#end();
      // A write that was cut left no room for more.
      else if (count < piece.length || !goesOn) return;
    }
  }

  /** Returns what is left to send, up to the mark, if it is no longer than a write; undefined: more is to come. */
  #lastBytes(): Uint8Array<ArrayBuffer> | undefined {
    const left = this.#lengthBytes - this.#meter.total;
    const mark = this.#mark;
    // Where a length has no room for the mark, it says when all is there by itself.
    if (this.#expired) return mark.subarray(0, Math.min(left, mark.length));
    if (left > this.#writeBytes) return undefined;
    const bytes = new Uint8Array(left), payload = Math.max(0, left - mark.length);
    bytes.set(this.#payload.next(payload));
    this.#payload.sent(payload);
    bytes.set(mark.subarray(0, left - payload), payload);
    return bytes;
  }

  #write(bytes: Uint8Array<ArrayBuffer>): number {
    const { peer, accepted } = this.#context;
    try {
      return peer.write(bytes);
    } catch (error) {
      // The server may have sent the reason before it closed.
      accepted?.();
      throw error;
    }
  }

  /** Whether the next write is not due yet, or the server has to agree first; if so, waits until then. */
  #isEarly(): boolean {
    if (this.#expired) return false;
    if (this.#meter.total >= this.#mostBytes) {
      this.#watch!.interest = READABLE;
      return true;
    }
    if (this.#pace === undefined) return false;
    const due = this.#startedAt + this.#behindNanos + this.#pace.dueNanos(this.#meter.total), now = this.#scope.now();
    if (due <= now) {
      if (this.#limited) this.#behindNanos += Math.max(0, now - due - LIMITED_BURST_NANOS);
      return false;
    }
    this.#watch!.interest = READABLE;
    this.#due.set(due);
    return true;
  }

  /** Goes on sending after a wait. */
  #goOn(): void {
    if (this.#ended) return;
    this.#watch!.interest = READABLE | WRITABLE;
    this.#send();
  }

  #end(): void {
    this.#ended = true;
    // The last segment is not full: it need not wait until what was sent before is acknowledged.
    if (!this.#setsNoDelay) this.#context.peer.port.setNoDelay(true);
    this.#meter.end();
    this.#watch!.interest = READABLE;
  }

  #read(): void {
    const { peer, accepted, server } = this.#context;
    if (accepted?.() === false) return;
    const held = this.#mostBytes < Infinity;
    this.#mostBytes = Infinity;
    if (held) this.#goOn();
    const frame = peer.readFrame();
    if (frame === undefined) return;
    if (server && isStopRequest(frame.value)) {
      // It may have ended by itself meanwhile.
      this.finish();
      return;
    }
    if (!this.#ended) {
      throw new TineError("bad-stream-frame", `${this.#context.peer.name} gave a receipt before the end`);
    }
    const receipt = checkReceipt(frame.value);
    if (receipt.bytes !== this.#meter.total) {
      const { bytes } = receipt;
      throw new TineError(
        "stream-bytes-differ",
        `${this.#meter.total} bytes were sent, but ${this.#context.peer.name} reports ${bytes} received`,
      );
    }
    this.stop();
    this.#onDone({ ...receipt, report: { ...this.#info?.report(), ...serverCpu(this.#cpu) } });
  }

  #reportProgress(): void {
    const { host, request } = this.#context;
    const now = this.#scope.now();
    const acked = this.#info?.ask().bytesAcked ?? -1;
    // Where it is not known, what was written has to do.
    const known = acked >= 0, moved = known ? acked : this.#meter.total;
    this.#checkStall(moved, now, known ? STALL_TIMEOUT_MS : UNSEEN_STALL_TIMEOUT_MS);
    host.progress(request.flow, {
      kind: "streamProgress",
      role: "sender",
      elapsedNanos: now - this.#startedAt,
      ...warmupOf(request),
      bytes: this.#meter.total,
      goodputBitsPerSecond: bitsPerSecond(Math.max(0, moved - this.#reportedAcked), now - this.#reportedAt),
      ...this.#info?.report(),
    });
    this.#reportedAcked = moved;
    this.#reportedAt = now;
  }

  #checkStall(acked: number, now: number, timeoutMs: number): void {
    if (acked !== this.#acked) {
      this.#acked = acked;
      this.#ackedAt = now;
    } else if (now - this.#ackedAt > timeoutMs * MILLISECOND) {
      const { name } = this.#context.peer;
      throw new TineError(
        "peer-stalled",
        `${name} has taken nothing for ${timeoutMs / 1000} s, after ${this.#meter.total} bytes`,
      );
    }
  }

  /** Keeps the queue short: looks at it soon at first, then less and less often. */
  #limitQueue(kernel: StreamKernel, info: TcpInfoRecorder): void {
    const scope = this.#scope;
    const limit = UnsentLimit.of(kernel, this.#context.request, info.last.bytesAcked, this.#startedAt);
    if (limit === undefined) return;
    let ms = FIRST_LOOK_MS;
    const timer = scope.timer(() => {
      limit.adapt(info.ask().bytesAcked, scope.now());
      ms = Math.min(2 * ms, PROGRESS_MS);
      timer.set(scope.now() + ms * MILLISECOND);
    });
    timer.set(scope.now() + ms * MILLISECOND);
  }

  #every(ms: number, handler: () => void): void {
    const scope = this.#scope;
    let at = this.#startedAt;
    const timer = scope.timer(() => {
      handler();
      next();
    });
    const next = () => {
      // Times that have passed because the worker was late are left out.
      at = Math.max(at + ms * MILLISECOND, scope.now());
      timer.set(at);
    };
    next();
  }

  #time(): number {
    return this.#scope.now() - this.#context.tinitNanos;
  }
}

const tcpInfoNames = Object.keys(tcpInfoPlaces) as (keyof TcpInfo)[];

/** Asks the kernel for tcp_info of the sender's connection, and records it. */
class TcpInfoRecorder {
  readonly #kernel: StreamKernel;
  readonly #sink: SampleSink<"tcpInfo"> | undefined;
  readonly #server: boolean;
  /** The last answer of the kernel. */
  readonly last: TcpInfo;

  /**
   * @param sink undefined: nothing is recorded
   * @param server whether the connection is the server's
   */
  constructor(kernel: StreamKernel, sink: SampleSink<"tcpInfo"> | undefined, server: boolean) {
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
    const writer = this.#sink?.writer();
    if (writer === undefined) return;
    const { columns } = writer, i = writer.next();
    columns.t[i] = t;
    columns.server[i] = this.#server ? 1 : 0;
    for (const name of tcpInfoNames) columns[name][i] = info[name];
  }

  /** The last answer, as reports have it. */
  report(): ConnectionReport {
    const { totalRetrans, rtt, rttvar, minRtt, cwnd, sndMss, busyTime, rwndLimited, sndbufLimited } = this.last;
    const ecn = hasEcn(this.last);
    return {
      retransmits: known(totalRetrans),
      rttMicros: known(rtt),
      rttVarMicros: known(rttvar),
      minRttMicros: known(minRtt),
      cwndBytes: cwnd < 0 || sndMss < 0 ? undefined : cwnd * sndMss,
      busyMicros: known(busyTime),
      receiveWindowMicros: known(rwndLimited),
      sendBufferMicros: known(sndbufLimited),
      ecn: ecn === undefined ? undefined : Number(ecn),
      congestionMarks: known(this.last.deliveredCe),
      congestionMarkedBytes: markedBytes(this.last),
    };
  }
}

/** The kernel's figure; -1: it does not report it. */
function known(value: number): number | undefined {
  return value < 0 ? undefined : value;
}
