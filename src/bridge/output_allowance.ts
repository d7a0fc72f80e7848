/** Points that may come back for a row. */
const POINTS_PER_ROW = 16;
/** Points that may come at once, beyond those. */
const FREE_POINTS = 100_000;
/** Points that may come each second, beyond those: a hundredth of what a processor reads. */
const POINTS_PER_SECOND = 20_000;
/** The longest pause, in milliseconds: what ends the UDF has to wait for it. */
const MAX_PAUSE_MS = 500;

/**
 * What a UDF may return at full speed: more points a row than a reasonable UDF needs, and some without any row. One
 * that floods is read slowly, since reading all that it can write would keep processors busy that the test needs.
 *
 * @example
 * ```ts
 * import { OutputAllowance } from "./output_allowance.ts";
 * const allowance = new OutputAllowance(0);
 * console.assert(allowance.pauseMs({ rows: 1000, points: 1000 }, 10) === 0);
 * console.assert(allowance.pauseMs({ rows: 1000, points: 1_000_000 }, 20) > 0);
 * ```
 */
export class OutputAllowance {
  /** Points beyond what rows and time make up for. */
  #excess = 0;
  #points = 0;
  #rows = 0;
  #nowMs: number;

  /** @param nowMs a clock that is never set, in milliseconds */
  constructor(nowMs = performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * Returns how long nothing more is to be read, in milliseconds; 0: the UDF may go on.
   *
   * @param counts the rows that it has got so far, and the points that it has returned
   */
  pauseMs({ rows, points }: { readonly rows: number; readonly points: number }, nowMs = performance.now()): number {
    const free = POINTS_PER_ROW * (rows - this.#rows) + POINTS_PER_SECOND * (nowMs - this.#nowMs) / 1000;
    this.#excess = Math.max(0, this.#excess + points - this.#points - free);
    [this.#rows, this.#points, this.#nowMs] = [rows, points, nowMs];
    if (this.#excess <= FREE_POINTS) return 0;
    return Math.min(MAX_PAUSE_MS, (this.#excess - FREE_POINTS) / POINTS_PER_SECOND * 1000);
  }
}
