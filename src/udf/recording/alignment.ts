/** How far an item may have moved for its neighbours to be found again. */
const REACH = 16;

/** What two sequences have at one place: an item in both, or in one of them only. */
export interface Pair<T> {
  /** Where, from 0, counted in the first sequence, or in the second where the first has no item. */
  index: number;
  expected?: T;
  actual?: T;
}

/** How items are distinguished. */
export interface AlignmentOptions<T> {
  /** Whether two items are the same. */
  same(expected: T, actual: T): boolean;
  /** What distinguishes an item from its neighbours, also where its content differs. */
  identity(item: T): string;
  /** Gets each pair that is not the same, in order. */
  onDifference(pair: Pair<T>): void;
}

/**
 * Holds two sequences against each other as they come, and finds what differs, what is missing and what is extra: an
 * item that is missing does not make all that follow differ.
 *
 * @example
 * ```ts
 * import { Alignment } from "./alignment.ts";
 * const alignment = new Alignment<string>({ same: (a, b) => a === b, identity: (a) => a, onDifference: console.log });
 * alignment.expected("a");
 * alignment.actual("a");
 * alignment.end();
 * ```
 */
export class Alignment<T> {
  readonly #options: AlignmentOptions<T>;
  readonly #expected = new Queue<T>();
  readonly #actual = new Queue<T>();
  #same = 0;

  constructor(options: AlignmentOptions<T>) {
    this.#options = options;
  }

  /** The number of pairs that were the same. */
  get same(): number {
    return this.#same;
  }

  /** Items that wait for their counterpart. */
  get waiting(): number {
    return this.#expected.length + this.#actual.length;
  }

  /** The next item of the first sequence. */
  expected(item: T): void {
    this.#expected.push(item);
    this.#settle(false);
  }

  /** The next item of the second sequence. */
  actual(item: T): void {
    this.#actual.push(item);
    this.#settle(false);
  }

  /** Both sequences have ended. */
  end(): void {
    this.#settle(true);
    this.#report(this.#expected.length, this.#actual.length);
  }

  #settle(final: boolean): void {
    const expected = this.#expected, actual = this.#actual;
    const { same, identity, onDifference } = this.#options;
    while (expected.length > 0 && actual.length > 0) {
      if (same(expected.at(0), actual.at(0))) {
        expected.shift();
        actual.shift();
        this.#same++;
        continue;
      }
      if (identity(expected.at(0)) !== identity(actual.at(0))) {
        if (!final && (expected.length < REACH || actual.length < REACH)) return;
        const [missing, extra] = this.#meet();
        if (missing + extra > 0) {
          this.#report(missing, extra);
          continue;
        }
      }
      const index = expected.taken;
      onDifference({ index, expected: expected.shift(), actual: actual.shift() });
    }
  }

  /** How many items are to be skipped on each side until both have the same one; 0 and 0 where no such item is near. */
  #meet(): [missing: number, extra: number] {
    const expected = this.#expected.first(REACH).map(this.#options.identity);
    const actual = this.#actual.first(REACH).map(this.#options.identity);
    for (let distance = 1; distance < expected.length + actual.length - 1; distance++) {
      for (let missing = 0; missing <= distance; missing++) {
        const extra = distance - missing;
        if (missing >= expected.length || extra >= actual.length) continue;
        if (expected[missing] === actual[extra]) return [missing, extra];
      }
    }
    return [0, 0];
  }

  #report(missing: number, extra: number): void {
    const { onDifference } = this.#options;
    for (let i = 0; i < missing; i++) {
      onDifference({ index: this.#expected.taken, expected: this.#expected.shift() });
    }
    for (let i = 0; i < extra; i++) onDifference({ index: this.#actual.taken, actual: this.#actual.shift() });
  }
}

/** First in, first out; taking one costs the same however many there are. */
class Queue<T> {
  taken = 0;
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  at(index: number): T {
    return this.#items[this.#head + index];
  }

  first(count: number): T[] {
    return this.#items.slice(this.#head, this.#head + count);
  }

  shift(): T {
    const item = this.#items[this.#head++];
    this.taken++;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
