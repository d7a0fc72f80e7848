/**
 * The rate at which packets passed a point: the bytes of all but the first, divided by the time between the first and
 * the last. So n packets at even distances have the rate of one packet in each distance, however few they are.
 */
export class RateMeter {
  #first = NaN;
  #last = NaN;
  #firstBytes = 0;
  #bytes = 0;

  /** Of all packets. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Between the first packet and the last one; 0 if there are not two. */
  get nanos(): number {
    return this.#last > this.#first ? this.#last - this.#first : 0;
  }

  /** Bits per second; undefined unless there is a time between packets. */
  get bitsPerSecond(): number | undefined {
    const { nanos } = this;
    return nanos > 0 ? (this.#bytes - this.#firstBytes) * 8e9 / nanos : undefined;
  }

  /** Adds a packet or a burst, at a time in nanoseconds. */
  add(time: number, bytes: number): void {
    this.#bytes += bytes;
    if (!(time >= this.#first)) {
      this.#first = time;
      this.#firstBytes = bytes;
    }
    if (!(time <= this.#last)) this.#last = time;
  }

  /** Adds what passed another point: all but the first packet of each, from the first of both to the last. */
  merge(other: RateMeter): void {
    this.#bytes += other.#bytes;
    this.#firstBytes += other.#firstBytes;
    if (!(this.#first <= other.#first)) this.#first = other.#first;
    if (!(this.#last >= other.#last)) this.#last = other.#last;
  }
}
