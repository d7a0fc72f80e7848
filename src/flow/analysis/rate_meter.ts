import { Distribution } from "./distribution.ts";

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

/** What is known of sends from the packets that arrived: each carries when it was sent, and when that was due. */
export class ArrivedSends {
  /** How much later than due they were sent, in nanoseconds. */
  readonly lateness = new Distribution();
  readonly #rate = new RateMeter();
  #least = Infinity;
  #most = -Infinity;

  /** Between the first one sent and the last one. */
  get nanos(): number {
    return this.#rate.nanos;
  }

  /** At which all were sent, also those in between that did not arrive; undefined if fewer than two did. */
  get bitsPerSecond(): number | undefined {
    const rate = this.#rate.bitsPerSecond;
    return rate && rate * (this.#most - this.#least) / (this.lateness.count - 1);
  }

  /** Adds a packet that has not come before. Times are nanoseconds. */
  add(seq: number, sent: number, bytes: number, lateness: number): void {
    this.lateness.add(lateness);
    this.#rate.add(sent, bytes);
    if (seq < this.#least) this.#least = seq;
    if (seq > this.#most) this.#most = seq;
  }
}
