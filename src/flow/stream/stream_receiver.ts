import { bitsPerSecond } from "../../base/units.ts";
import { READABLE, type Watch } from "../../sys/poller.ts";
import { WOULD_BLOCK } from "../../sys/socket.ts";
import { TineError } from "../../base/errors.ts";
import type { Scope, Timer } from "../engine/engine_flow.ts";
import { RateLimit } from "../rate_limit.ts";
import { IoMeter } from "./io_meter.ts";
import { MAX_FLOW_MS } from "../../base/limits.ts";
import { PROGRESS_MS, STALL_TIMEOUT_MS } from "./limits.ts";
import {
  serverCpu,
  ThreadTime,
  type Transfer,
  type TransferContext,
  type TransferResult,
  warmupOf,
} from "./transfer.ts";
import { TurnBudget } from "./pacing.ts";
import { STOP_REQUEST, type StreamReceipt, type StreamRequest } from "./messages.ts";
import { endMarkOf } from "./wire.ts";
import type { StreamPeer } from "./stream_peer.ts";

const MILLISECOND = 1e6;

/**
 * Receives up to the mark, and sends the receipt.
 *
 * @param onDone called once, after that
 */
export function receiveStream(context: TransferContext, onDone: (result: TransferResult) => void): Transfer {
  const receiver = new StreamReceiver(context, onDone);
  receiver.start();
  return receiver;
}

class StreamReceiver implements Transfer {
  readonly #context: TransferContext;
  readonly #onDone: (result: TransferResult) => void;
  readonly #scope: Scope;
  readonly #reader: TransferReader;
  readonly #meter: IoMeter;
  readonly #turn = new TurnBudget();
  readonly #cpu: ThreadTime | undefined;
  readonly #startedAt: number;
  #reportedAt: number;
  #reportedTotal = 0;
  #movedAt: number;
  readonly #held: HeldReads | undefined;
  #watch: Watch | undefined;

  constructor(context: TransferContext, onDone: (result: TransferResult) => void) {
    this.#context = context;
    this.#onDone = onDone;
    const { host, peer, request, server, tinitNanos } = context;
    this.#cpu = server && peer.port.kernel !== undefined ? new ThreadTime() : undefined;
    const scope = this.#scope = context.scope.scope(context.fail);
    this.#reader = new TransferReader(peer, request);
    this.#startedAt = this.#reportedAt = this.#movedAt = scope.now();
    const { bitsPerSecond } = context.limits ?? {};
    if (bitsPerSecond !== undefined) {
      this.#held = new HeldReads(scope, bitsPerSecond, () => this.#watch!.interest = READABLE);
    }
    this.#meter = new IoMeter(
      host.samples("streamIO", request.flow),
      false,
      request.sampleIOIntervalMs * MILLISECOND,
      this.#startedAt - tinitNanos,
    );
  }

  start(): void {
    const { peer } = this.#context;
    const scope = this.#scope;
    const timer = scope.timer(() => {
      this.#reportProgress();
      timer.set(scope.now() + PROGRESS_MS * MILLISECOND);
    });
    timer.set(this.#startedAt + PROGRESS_MS * MILLISECOND);
    const { warmupEndNanos, tinitNanos } = this.#context;
    if (warmupEndNanos !== undefined) {
      const end = scope.timer(() => this.#meter.mark(Math.max(scope.now() - tinitNanos, warmupEndNanos)));
      end.set(tinitNanos + warmupEndNanos);
    }
    this.#watch = peer.port.watch(scope, READABLE, (ready) => {
      // An error is read at once.
      if ((ready & ~READABLE) === 0 && this.#held?.holds()) {
        this.#watch!.interest = 0;
        return;
      }
      const receipt = this.#receive();
      if (receipt === undefined) return;
      this.stop();
      peer.sendFrame(receipt);
      this.#onDone({ ...receipt, report: {} });
    });
  }

  get soFar() {
    const durationNanos = this.#meter.movedAt + this.#context.tinitNanos - this.#startedAt;
    return { bytes: this.#meter.total, durationNanos };
  }

  finish(): void {
    this.#context.peer.sendFrame(STOP_REQUEST);
  }

  stop(): void {
    this.#scope.close();
    this.#meter.end();
  }

  #receive(): StreamReceipt | undefined {
    const { request, tinitNanos } = this.#context;
    this.#turn.begin(this.#scope.now());
    for (;;) {
      const count = this.#reader.read(this.#held?.most);
      if (count === WOULD_BLOCK) return undefined;
      const now = this.#scope.now();
      this.#held?.count(count);
      this.#meter.add(count, now - tinitNanos);
      if (this.#reader.complete) {
        this.#meter.end();
        return { bytes: this.#meter.total, durationNanos: now - this.#startedAt, ...serverCpu(this.#cpu) };
      }
      if (!this.#turn.spend(count, now) || count < request.bufLenBytes || this.#held !== undefined) return undefined;
    }
  }

  #reportProgress(): void {
    const { host, request, peer } = this.#context;
    const now = this.#scope.now(), { total } = this.#meter;
    host.progress(request.flow, {
      kind: "streamProgress",
      role: "receiver",
      elapsedNanos: now - this.#startedAt,
      ...warmupOf(request),
      bytes: total,
      goodputBitsPerSecond: bitsPerSecond(total - this.#reportedTotal, now - this.#reportedAt),
    });
    this.#checkLimits(total, now);
    if (total !== this.#reportedTotal) this.#movedAt = now;
    else if (now - this.#movedAt > STALL_TIMEOUT_MS * MILLISECOND) {
      throw new TineError(
        "peer-stalled",
        `${peer.name} has sent nothing for ${STALL_TIMEOUT_MS / 1000} s, after ${total} bytes`,
      );
    }
    this.#reportedTotal = total;
    this.#reportedAt = now;
  }

  #checkLimits(total: number, now: number): void {
    const { request, peer } = this.#context;
    if (total > (request.lengthBytes ?? Infinity)) {
      throw new TineError(
        "stream-too-long",
        `${peer.name} sent more than the ${request.lengthBytes} bytes agreed upon`,
      );
    }
    // The sender stops in time; what it has sent by then may still be on its way.
    if (now - this.#startedAt > (MAX_FLOW_MS + STALL_TIMEOUT_MS) * MILLISECOND) {
      throw new TineError("stream-too-long", `${peer.name} has been sending for ${MAX_FLOW_MS / 86_400_000} days`);
    }
  }
}

/** The time between reads of a flow that is held to a rate, in seconds: what it may have by then is read at once. */
const HELD_SECONDS = 0.01;
/** How much may be read faster after reads that were late. */
const HELD_DEPTH_SECONDS = 0.1;

/** Reads a flow no faster than its server allows: TCP has the sender wait for the rest. */
export class HeldReads {
  /** How much to read at once, in bytes. */
  readonly most: number;
  readonly #scope: Scope;
  readonly #limit: RateLimit;
  readonly #timer: Timer;
  /** Whether it has ever held a read back. */
  used = false;

  /** @param onDue called when there is something to read again, after {@linkcode HeldReads.holds} was true */
  constructor(scope: Scope, bitsPerSecond: number, onDue: () => void) {
    this.#scope = scope;
    this.most = Math.max(1, Math.ceil(bitsPerSecond / 8 * HELD_SECONDS));
    const depthBytes = Math.max(this.most, bitsPerSecond / 8 * HELD_DEPTH_SECONDS);
    this.#limit = new RateLimit(bitsPerSecond, { depthBytes, startBytes: this.most, now: scope.now() });
    this.#timer = scope.timer(onDue);
  }

  /** Whether nothing is to be read now. */
  holds(): boolean {
    const now = this.#scope.now();
    if (this.#limit.nanosUntil(1, now) === 0) return false;
    this.used = true;
    this.#timer.set(now + this.#limit.nanosUntil(this.most, now));
    return true;
  }

  /** Counts what was read, or answered. */
  count(bytes: number): void {
    this.#limit.spend(bytes, this.#scope.now());
  }
}

/** What a reader has to know of a transfer. */
export type ReadTransfer = Pick<StreamRequest, "bufLenBytes" | "lengthBytes" | "endMark">;

/**
 * Reads a transfer, of which only the very last bytes matter: the mark. Nothing follows it, so bytes with others behind
 * them are thrown away by the kernel unseen; only the last ones of those that are there are copied.
 */
export class TransferReader {
  readonly #peer: StreamPeer;
  readonly #longestBytes: number;
  readonly #lengthBytes: number;
  readonly #mark: Uint8Array<ArrayBuffer>;
  /** The last bytes that were copied; before there are as many, zeros stand in front. */
  readonly #last: Uint8Array<ArrayBuffer>;
  readonly #room: Uint8Array<ArrayBuffer>;
  /** Zeros end with the first byte that is not zero, as ends of earlier versions send it. */
  readonly #zeros: boolean;
  #total = 0;
  #complete = false;

  constructor(peer: StreamPeer, { bufLenBytes, lengthBytes = Infinity, endMark }: ReadTransfer) {
    this.#peer = peer;
    this.#longestBytes = bufLenBytes;
    this.#mark = endMarkOf(endMark);
    this.#zeros = endMark === undefined;
    this.#last = new Uint8Array(this.#mark.length);
    this.#room = new Uint8Array(Math.min(bufLenBytes, this.#mark.length));
    this.#lengthBytes = this.#zeros ? Infinity : lengthBytes;
  }

  /** Whether the last read ended with the mark, or reached the length of the transfer. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * Reads what is there.
   *
   * @param maxBytes how many at most
   * @returns how many bytes, at least 1, or WOULD_BLOCK; fewer than the longest read when no more were there
   * @throws {TineError} `connection-closed` at the end of the stream, `connection-reset`
   */
  read(maxBytes: number = this.#longestBytes): number {
    const available = this.#peer.available(), unseen = available - this.#last.length;
    // Bytes that arrive from here on are behind these, and can only make the look at the last ones needless.
    const discarded = unseen > 0 ? this.#discard(Math.min(unseen, maxBytes)) : 0;
    if (discarded < unseen || available > maxBytes && discarded > 0) return discarded;
    const count = this.#readLast();
    if (count === WOULD_BLOCK) return discarded > 0 ? discarded : WOULD_BLOCK;
    return discarded + count;
  }

  #discard(bytes: number): number {
    const count = this.#peer.discard(bytes);
    if (count !== WOULD_BLOCK) this.#count(count);
    return count;
  }

  /** Reads up to as many bytes as the mark has; those of the calls before may be the first ones of it. */
  #readLast(): number {
    const last = this.#last;
    const count = this.#peer.read(this.#room);
    if (count === WOULD_BLOCK) return count;
    last.copyWithin(0, count);
    for (let i = 0; i < count; i++) last[last.length - count + i] = this.#room[i];
    this.#count(count);
    this.#complete ||= this.#zeros ? last[0] !== 0 : last.every((byte, i) => byte === this.#mark[i]);
    return count;
  }

  #count(bytes: number): void {
    this.#total += bytes;
    this.#complete = this.#total >= this.#lengthBytes;
  }
}
