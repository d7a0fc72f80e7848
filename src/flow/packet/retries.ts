/** An attempt is given up when all of them have taken this long, in nanoseconds. */
const PATIENCE_NANOS = 15e9;
/** The longest pause, in nanoseconds. */
const MAX_NANOS = 8e9;

/**
 * Paces attempts at an exchange: each pause is twice as long as the one before it (RFC 8085, 3.1.1), up to 8 s. A short
 * path that loses packets is asked again soon, and a path with a long queue has the time to answer.
 *
 * @example
 * ```ts
 * import { Retries } from "./retries.ts";
 * const retries = new Retries(4e9);
 * console.assert(retries.next() === 4e9 && retries.next() === 8e9 && retries.next() === 8e9);
 * console.assert(retries.next() === undefined && retries.nanos === 20e9);
 * ```
 */
export class Retries {
  #pause: number;
  /** The sum of all pauses so far, in nanoseconds. */
  nanos = 0;

  /** @param firstNanos the first pause, in nanoseconds; above 0 */
  constructor(firstNanos: number) {
    this.#pause = Math.min(MAX_NANOS, firstNanos);
  }

  /**
   * Starts an attempt.
   *
   * @returns how long to wait for its answer, in nanoseconds; undefined: there were enough attempts
   */
  next(): number | undefined {
    if (this.nanos >= PATIENCE_NANOS) return undefined;
    const pause = this.#pause;
    this.nanos += pause;
    this.#pause = Math.min(MAX_NANOS, 2 * pause);
    return pause;
  }
}
