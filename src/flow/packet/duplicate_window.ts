/** So many numbers below the highest one are remembered. */
export const WINDOW = 65_536;

/**
 * Tells packets that come the first time from those that came before, in bounded memory: of the last 65,536 numbers it
 * knows each one; a number below these counts as one that came before, since it might be.
 */
export class DuplicateWindow {
  readonly #bits = new Int32Array(WINDOW / 32);
  #next = 0;
  /** How many were new. */
  accepted = 0;
  /** How many were not. */
  refused = 0;

  /** One more than the highest number that came. */
  get next(): number {
    return this.#next;
  }

  /**
   * Takes the number of a packet.
   *
   * @param number whole, not negative
   * @returns whether it is new
   */
  accept(number: number): boolean {
    if (number >= this.#next) this.#advance(number);
    else if (number < this.#next - WINDOW || this.#has(number)) {
      this.refused++;
      return false;
    }
    const bit = number % WINDOW;
    this.#bits[bit >>> 5] |= 1 << (bit & 31);
    this.accepted++;
    return true;
  }

  #has(number: number): boolean {
    const bit = number % WINDOW;
    return (this.#bits[bit >>> 5] & 1 << (bit & 31)) !== 0;
  }

  /** Forgets what leaves the window: the places that the numbers up to this one take over. */
  #advance(number: number): void {
    const bits = this.#bits;
    if (number - this.#next >= WINDOW) bits.fill(0);
    else {
      for (let i = this.#next; i <= number; i++) {
        const bit = i % WINDOW;
        if ((bit & 31) === 0 && number - i >= 32) {
          bits[bit >>> 5] = 0;
          i += 31;
        } else bits[bit >>> 5] &= ~(1 << (bit & 31));
      }
    }
    this.#next = number + 1;
  }
}
