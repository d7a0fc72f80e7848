/** Bytes in each interval of a transfer; what came between two samples is spread evenly over the time between them. */
export class ByteIntervals {
  readonly #bytes = new Map<number, number>();
  #lastTime = 0;
  #lastTotal = 0;

  /** @param intervalNanos how long one is */
  constructor(readonly intervalNanos: number) {}

  /** How much came until the last sample. */
  get total(): number {
    return this.#lastTotal;
  }

  /** Adds a sample: so many bytes since the start, at a time in nanoseconds since the start. */
  add(time: number, total: number): void {
    if (!(time >= this.#lastTime && total >= this.#lastTotal)) return;
    const [from, bytes] = [this.#lastTime, total - this.#lastTotal];
    const width = this.intervalNanos;
    this.#lastTime = time;
    this.#lastTotal = total;
    if (bytes === 0) return;
    const first = Math.floor(from / width);
    const last = time > from ? Math.max(first, Math.ceil(time / width) - 1) : first;
    for (let i = first; i <= last; i++) {
      const part = first === last ? 1 : (Math.min(time, (i + 1) * width) - Math.max(from, i * width)) / (time - from);
      this.#bytes.set(i, (this.#bytes.get(i) ?? 0) + bytes * part);
    }
  }

  /** Takes out how many bytes came in an interval, numbered from 0 on. */
  take(interval: number): number {
    const bytes = this.#bytes.get(interval) ?? 0;
    this.#bytes.delete(interval);
    return bytes;
  }
}
