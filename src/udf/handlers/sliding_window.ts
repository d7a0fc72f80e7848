import type { GivenOptions } from "./options.ts";
import { SortedValues } from "./sorted_values.ts";

/** Keeps one window within a memory that an option can ask for by mistake. */
const MAX_SIZE = 10_000_000;
/** Points that a window keeps where only its span is given. */
const DEFAULT_SIZE = 1_000_000;
const FIRST_CAPACITY = 8;

/** What a window holds: the last points, as many as `size` and, where there is a span, none older than that. */
export interface WindowLimits {
  /** The number of points, at least 1. */
  readonly size: number;
  /** Points whose time lies this many nanoseconds or more before the newest one are out; undefined: times do not count. */
  readonly spanNs: bigint | undefined;
  /** Called when a window is full, where only its span was asked for. */
  readonly onFull?: () => void;
}

/** A window as it is saved: its values, oldest first, and with a span their times. */
export interface SavedWindow {
  values: number[];
  times?: string[];
}

/** The options of a window, for info. */
export const WINDOW_OPTIONS = { size: ["int"], window: ["duration"] } as const;

/**
 * Reads the options `size` and `window`.
 *
 * @param handler its name, for the message that a window is full
 */
export function windowLimits(handler: string, given: GivenOptions): WindowLimits {
  const size = given.integer("size", { min: 1, max: MAX_SIZE });
  const spanNs = given.duration("window", 1n);
  if (size === undefined && spanNs === undefined) given.missing.push("size or window");
  if (size !== undefined) return { size, spanNs };
  let reported = false;
  return {
    size: DEFAULT_SIZE,
    spanNs,
    onFull() {
      if (reported) return;
      reported = true;
      console.error(
        `${handler}: a window holds more than ${DEFAULT_SIZE} points: the oldest go; the option size allows more`,
      );
    },
  };
}

/**
 * The last values of a group, and the same values in order.
 *
 * Where the window has a span, its points are kept by time: one that comes late goes to its place and leaves with its
 * neighbours. Where it has none, they are kept as they come.
 */
export class SlidingWindow {
  readonly #limits: WindowLimits;
  /** The values in order. */
  readonly sorted: SortedValues;
  // A ring, whose length is a power of two.
  #values: Float64Array;
  #times: BigInt64Array | undefined;
  #first = 0;
  #count = 0;

  constructor(limits: WindowLimits, values: readonly number[] = [], times?: readonly bigint[]) {
    this.#limits = limits;
    let capacity = FIRST_CAPACITY;
    while (capacity < values.length) capacity *= 2;
    this.#values = new Float64Array(capacity);
    this.#values.set(values);
    if (limits.spanNs !== undefined) {
      this.#times = new BigInt64Array(capacity);
      this.#times.set(times ?? []);
    }
    this.#count = values.length;
    this.sorted = SortedValues.from(values);
  }

  /**
   * Returns a window as {@linkcode save} wrote it. One with other limits keeps what these allow; it is empty where they
   * need times that were not saved.
   *
   * @throws {Error} if it is no window
   */
  static load(limits: WindowLimits, { values, times }: SavedWindow): SlidingWindow {
    if (!Array.isArray(values) || !values.every(Number.isFinite)) throw new Error("a window must be a list of numbers");
    if (times !== undefined && (!Array.isArray(times) || times.length !== values.length)) {
      throw new Error("a window must have a time for each value");
    }
    const parsed = times?.map(BigInt);
    if (limits.spanNs === undefined) return new SlidingWindow(limits, values.slice(-limits.size));
    if (parsed === undefined) return new SlidingWindow(limits);
    const oldest = (parsed.at(-1) ?? 0n) - limits.spanNs;
    const start = Math.max(parsed.findIndex((time) => time > oldest), parsed.length - limits.size);
    return new SlidingWindow(limits, values.slice(start), parsed.slice(start));
  }

  save(): SavedWindow {
    const places = Array.from({ length: this.#count }, (_, i) => this.#place(i));
    const values = places.map((place) => this.#values[place]);
    return this.#times === undefined
      ? { values }
      : { values, times: places.map((place) => String(this.#times![place])) };
  }

  /**
   * Lets go what is too old by the time of a point.
   *
   * @returns false where the point itself is too old for the window
   */
  advance(time: bigint): boolean {
    const { spanNs } = this.#limits;
    if (spanNs === undefined || this.#count === 0) return true;
    const last = this.#times![this.#place(this.#count - 1)];
    if (time < last) return last - time < spanNs;
    const oldest = time - spanNs;
    while (this.#count > 0 && this.#times![this.#first] <= oldest) {
      this.sorted.remove(this.#values[this.#first]);
      this.#dropFirst();
    }
    return true;
  }

  /** Adds a value; to be called after {@linkcode advance} has returned true for its time. */
  add(value: number, time: bigint): void {
    if (this.#count === this.#limits.size) {
      this.#limits.onFull?.();
      const isOldest = this.#times !== undefined && time < this.#times[this.#first];
      if (isOldest) return;
      this.sorted.replace(this.#values[this.#first], value);
      this.#dropFirst();
    } else this.sorted.add(value);
    if (this.#count === this.#values.length) this.#grow();
    let place = this.#place(this.#count++);
    const values = this.#values, times = this.#times;
    if (times !== undefined) {
      for (let i = this.#count - 2; i >= 0; i--) {
        const before = this.#place(i);
        if (times[before] <= time) break;
        times[place] = times[before];
        values[place] = values[before];
        place = before;
      }
      times[place] = time;
    }
    values[place] = value;
  }

  #place(i: number): number {
    return (this.#first + i) & (this.#values.length - 1);
  }

  #dropFirst(): void {
    this.#first = this.#place(1);
    this.#count--;
  }

  #grow(): void {
    const { values, times } = this.#unrolled(2 * this.#values.length);
    this.#values = values;
    this.#times = times;
    this.#first = 0;
  }

  #unrolled(capacity: number): { values: Float64Array; times: BigInt64Array | undefined } {
    const values = new Float64Array(capacity);
    values.set(this.#values.subarray(this.#first));
    values.set(this.#values.subarray(0, this.#first), this.#values.length - this.#first);
    if (this.#times === undefined) return { values, times: undefined };
    const times = new BigInt64Array(capacity);
    times.set(this.#times.subarray(this.#first));
    times.set(this.#times.subarray(0, this.#first), this.#times.length - this.#first);
    return { values, times };
  }
}
