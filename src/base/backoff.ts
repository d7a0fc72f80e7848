/** How a UDF that dies is started again. */
export interface BackoffOptions {
  /** The first pause, in ms; default 100. Each further pause is twice as long. */
  firstDelayMs?: number;
  /** The longest pause, in ms; default 10,000. */
  longestDelayMs?: number;
  /** How often in a row a UDF may die before it has taken up its work; default 10. */
  limit?: number;
}

/** Exponential back-off with jitter: pauses that grow with each failure in a row. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #failures = 0;

  constructor({ firstDelayMs = 100, longestDelayMs = 10_000, limit = 10 }: BackoffOptions = {}) {
    this.#options = { firstDelayMs, longestDelayMs, limit };
  }

  /** Failures in a row so far. */
  get failures(): number {
    return this.#failures;
  }

  /** Resets the count after a success: the next failure is the first again. */
  reset(): void {
    this.#failures = 0;
  }

  /**
   * Counts a failure.
   *
   * @param random the source of the jitter, 0 to 1
   * @returns the pause before the next attempt, in ms; undefined after too many failures
   */
  next(random = Math.random()): number | undefined {
    const { firstDelayMs, longestDelayMs, limit } = this.#options;
    if (this.#failures >= limit) return undefined;
    // Half of the pause is fixed, half drawn, so that UDFs that died together do not start together.
    const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** this.#failures++);
    return delay / 2 + delay / 2 * random;
  }
}
