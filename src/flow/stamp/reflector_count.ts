import { DuplicateWindow } from "../packet/arrivals.ts";
import { LongNumbers } from "./test_packet.ts";

/**
 * What the numbers of a reflector's replies show. A stateful reflector numbers its replies for each session, so that a gap
 * is a reply that was lost, and a number that is behind that of the packet shows packets that were lost on the way there
 * (RFC 8762, 4.3). A stateless one sends numbers back: then it is unknown where packets were lost.
 *
 * The difference does not show before a packet is lost. So a sender leaves out a number at the start of its session: a
 * stateful reflector's numbers are behind from then on.
 */
export class ReflectorCount {
  /** Whether its numbers count the packets of this session; undefined while that is not known. */
  counts: boolean | undefined;
  #numbers: LongNumbers | undefined;
  /** The highest number so far. */
  #highest = -1;

  /**
   * Takes a reply from before the measured packets.
   *
   * @param skipped whether a number was left out before that packet
   */
  begin(number: number, reflectorNumber: number, skipped: boolean): void {
    const reply = this.of(reflectorNumber);
    if (skipped) this.counts ??= reply % 2 ** 32 !== number % 2 ** 32;
  }

  /** The number of a reply beyond 32 bits. */
  of(reflectorNumber: number): number {
    this.#numbers ??= new LongNumbers(reflectorNumber + 2 ** 32);
    const number = this.#numbers.of(reflectorNumber);
    if (number > this.#highest) this.#highest = number;
    return number;
  }

  /** The least that the next number can be. */
  get next(): number {
    return this.#highest + 1;
  }
}

/** The number of packets of one sender that a stateful reflector has received. */
export class ReceivedCount {
  readonly #count: ReflectorCount;
  readonly #window = new DuplicateWindow();
  /** The number of the reply to the sender's first packet. */
  #first: number | undefined;
  /** Packets that the reflector has received again: it answers each. */
  duplicates = 0;

  constructor(count: ReflectorCount) {
    this.#count = count;
  }

  /**
   * Takes a reply.
   *
   * @param number of the packet, counted from the sender's first
   * @param isNew whether it is the first reply to that
   * @returns how many packets had been received by then, each counted once; undefined: this reply came before, or its
   * number is not of this session
   */
  add(number: number, reflectorNumber: number, isNew: boolean): number | undefined {
    const least = this.#count.next, reply = this.#count.of(reflectorNumber);
    // Of packets before this one that are not answered, those that were sent since the sender began may have arrived.
    this.#first ??= Math.max(least, reply - number);
    const received = reply - this.#first + 1;
    if (received < 1 || !this.#window.accept(received)) return undefined;
    if (!isNew) this.duplicates++;
    return received - this.duplicates;
  }
}
