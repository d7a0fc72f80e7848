/**
 * Holds a flow to a rate: a bucket of bytes that fills at the rate, and that what is spent comes from. What has waited
 * for less than the depth of the bucket may follow at once, such as packets that a busy machine takes late.
 *
 * Source: the token bucket of RFC 2697, with one rate.
 *
 * @example
 * ```ts
 * import { RateLimit } from "./rate_limit.ts";
 * const limit = new RateLimit(8000, { depthBytes: 1000, startBytes: 1000 });
 * console.assert(limit.take(1000, 0) && !limit.take(1, 0) && limit.take(500, 0.5e9));
 * ```
 */
export class RateLimit {
  readonly #bytesPerNano: number;
  readonly #depthBytes: number;
  #bytes: number;
  #filledAt: number;

  /**
   * @param bitsPerSecond the rate; above 0
   * @param options `depthBytes`: the most that the bucket holds; `startBytes`: what it holds at first; `now`: the time
   *   of that, in nanoseconds
   */
  constructor(
    bitsPerSecond: number,
    { depthBytes, startBytes = 0, now = 0 }: {
      readonly depthBytes: number;
      readonly startBytes?: number;
      readonly now?: number;
    },
  ) {
    this.#bytesPerNano = bitsPerSecond / 8e9;
    this.#depthBytes = depthBytes;
    this.#bytes = startBytes;
    this.#filledAt = now;
  }

  /**
   * Spends bytes, if they are there.
   *
   * @param now in nanoseconds
   * @returns whether they were
   */
  take(bytes: number, now: number): boolean {
    this.#fill(now);
    if (this.#bytes < bytes) return false;
    this.#bytes -= bytes;
    return true;
  }

  /** Spends bytes that are not to be refused any more: what is lacking has to come first. */
  spend(bytes: number, now: number): void {
    this.#fill(now);
    this.#bytes -= bytes;
  }

  /** Returns how many nanoseconds it takes until the bucket has this many bytes; 0: it has them now. */
  nanosUntil(bytes: number, now: number): number {
    this.#fill(now);
    return Math.max(0, bytes - this.#bytes) / this.#bytesPerNano;
  }

  #fill(now: number): void {
    // Packets may arrive in another order than their times.
    const nanos = Math.max(0, now - this.#filledAt);
    this.#filledAt += nanos;
    this.#bytes = Math.min(this.#depthBytes, this.#bytes + nanos * this.#bytesPerNano);
  }
}
