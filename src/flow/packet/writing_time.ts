/** More than this is no time to write a packet, but something that came between; in nanoseconds. */
const MAX_NANOS = 30_000;

/**
 * Foresees how long it takes to write and sign packets, so that the time of sending, which is signed with the rest, can
 * be in them. What it foresees falls at once and rises slowly: a time of sending may be a little early, but hardly ever
 * later than the sending is.
 *
 * @example
 * ```ts
 * import { WritingTime } from "./writing_time.ts";
 * const writing = new WritingTime();
 * for (let i = 0; i < 10; i++) writing.took(1, 3000);
 * console.assert(writing.expected(1) === 3000);
 * ```
 */
export class WritingTime {
  /** Of a packet, in nanoseconds, by the magnitude of how many are written at once: the first one takes longest. */
  readonly #each = new Float64Array(33);

  /**
   * How long it is going to take; 0 while nothing is known.
   *
   * @param packets how many are written at once
   * @returns in whole nanoseconds
   */
  expected(packets: number): number {
    return Math.round(packets * this.#each[magnitude(packets)]);
  }

  /**
   * How long it took.
   *
   * @param packets how many were written at once
   */
  took(packets: number, nanos: number): void {
    const k = magnitude(packets), known = this.#each[k], each = Math.min(nanos / packets, MAX_NANOS);
    // The first time takes longest of all.
    this.#each[k] = known === 0 ? each / 2 : Math.min(each, known * 9 / 8);
  }
}

function magnitude(packets: number): number {
  return 32 - Math.clz32(packets);
}
