import { IPPROTO_TCP, TCP_NODELAY } from "../../sys/constants.ts";
import { READABLE, type Watch, WRITABLE } from "../../sys/poller.ts";
import { WOULD_BLOCK } from "../../sys/socket.ts";
import { noDelay } from "../../sys/socket_options.ts";
import { TineError } from "../../base/errors.ts";
import type { Scope, Timer } from "../engine/engine_flow.ts";
import { bitsPerSecond, IoMeter } from "./io_meter.ts";
import { PROGRESS_MS, STALL_TIMEOUT_MS } from "./limits.ts";
import { Pace } from "./pace.ts";
import { SendQueue } from "./send_queue.ts";
import { TcpInfoRecorder } from "./tcp_info_recorder.ts";
import { serverCpu, ThreadTime } from "./thread_time.ts";
import type { Transfer, TransferContext, TransferResult } from "./transfer.ts";
import { TurnBudget } from "./turn_budget.ts";
import { END_MARK } from "./wire.ts";
import { checkReceipt } from "./words.ts";

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
      elapsedNanos: now - this.#startedAt,
      bytesSent: this.#meter.total,
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
