/** Sums up round-trip times, in nanoseconds; the smoothed one as TCP does it (RFC 6298). */
export class RttEstimator {
  /** The smoothed one; NaN before the first. */
  smoothed = NaN;
  /** The smallest; Infinity before the first. */
  min = Infinity;
  max = 0;
  last = NaN;
  count = 0;
  #sum = 0;

  /** Their mean; NaN if there are none. */
  get mean(): number {
    return this.#sum / this.count;
  }

  /**
   * Lets the smoothed one start from what is not counted: the time that opening the flow took.
   *
   * @param nanos more than 0
   */
  seed(nanos: number): void {
    if (this.count === 0) this.smoothed = nanos;
  }

  /** Takes one. */
  add(nanos: number): void {
    this.smoothed = Number.isNaN(this.smoothed) ? nanos : this.smoothed + (nanos - this.smoothed) / 8;
    this.last = nanos;
    this.#sum += nanos;
    this.count++;
    if (nanos < this.min) this.min = nanos;
    if (nanos > this.max) this.max = nanos;
  }
}
