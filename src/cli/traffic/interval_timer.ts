import { startLongTimer } from "../../base/time.ts";

/** Samples come in batches: after so long, those of an interval are there. */
const LAG_MS = 300;
/** A last interval that is shorter than this share of the others is not told. */
const LEAST_LAST = 0.1;

/** Tells when intervals are over and their samples are there, one after another. */
export class IntervalTimer implements Disposable {
  readonly #intervalMs: number;
  readonly #tell: (k: number, fromMs: number, toMs: number) => void;
  #timer: Disposable | undefined;
  #startedAt = 0;
  #next = 0;

  /**
   * @param intervalMs how long one is; Infinity: there are none
   * @param tell is called for each, with its number from 0 on and where it starts and ends, in milliseconds
   */
  constructor(intervalMs: number, tell: (k: number, fromMs: number, toMs: number) => void) {
    this.#intervalMs = intervalMs;
    this.#tell = tell;
  }

  /** The first one starts now. */
  start(): void {
    if (this.#intervalMs === Infinity) return;
    this.#startedAt = performance.now();
    this.#wait();
  }

  /**
   * Tells all that are left.
   *
   * @param lastMs when the last sample was taken
   */
  end(lastMs: number): void {
    this[Symbol.dispose]();
    if (this.#intervalMs === Infinity) return;
    while ((this.#next + 1) * this.#intervalMs <= lastMs) this.#tellNext();
    const from = this.#next * this.#intervalMs;
    if (lastMs - from > this.#intervalMs * LEAST_LAST) this.#tell(this.#next++, from, lastMs);
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #wait(): void {
    const due = this.#startedAt + (this.#next + 1) * this.#intervalMs + LAG_MS;
    this.#timer = startLongTimer(due - performance.now(), () => {
      // Several at once if this thread was held up.
      while (performance.now() - this.#startedAt >= (this.#next + 1) * this.#intervalMs + LAG_MS) this.#tellNext();
      this.#wait();
    });
  }

  #tellNext(): void {
    const k = this.#next++;
    this.#tell(k, k * this.#intervalMs, (k + 1) * this.#intervalMs);
  }
}
