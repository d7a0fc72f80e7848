import { IPPROTO_TCP, SO_SNDBUF, SOL_SOCKET, TCP_NODELAY, TCP_NOTSENT_LOWAT } from "../../sys/constants.ts";
import { READABLE, type Watch, WRITABLE } from "../../sys/poller.ts";
import { type Socket, WOULD_BLOCK } from "../../sys/socket.ts";
import { noDelay, notSentLowWaterBytes } from "../../sys/socket_options.ts";
import { TineError } from "../../base/errors.ts";
import type { Scope, Timer } from "../engine/engine_flow.ts";
import { bitsPerSecond, IoMeter, serverCpu, TcpInfoRecorder, ThreadTime, TurnBudget } from "./io_meter.ts";
import { PROGRESS_MS, STALL_TIMEOUT_MS } from "./limits.ts";
import { Pace } from "./pace.ts";
import type { Transfer, TransferContext, TransferResult } from "./transfer.ts";
import { END_MARK } from "./wire.ts";
import { checkReceipt, type StreamRequest } from "./messages.ts";

const MILLISECOND = 1e6;
/** When a path is first looked at for how much may wait to be sent: soon, for it may be fast. */
const FIRST_LOOK_MS = 4;

/**
 * Sends: zeros until the time is over or all is sent, the mark as the last byte; then waits for the receipt.
 *
 * @param onDone called once, with what the receiver said
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
  readonly #info: TcpInfoRecorder;
  readonly #turn = new TurnBudget();
  readonly #cpu: ThreadTime | undefined;
  readonly #startedAt: number;
  readonly #lengthBytes: number;
  readonly #writeBytes: number;
  readonly #pace: Pace | undefined;
  /** Whether to delay small segments is the user's business. */
  readonly #setsNoDelay: boolean;
  readonly #due: Timer;
  #watch: Watch | undefined;
  #expired = false;
  #marked = false;
  #stopped = false;
  /** Where the connection was when it last got on, and when. */
  #acked: number;
  #ackedAt: number;
  #toldAt: number;
  #toldAcked: number;

  constructor(context: TransferContext, onDone: (result: TransferResult) => void) {
    this.#context = context;
    this.#onDone = onDone;
    const { host, request, server, peer } = context;
    const scope = this.#scope = context.scope.scope(context.fail);
    const { flow } = request;
    this.#startedAt = this.#ackedAt = this.#toldAt = scope.now();
    this.#lengthBytes = request.lengthBytes ?? Infinity;
    this.#pace = Pace.of(request);
    this.#setsNoDelay = (request.sockopt ?? []).some(({ level, opt }) => level === IPPROTO_TCP && opt === TCP_NODELAY);
    this.#cpu = server ? new ThreadTime() : undefined;
    this.#writeBytes = this.#pace?.writeBytes ?? request.bufLenBytes;
    this.#due = scope.timer(() => this.#goOn());
    this.#meter = new IoMeter(
      host.samples("streamIO", flow),
      true,
      request.sampleIOIntervalMs * MILLISECOND,
      this.#time(),
    );
    this.#info = new TcpInfoRecorder(peer.socket, host.samples("tcpInfo", flow), server);
    this.#toldAcked = this.#acked = this.#info.last.bytesAcked;
  }

  start(): void {
    const { peer, request } = this.#context;
    const scope = this.#scope;
    const { durationMs, tcpInfoIntervalMs } = request;
    // Words are sent without it, the transfer as the system has it.
    if (!this.#setsNoDelay) peer.socket.set(noDelay, false);
    if (durationMs !== undefined) {
      const deadline = scope.timer(() => {
        this.#expired = true;
        this.#goOn();
      });
      deadline.set(this.#startedAt + durationMs * MILLISECOND);
    }
    if (tcpInfoIntervalMs !== undefined) this.#every(tcpInfoIntervalMs, () => this.#info.record(this.#time()));
    this.#every(PROGRESS_MS, () => this.#tellProgress());
    const queue = SendQueue.of(peer.socket, request, this.#acked, this.#startedAt);
    if (queue !== undefined) this.#adapt(queue);
    this.#watch = scope.watch(peer.socket.fd, READABLE | WRITABLE, (ready) => {
      // Also when the connection has failed: reading says how.
      if ((ready & ~WRITABLE) !== 0) this.#read();
      else this.#send();
    });
    this.#send();
  }

  get soFar() {
    const durationNanos = this.#meter.movedAt + this.#context.tinitNanos - this.#startedAt;
    return { bytes: this.#meter.total, durationNanos };
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#scope.close();
    this.#meter.end();
    this.#info.record(this.#time());
  }

  #send(): void {
    const { host, tinitNanos } = this.#context;
    this.#turn.begin(this.#scope.now());
    while (!this.#marked && !this.#isEarly()) {
      const left = this.#lengthBytes - this.#meter.total;
      const last = this.#expired || left <= this.#writeBytes;
      const length = this.#expired ? 1 : Math.min(left, this.#writeBytes);
      const count = this.#write(last ? markedBytes(host.shared.scratch(length)) : host.shared.zeros(length));
      if (count === WOULD_BLOCK) return;
      const now = this.#scope.now();
      this.#meter.add(count, now - tinitNanos);
      const goesOn = this.#turn.spend(count, now);
      if (last && count === length) this.#mark();
      // What was not taken whole left no room for more.
      else if (count < length || !goesOn) return;
    }
  }

  #write(bytes: Uint8Array<ArrayBuffer>): number {
    const { peer, accepted } = this.#context;
    try {
      return peer.write(bytes);
    } catch (error) {
      // Why the server has closed may be there to be read.
      accepted?.();
      throw error;
    }
  }

  /** Whether the next write is not due; then it waits until it is. */
  #isEarly(): boolean {
    if (this.#pace === undefined || this.#expired) return false;
    const due = this.#startedAt + this.#pace.dueNanos(this.#meter.total);
    if (due <= this.#scope.now()) return false;
    this.#watch!.interest = READABLE;
    this.#due.set(due);
    return true;
  }

  /** Sends after a wait. */
  #goOn(): void {
    if (this.#marked) return;
    this.#watch!.interest = READABLE | WRITABLE;
    this.#send();
  }

  #mark(): void {
    this.#marked = true;
    // The last segment is not full: it need not wait until what was sent before is acknowledged.
    if (!this.#setsNoDelay) this.#context.peer.socket.set(noDelay, true);
    this.#meter.end();
    this.#watch!.interest = READABLE;
  }

  #read(): void {
    const { peer, accepted } = this.#context;
    if (accepted?.() === false) return;
    const frame = peer.readFrame();
    if (frame === undefined) return;
    if (!this.#marked) {
      throw new TineError("bad-stream-frame", `${this.#context.peer.name} gave a receipt before the end`);
    }
    const receipt = checkReceipt(frame.value);
    if (receipt.bytes !== this.#meter.total) {
      const { bytes } = receipt;
      throw new TineError(
        "stream-bytes-differ",
        `${this.#meter.total} bytes were sent, but ${this.#context.peer.name} says that it received ${bytes}`,
      );
    }
    this.stop();
    this.#onDone({ ...receipt, report: { ...this.#info.report(), ...serverCpu(this.#cpu) } });
  }

  #tellProgress(): void {
    const { host, request } = this.#context;
    const now = this.#scope.now();
    const { bytesAcked } = this.#info.ask();
    // Kernels of old do not tell it: then what was taken from us has to do.
    const acked = bytesAcked < 0 ? this.#meter.total : bytesAcked;
    this.#checkStall(acked, now);
    host.progress(request.flow, {
      kind: "streamProgress",
      role: "sender",
      elapsedNanos: now - this.#startedAt,
      bytes: this.#meter.total,
      goodputBitsPerSecond: bitsPerSecond(Math.max(0, acked - this.#toldAcked), now - this.#toldAt),
      ...this.#info.report(),
    });
    this.#toldAcked = acked;
    this.#toldAt = now;
  }

  #checkStall(acked: number, now: number): void {
    if (acked !== this.#acked) {
      this.#acked = acked;
      this.#ackedAt = now;
    } else if (now - this.#ackedAt > STALL_TIMEOUT_MS * MILLISECOND) {
      const { name } = this.#context.peer;
      throw new TineError(
        "peer-stalled",
        `${name} has taken nothing for ${STALL_TIMEOUT_MS / 1000} s, after ${this.#meter.total} bytes`,
      );
    }
  }

  /** Soon at first, then ever less often. */
  #adapt(queue: SendQueue): void {
    const scope = this.#scope;
    let ms = FIRST_LOOK_MS;
    const timer = scope.timer(() => {
      queue.adapt(this.#info.ask().bytesAcked, scope.now());
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
      // Where the worker was late, times that have passed are left out.
      at = Math.max(at + ms * MILLISECOND, scope.now());
      timer.set(at);
    };
    next();
  }

  #time(): number {
    return this.#scope.now() - this.#context.tinitNanos;
  }
}

/** Zeros with the mark as the last byte. */
function markedBytes(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  bytes.fill(0);
  bytes[bytes.length - 1] = END_MARK;
  return bytes;
}

/** How much may wait, as time of the rate at which the path takes it: longer than a worker is away from a flow. */
const QUEUE_NANOS = 40e6;
const LEAST_BYTES = 16 * 1024;
const MOST_BYTES = 4 * 1024 * 1024;
/** As long as nothing is known of the path. */
const FIRST_BYTES = 32 * 1024;

/**
 * Keeps short what was written but not sent, TCP_NOTSENT_LOWAT: all of it is still to be sent when the time of a
 * transfer is over. The buffers of the kernel grow to megabytes, which is half a minute of a slow path.
 */
export class SendQueue {
  readonly #socket: Socket;
  #mostBytes = FIRST_BYTES;
  #lookedAt: number;
  #acked: number;

  private constructor(socket: Socket, acked: number, now: number) {
    this.#socket = socket;
    this.#acked = acked;
    this.#lookedAt = now;
    socket.set(notSentLowWaterBytes, this.#mostBytes);
  }

  /**
   * Limits the queue of a socket that sends for a time.
   *
   * @param acked how many bytes the peer has acknowledged so far, tcpi_bytes_acked
   * @param now in nanoseconds
   * @returns undefined where there is nothing to be kept: all of a length is to be sent, and who sets the queue or the
   * buffer of a socket means it
   */
  static of(
    socket: Socket,
    { durationMs, sockopt = [] }: StreamRequest,
    acked: number,
    now: number,
  ): SendQueue | undefined {
    const isSet = sockopt.some(({ level, opt }) =>
      (level === SOL_SOCKET && opt === SO_SNDBUF) || (level === IPPROTO_TCP && opt === TCP_NOTSENT_LOWAT)
    );
    // Kernels of old do not tell what was acknowledged, and so not what a path takes.
    return durationMs === undefined || isSet || acked < 0 ? undefined : new SendQueue(socket, acked, now);
  }

  /** Lets as much wait as the path needs, from what was acknowledged since the look before. */
  adapt(acked: number, now: number): void {
    const perNano = Math.max(0, acked - this.#acked) / Math.max(1, now - this.#lookedAt);
    this.#acked = acked;
    this.#lookedAt = now;
    const wanted = Math.min(MOST_BYTES, Math.max(LEAST_BYTES, Math.ceil(perNano * QUEUE_NANOS)));
    // After a loss, nothing may be acknowledged for a moment.
    const mostBytes = Math.max(wanted, Math.floor(this.#mostBytes / 2));
    if (mostBytes === this.#mostBytes) return;
    this.#mostBytes = mostBytes;
    this.#socket.set(notSentLowWaterBytes, mostBytes);
  }
}
