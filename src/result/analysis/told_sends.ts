import { Distribution } from "./distribution.ts";
import { RateMeter } from "./rate_meter.ts";

/** What is known of sends from the packets that arrived: each tells when it was sent, and when that was due. */
export class ToldSends {
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
