import { IPPROTO_TCP, SO_SNDBUF, SOL_SOCKET, TCP_NOTSENT_LOWAT } from "../../sys/constants.ts";
import type { StreamRequest } from "./messages.ts";
import type { StreamKernel } from "./stream_port.ts";

/** How much may wait, as time at the rate of the path: longer than a worker is away from a flow. */
const QUEUE_NANOS = 40e6;
const MIN_QUEUE_BYTES = 16 * 1024;
const MAX_QUEUE_BYTES = 4 * 1024 * 1024;
/** While nothing is known of the path. */
const FIRST_QUEUE_BYTES = 32 * 1024;

/**
 * Keeps the queue of unsent bytes short, TCP_NOTSENT_LOWAT: all of it is still sent after the time of a transfer is
 * over. The buffers of the kernel grow to megabytes, which is half a minute of a slow path.
 */
export class UnsentLimit {
  readonly #kernel: StreamKernel;
  #maxBytes = FIRST_QUEUE_BYTES;
  #lookedAt: number;
  #acked: number;

  private constructor(kernel: StreamKernel, acked: number, now: number) {
    this.#kernel = kernel;
    this.#acked = acked;
    this.#lookedAt = now;
    kernel.limitUnsent(this.#maxBytes);
  }

  /**
   * Limits the queue of a connection that sends for a time.
   *
   * @param acked how many bytes the peer has acknowledged so far, tcpi_bytes_acked
   * @param now in nanoseconds
   * @returns undefined where no limit applies: a length is sent to its end, and the user's own setting of the queue or
   * the buffer stays
   */
  static of(
    kernel: StreamKernel,
    { durationMs, sockopt = [] }: StreamRequest,
    acked: number,
    now: number,
  ): UnsentLimit | undefined {
    const isSet = sockopt.some(({ level, opt }) =>
      (level === SOL_SOCKET && opt === SO_SNDBUF) || (level === IPPROTO_TCP && opt === TCP_NOTSENT_LOWAT)
    );
    // Old kernels do not report what was acknowledged, and so the rate of the path is not known.
    return durationMs === undefined || isSet || acked < 0 ? undefined : new UnsentLimit(kernel, acked, now);
  }

  /** Sets the queue to what the path needs, from the bytes acknowledged since the last call. */
  adapt(acked: number, now: number): void {
    const perNano = Math.max(0, acked - this.#acked) / Math.max(1, now - this.#lookedAt);
    this.#acked = acked;
    this.#lookedAt = now;
    const wanted = Math.min(MAX_QUEUE_BYTES, Math.max(MIN_QUEUE_BYTES, Math.ceil(perNano * QUEUE_NANOS)));
    // After a loss, nothing may be acknowledged for a moment.
    const maxBytes = Math.max(wanted, Math.floor(this.#maxBytes / 2));
    if (maxBytes === this.#maxBytes) return;
    this.#maxBytes = maxBytes;
    this.#kernel.limitUnsent(maxBytes);
  }
}
