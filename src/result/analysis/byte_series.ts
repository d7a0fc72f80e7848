/** More bins than this are joined two by two. */
const MOST_BINS = 1024;

/**
 * Bytes over time, in memory that stays the same: bins of equal width, which doubles whenever there would be more than
 * 1024 of them. What arrived between two samples is spread evenly over the time between them.
 */
export class ByteSeries {
  #bins: number[] = [];
  #lastTime = 0;
  #lastTotal = 0;

  /** @param binNanos the width of a bin at first, in nanoseconds */
  constructor(public binNanos: number) {}

  /** How many bytes there are in each bin. */
  get bins(): readonly number[] {
    return this.#bins;
  }

  /**
   * Adds a sample; one that is not later than the last, or has less, changes nothing.
   *
   * @param time in nanoseconds since the start
   * @param total bytes since the start
   * @returns whether it fitted those before
   */
  add(time: number, total: number): boolean {
    if (!(time >= this.#lastTime && total >= this.#lastTotal)) return false;
    if (time > Number.MAX_SAFE_INTEGER || total > Number.MAX_SAFE_INTEGER) return false;
    while (Math.ceil(time / this.binNanos) > MOST_BINS) this.#double();
    this.#spread(this.#lastTime, time, total - this.#lastTotal);
    this.#lastTime = time;
    this.#lastTotal = total;
    return true;
  }

  #spread(from: number, to: number, bytes: number): void {
    const width = this.binNanos;
    const first = Math.floor(from / width);
    const last = to > from ? Math.max(first, Math.ceil(to / width) - 1) : first;
    while (this.#bins.length <= last) this.#bins.push(0);
    if (first === last) {
      this.#bins[first] += bytes;
      return;
    }
    const perNano = bytes / (to - from);
    for (let i = first; i <= last; i++) {
      this.#bins[i] += perNano * (Math.min(to, (i + 1) * width) - Math.max(from, i * width));
    }
  }

  #double(): void {
    this.binNanos *= 2;
    const joined: number[] = [];
    for (let i = 0; i < this.#bins.length; i += 2) joined.push(this.#bins[i] + (this.#bins[i + 1] ?? 0));
    this.#bins = joined;
  }
}
