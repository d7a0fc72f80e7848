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
}
