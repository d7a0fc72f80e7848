import type { PacketWindow } from "./packet_window.ts";

/** Counts of packets by the order in which they arrived. */
export interface OrderCounts {
  /** Arrived after one with a higher number: RFC 4737, 3. */
  readonly reordered: number;
  /** Arrived at an earlier place than theirs; absent where more packets were under way than are kept. */
  readonly early?: number;
  /** Arrived at a later place than theirs; absent as `early` is. */
  readonly late?: number;
}

/**
 * The order of arrival against the order of sending.
 *
 * A packet is reordered if one that was sent after it arrived before it: Type-P-Reordered of RFC 4737 (3.3), of which
 * the expected next number is the greatest that arrived plus one. It is early or late by as many places as it arrived
 * before or after its place in the order of sending, once lost packets and duplicates are taken out: the displacement
 * of RFC 5236 (3.1), early where that is negative.
 */
export class ArrivalOrder {
  #reordered = 0;
  #early = 0;
  #late = 0;
  /** The highest number that arrived. */
  #highest = -1;
  /** Packets arrived in order whose neighbours were settled as lost: places cannot be compared any more. */
  #blurred = false;
  /** Of the window, in ascending order. */
  #sorted = new Float64Array(0);

  /**
   * @param window the packets
   * @param column of the window, the one that tells places of arrival: any numbers that grow with them
   */
  constructor(readonly window: PacketWindow, readonly column: number) {}

  /** How many there were of each. */
  get counts(): OrderCounts {
    return { reordered: this.#reordered, ...!this.#blurred && { early: this.#early, late: this.#late } };
  }

  /**
   * Takes note of an arrival, in the order in which they come.
   *
   * @param settled the packets around it have been settled: it came late, or it is the receiver's turn so late, since so
   *   many were under way
   */
  arrived(seq: number, settled: boolean): void {
    const inOrder = seq > this.#highest;
    if (inOrder) this.#highest = seq;
    if (!settled) return;
    if (inOrder) this.#blurred = true;
    else {
      this.#reordered++;
      this.#late++;
    }
  }

  /** Counts the packets of the window from `settled` up to `end`, `end` not included. */
  settle(end: number): void {
    const { low, settled, high } = this.window;
    const places = this.window.columns[this.column];
    let last = -Infinity;
    let inOrder = true;
    for (let seq = low; seq <= high; seq++) {
      const place = places[this.window.slot(seq)];
      if (!(place >= 0)) continue;
      if (place < last) inOrder = false;
      last = place;
    }
    // Mostly so, and then nothing is to be counted.
    if (inOrder) return;
    this.#countReordered(places, settled, end, high);
    this.#countDisplaced(places, low, settled, end, high);
  }

  #countReordered(places: Float64Array, settled: number, end: number, high: number): void {
    let earliestAfter = Infinity;
    for (let seq = high; seq >= settled; seq--) {
      const place = places[this.window.slot(seq)];
      if (!(place >= 0)) continue;
      if (seq < end && earliestAfter < place) this.#reordered++;
      if (place < earliestAfter) earliestAfter = place;
    }
  }

  #countDisplaced(places: Float64Array, low: number, settled: number, end: number, high: number): void {
    if (this.#sorted.length < high - low + 1) this.#sorted = new Float64Array(high - low + 1);
    let arrived = 0;
    for (let seq = low; seq <= high; seq++) {
      const place = places[this.window.slot(seq)];
      if (place >= 0) this.#sorted[arrived++] = place;
    }
    const sorted = this.#sorted.subarray(0, arrived).sort();
    let expected = 0;
    for (let seq = low; seq < end; seq++) {
      const place = places[this.window.slot(seq)];
      if (!(place >= 0)) continue;
      // The place at which it was expected; equal places, which only damage makes, count as in order.
      if (seq >= settled) {
        if (sorted[expected] > place) this.#early++;
        else if (sorted[expected] < place) this.#late++;
      }
      expected++;
    }
  }
}
