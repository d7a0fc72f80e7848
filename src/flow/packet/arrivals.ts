import type { ArrivalTotals, TimeSpread } from "../report.ts";

/** The number of sequence numbers below the highest one that are remembered. */
export const WINDOW = 65_536;

/**
 * Distinguishes packets that come the first time from those that came before, in bounded memory: it knows each of
 * the last 65,536 numbers; a number below these counts as one that came before, since it might be.
 */
export class DuplicateWindow {
  readonly #bits = new Int32Array(WINDOW / 32);
  #next = 0;
  /** The number of new packets. */
  accepted = 0;
  /** The number of duplicates. */
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

/**
 * Counts the packets that a socket had no room for. The kernel counts messages, and a burst is one: those that were
 * lost are taken to have had as many packets as those that came.
 */
export class DropCounter {
  /** The number of packets that were lost. */
  packets = 0;
  #messages = 0;
  #perMessage = 1;

  /**
   * Takes the kernel's count of drops that comes with a message.
   *
   * @param messages that were lost, since the socket was opened
   * @param packets of this message
   */
  add(messages: number, packets: number): void {
    // Packets that open and close flows come alone, whatever the other packets do.
    if (packets > 1) this.#perMessage = packets;
    if (messages <= this.#messages) return;
    this.packets += (messages - this.#messages) * this.#perMessage;
    this.#messages = messages;
  }

  /** Takes messages to have one packet each from now on. */
  single(): void {
    this.#perMessage = 1;
  }
}

/** The weight of a difference of delays in jitter: RFC 3550, 6.4.1. */
const JITTER_GAIN = 1 / 16;

/** Keeps statistics of arrival times in constant memory, for each packet that a server receives. */
export class ArrivalTimes {
  readonly #delays = new Sums();
  readonly #differences = new Sums();
  #reordered = 0;
  #jitter = 0;
  #highest = -1;
  #lastNumber = -2;
  #lastDelay = NaN;

  /**
   * Adds a packet that has not come before.
   *
   * @param delay from sending to arrival, by the clock of each end, in nanoseconds
   */
  add(number: number, delay: number): void {
    if (this.#lastNumber >= 0) {
      const difference = Math.abs(delay - this.#lastDelay);
      this.#jitter += (difference - this.#jitter) * JITTER_GAIN;
      if (number === this.#lastNumber + 1) this.#differences.add(difference);
    }
    this.#delays.add(delay);
    if (number > this.#highest) this.#highest = number;
    else this.#reordered++;
    this.#lastNumber = number;
    this.#lastDelay = delay;
  }

  /** What is known so far; undefined without packets. */
  get totals(): ArrivalTotals | undefined {
    const delay = this.#delays.spread;
    return delay && {
      reordered: this.#reordered,
      delay,
      ipdv: this.#differences.spread,
      jitterNanos: this.#jitter,
    };
  }
}

/** Sums of times. Clocks may be far apart: the mean is taken from the first one on. */
class Sums {
  #count = 0;
  #base = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;

  add(value: number): void {
    if (this.#count++ === 0) this.#base = value;
    this.#sum += value - this.#base;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }

  get spread(): TimeSpread | undefined {
    if (this.#count === 0) return undefined;
    return { count: this.#count, min: this.#min, mean: this.#base + this.#sum / this.#count, max: this.#max };
  }
}

/** Counts packets of no flow, for a line in the log now and then. */
export class StrayPackets {
  #count = 0;

  /** Counts a packet. */
  add(): void {
    this.#count++;
  }

  /**
   * Returns a line about those that were counted since the last call.
   *
   * @returns undefined if there were none
   */
  take(): string | undefined {
    const count = this.#count;
    this.#count = 0;
    if (count === 0) return undefined;
    return count === 1
      ? "1 packet that is of no flow was dropped"
      : `${count} packets that are of no flow were dropped`;
  }
}
