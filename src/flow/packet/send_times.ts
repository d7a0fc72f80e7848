import { WINDOW } from "./duplicate_window.ts";

/** Remembers when packets were sent, for as long as their replies are accepted and memory allows. */
export class SendTimes {
  readonly #times: Float64Array;
  readonly #mask: number;
  #next = 0;

  /** @param expected how many packets there will be, about; at most 65,536 are remembered */
  constructor(expected: number) {
    let size = 64;
    while (size < expected && size < WINDOW) size *= 2;
    this.#times = new Float64Array(size);
    this.#mask = size - 1;
  }

  /** @param number of packets, in order */
  set(number: number, t: number): void {
    this.#times[number & this.#mask] = t;
    this.#next = number + 1;
  }

  /** When a packet was sent; NaN if that is not known, any more or at all. */
  get(number: number): number {
    return number < this.#next && number >= this.#next - this.#times.length ? this.#times[number & this.#mask] : NaN;
  }
}
