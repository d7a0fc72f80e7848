import { READABLE } from "../../sys/poller.ts";
import { WOULD_BLOCK } from "../../sys/socket.ts";
import { TineError } from "../../base/errors.ts";
import type { Scope } from "../engine/engine_flow.ts";
import { bitsPerSecond, IoMeter } from "./io_meter.ts";
import { MAX_DURATION_MS, PROGRESS_MS, STALL_TIMEOUT_MS } from "./limits.ts";
import {
  serverCpu,
  ThreadTime,
  type Transfer,
  type TransferContext,
  type TransferResult,
  warmupOf,
} from "./transfer.ts";
import { TurnBudget } from "./pacing.ts";
import type { StreamReceipt } from "./messages.ts";
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

  constructor(context: TransferContext, onDone: (result: TransferResult) => void) {
    this.#context = context;
    this.#onDone = onDone;
    const { host, peer, request, server, tinitNanos } = context;
    this.#cpu = server && peer.port.kernel !== undefined ? new ThreadTime() : undefined;
    const scope = this.#scope = context.scope.scope(context.fail);
    this.#reader = new TransferReader(peer, request.bufLenBytes);
    this.#startedAt = this.#reportedAt = this.#movedAt = scope.now();
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
    peer.port.watch(scope, READABLE, () => {
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

  stop(): void {
    this.#scope.close();
    this.#meter.end();
  }

  #receive(): StreamReceipt | undefined {
    const { request, tinitNanos } = this.#context;
    this.#turn.begin(this.#scope.now());
    for (;;) {
      const count = this.#reader.read();
      if (count === WOULD_BLOCK) return undefined;
      const now = this.#scope.now();
      this.#meter.add(count, now - tinitNanos);
      if (this.#reader.complete) {
        this.#meter.end();
        return { bytes: this.#meter.total, durationNanos: now - this.#startedAt, ...serverCpu(this.#cpu) };
      }
      if (!this.#turn.spend(count, now) || count < request.bufLenBytes) return undefined;
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
    if (now - this.#startedAt > MAX_DURATION_MS * MILLISECOND) {
      throw new TineError("stream-too-long", `${peer.name} has been sending for ${MAX_DURATION_MS / 3_600_000} hours`);
    }
  }
}

/**
 * Reads a transfer, of which only the very last byte matters: the mark. Nothing follows it, so a byte with another behind
 * it is thrown away by the kernel unseen; only the last byte of those that are there is copied.
 */
export class TransferReader {
  readonly #peer: StreamPeer;
  readonly #lengthBytes: number;
  readonly #last = new Uint8Array(1);
  #complete = false;

  /** @param lengthBytes of the longest read */
  constructor(peer: StreamPeer, lengthBytes: number) {
    this.#peer = peer;
    this.#lengthBytes = lengthBytes;
  }

  /** Whether the last read ended with the mark. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * Reads what is there.
   *
   * @returns how many bytes, at least 1, or WOULD_BLOCK; fewer than the longest read when no more were there
   * @throws {TineError} `connection-closed` at the end of the stream, `connection-reset`
   */
  read(): number {
    const available = this.#peer.available();
    if (available > this.#lengthBytes) return this.#peer.discard(this.#lengthBytes);
    // Bytes that arrive from here on are behind these, and can only make the look at the last one needless.
    const discarded = available > 1 ? this.#peer.discard(available - 1) : 0;
    if (discarded < available - 1) return discarded;
    const count = this.#peer.read(this.#last);
    if (count === WOULD_BLOCK) return discarded > 0 ? discarded : WOULD_BLOCK;
    this.#complete = this.#last[0] !== 0;
    return discarded + count;
  }
}
