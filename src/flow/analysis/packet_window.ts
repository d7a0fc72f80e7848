/** Room at first, in packets: a power of two. */
const MIN_PACKETS = 256;
/** Room at most, in packets. */
const MAX_PACKETS = 2 ** 17;
/** A number so far ahead of the others is taken for damage. */
const MAX_AHEAD = 2 ** 24;

/** What all windows of a flow together may still grow by, in packets. */
export interface WindowBudget {
  packets: number;
}

/**
 * The last packets of a sender by their numbers, each with what is known of it: a ring of columns, in which a packet
 * stays until enough later ones have come that it is settled. It grows with what is under way, up to 131,072 packets.
 *
 * Packets are settled a quarter of the ring at a time, the lowest numbers first. The quarter before is kept as well, so
 * that {@linkcode onSettle} sees both sides of those that it settles.
 */
export class PacketWindow {
  /** A column of times or places by slot, NaN where it is not known. */
  readonly columns: Float64Array[];
  /** The ring starts here: what is less is forgotten. */
  low = 0;
  /** What is less is settled. */
  settled = 0;
  /** The highest number that came; -1 at first. */
  high = -1;

  /** One less than the size, which is a power of two. */
  #mask = MIN_PACKETS - 1;

  /**
   * @param columns how many columns
   * @param budget what may be taken for growing
   * @param onSettle settles the numbers from {@linkcode settled} up to `end`, `end` not included; all between
   *   {@linkcode low} and {@linkcode high} are there
   */
  constructor(columns: number, readonly budget: WindowBudget, readonly onSettle: (end: number) => void) {
    this.columns = Array.from({ length: columns }, () => new Float64Array(MIN_PACKETS).fill(NaN));
  }

  /** The slot of a number that is there. */
  slot(seq: number): number {
    return seq & this.#mask;
  }

  /** Whether a number has a slot. */
  has(seq: number): boolean {
    return seq >= this.low && seq <= this.high;
  }

  /**
   * Makes room for a number.
   *
   * @returns its slot; -1 if it is no number of a packet, far ahead of the others, or long forgotten
   */
  enter(seq: number): number {
    if (!Number.isSafeInteger(seq) || seq < this.low || seq - this.high > MAX_AHEAD) return -1;
    if (seq <= this.high) return seq & this.#mask;
    while (seq > this.low + this.#mask) {
      if (this.#grow()) continue;
      // What has not come yet cannot be settled, save where it is far behind.
      const size = this.#mask + 1;
      const quarter = Math.min(this.settled + size / 4, this.high + 1);
      this.#settle(Math.max(quarter, seq - size / 2));
    }
    this.high = seq;
    return seq & this.#mask;
  }

  /** Settles all that is left. */
  end(): void {
    if (this.high + 1 > this.settled) this.onSettle(this.high + 1);
    this.settled = Math.max(this.settled, this.high + 1);
  }

  #grow(): boolean {
    const before = this.#mask + 1, size = before * 2;
    if (size > MAX_PACKETS || before > this.budget.packets) return false;
    this.budget.packets -= before;
    for (const [i, column] of this.columns.entries()) {
      const larger = new Float64Array(size).fill(NaN);
      for (let seq = this.low; seq <= this.high; seq++) larger[seq & size - 1] = column[seq & this.#mask];
      this.columns[i] = larger;
    }
    this.#mask = size - 1;
    return true;
  }

  #settle(end: number): void {
    const seen = Math.min(end, this.high + 1);
    if (seen > this.settled) this.onSettle(seen);
    this.settled = end;
    const size = this.#mask + 1;
    const low = Math.max(this.low, end - size / 4);
    const cleared = Math.min(low, this.low + size);
    for (const column of this.columns) {
      for (let seq = this.low; seq < cleared; seq++) column[seq & this.#mask] = NaN;
    }
    this.low = low;
    if (this.high < low - 1) this.high = low - 1;
  }
}
