import type { Buckets, Samples } from "./plot.ts";

/** The most buckets of a series. */
export const MAX_BUCKETS = 131_072;

/**
 * Collects the values of a series by time: each by itself as long as they are few, else in buckets, in memory that stays
 * the same however many follow. Extremes stay exact, with their times.
 *
 * @example
 * ```ts
 * import { SeriesBuilder } from "./series_builder.ts";
 * const builder = new SeriesBuilder({ maxSamples: 2, maxBuckets: 2 });
 * for (const [time, value] of [[0, 5], [1, 9], [2, 7]]) builder.add(time, value);
 * const data = builder.finish();
 * console.assert(data.type === "buckets" && data.greatest.includes(9));
 * ```
 */
export class SeriesBuilder {
  readonly #maxSamples: number;
  readonly #maxBuckets: number;
  #count = 0;
  #x = new Float64Array(64);
  #y = new Float64Array(64);
  #buckets: GrowingBuckets | undefined;

  /**
   * @param options `maxSamples`: more values than these go into buckets; `maxBuckets`: at most as many
   */
  constructor({ maxSamples = Infinity, maxBuckets = MAX_BUCKETS }: { maxSamples?: number; maxBuckets?: number } = {}) {
    this.#maxSamples = maxSamples;
    this.#maxBuckets = maxBuckets;
  }

  /** How many values there are. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a value.
   *
   * @param x its time, in microseconds; what has none is left out
   * @param y the value
   */
  add(x: number, y: number): void {
    if (Number.isNaN(x)) return;
    if (this.#buckets !== undefined) {
      if (Number.isNaN(y)) return;
      this.#count++;
      return this.#buckets.add(x, y);
    }
    if (this.#count >= this.#maxSamples) {
      this.#buckets = new GrowingBuckets(this.#maxBuckets);
      for (let i = 0; i < this.#count; i++) if (!Number.isNaN(this.#y[i])) this.#buckets.add(this.#x[i], this.#y[i]);
      this.#x = this.#y = new Float64Array();
      return this.add(x, y);
    }
    if (this.#count === this.#x.length) {
      this.#x = grown(this.#x);
      this.#y = grown(this.#y);
    }
    this.#x[this.#count] = x;
    this.#y[this.#count++] = y;
  }

  /** Returns the values, by time. */
  finish(): Samples | Buckets {
    if (this.#buckets !== undefined) return this.#buckets.finish();
    const x = this.#x.slice(0, this.#count), y = this.#y.slice(0, this.#count);
    if (x.every((value, i) => i === 0 || x[i - 1] <= value)) return { type: "samples", x, y };
    const order = Uint32Array.from(x, (_, i) => i).sort((a, b) => x[a] - x[b]);
    return {
      type: "samples",
      x: Float64Array.from(order, (i) => x[i]),
      y: Float64Array.from(order, (i) => y[i]),
    };
  }
}

/** Buckets of one width, which doubles when time goes on beyond them. */
class GrowingBuckets {
  readonly #max: number;
  #width = 1;
  /** The number of the first one's place, in widths. */
  #first = 0;
  #used = 0;
  readonly #counts: Float64Array;
  readonly #sums: Float64Array;
  readonly #times: Float64Array;
  readonly #least: Float64Array;
  readonly #leastAt: Float64Array;
  readonly #greatest: Float64Array;
  readonly #greatestAt: Float64Array;

  constructor(max: number) {
    this.#max = Math.max(2, max);
    const column = () => new Float64Array(this.#max);
    this.#counts = column();
    this.#sums = column();
    this.#times = column();
    this.#least = column();
    this.#leastAt = column();
    this.#greatest = column();
    this.#greatestAt = column();
  }

  add(x: number, y: number): void {
    let place = Math.floor(x / this.#width);
    if (this.#used === 0) {
      this.#first = place;
      this.#used = 1;
    }
    while (
      Math.max(place, this.#first + this.#used - 1) - Math.min(place, this.#first) >= this.#max
    ) {
      this.#widen();
      place = Math.floor(x / this.#width);
    }
    if (place < this.#first) this.#shift(this.#first - place);
    const i = place - this.#first;
    if (i >= this.#used) this.#used = i + 1;
    if (this.#counts[i]++ === 0) {
      this.#least[i] = this.#greatest[i] = y;
      this.#leastAt[i] = this.#greatestAt[i] = x;
    } else if (y < this.#least[i]) {
      this.#least[i] = y;
      this.#leastAt[i] = x;
    } else if (y > this.#greatest[i]) {
      this.#greatest[i] = y;
      this.#greatestAt[i] = x;
    }
    this.#sums[i] += y;
    this.#times[i] += x;
  }

  finish(): Buckets {
    const places: number[] = [];
    for (let i = 0; i < this.#used; i++) if (this.#counts[i] > 0) places.push(i);
    const column = (value: (i: number) => number) => Float64Array.from(places, value);
    return {
      type: "buckets",
      counts: column((i) => this.#counts[i]),
      means: column((i) => this.#sums[i] / this.#counts[i]),
      times: column((i) => this.#times[i] / this.#counts[i]),
      least: column((i) => this.#least[i]),
      leastAt: column((i) => this.#leastAt[i]),
      greatest: column((i) => this.#greatest[i]),
      greatestAt: column((i) => this.#greatestAt[i]),
    };
  }

  get #columns(): Float64Array[] {
    return [
      this.#counts,
      this.#sums,
      this.#times,
      this.#least,
      this.#leastAt,
      this.#greatest,
      this.#greatestAt,
    ];
  }

  /** Makes room before the first one. */
  #shift(by: number): void {
    for (const column of this.#columns) {
      column.copyWithin(by, 0, this.#used);
      column.fill(0, 0, Math.min(by, this.#used + by));
    }
    this.#first -= by;
    this.#used += by;
  }

  /** Joins pairs of neighbours. */
  #widen(): void {
    const first = Math.floor(this.#first / 2);
    const used = Math.floor((this.#first + this.#used - 1) / 2) - first + 1;
    const odd = this.#first - first * 2;
    for (let to = 0; to < used; to++) {
      const a = to * 2 - odd, b = a + 1;
      const hasA = a >= 0 && this.#counts[a] > 0, hasB = b < this.#used && this.#counts[b] > 0;
      const low = hasA && (!hasB || this.#least[a] <= this.#least[b]) ? a : b;
      const high = hasA && (!hasB || this.#greatest[a] >= this.#greatest[b]) ? a : b;
      const sum = (column: Float64Array) => (hasA ? column[a] : 0) + (hasB ? column[b] : 0);
      const has = hasA || hasB;
      // What is read lies at or behind where it is written.
      const [leastAt, least] = has ? [this.#leastAt[low], this.#least[low]] : [0, 0];
      const [greatestAt, greatest] = has ? [this.#greatestAt[high], this.#greatest[high]] : [0, 0];
      const [counts, sums, times] = [sum(this.#counts), sum(this.#sums), sum(this.#times)];
      this.#counts[to] = counts;
      this.#sums[to] = sums;
      this.#times[to] = times;
      this.#least[to] = least;
      this.#leastAt[to] = leastAt;
      this.#greatest[to] = greatest;
      this.#greatestAt[to] = greatestAt;
    }
    for (const column of this.#columns) column.fill(0, used, Math.max(used, this.#used));
    this.#first = first;
    this.#used = used;
    this.#width *= 2;
  }
}

function grown(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}
