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
