/**
 * Keeps another party from filling a log: passes some lines a second on, then counts the others.
 *
 * @example
 * ```ts
 * import { LogLimiter } from "./log_limiter.ts";
 * const limiter = new LogLimiter((line) => console.error(line), { maxLines: 100 });
 * limiter.log("a line of another process");
 * limiter.end();
 * ```
 */
export class LogLimiter {
  readonly #write: (line: string) => void;
  readonly #maxLines: number;
  readonly #nowMs: () => number;
  #windowStart = -Infinity;
  #lines = 0;

  /**
   * @param write gets the lines, and after a second in which some were left out, a line with their number
   * @param options `maxLines`: how many lines of a second are passed on; `nowMs`: a clock that is never set, in milliseconds
   */
  constructor(write: (line: string) => void, { maxLines = 10, nowMs = () => performance.now() } = {}) {
    this.#write = write;
    this.#maxLines = maxLines;
    this.#nowMs = nowMs;
  }

  /** Passes a line on, or counts it. */
  log(line: string): void {
    const now = this.#nowMs();
    if (now - this.#windowStart >= 1000) {
      this.end();
      this.#windowStart = now;
      this.#lines = 0;
    }
    if (++this.#lines <= this.#maxLines) this.#write(line);
  }

  /** Reports the lines left out; to be called after the last line. */
  end(): void {
    const leftOut = this.#lines - this.#maxLines;
    this.#lines = Math.min(this.#lines, this.#maxLines);
    if (leftOut > 0) this.#write(`(${leftOut} more ${leftOut === 1 ? "line was" : "lines were"} left out)`);
  }
}
