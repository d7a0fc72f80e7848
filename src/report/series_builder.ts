import type { Buckets, SampleSeries } from "./plot.ts";

/** The most buckets of a series. */
export const MAX_BUCKETS = 131_072;

/** The number of values that a series keeps. */
export interface SeriesLimits {
  /** More rows than these go into buckets. */
  readonly maxSamples?: number;
  /** At most as many. */
  readonly maxBuckets?: number;
}

/**
 * Collects values by time, of one series or of several that have their times in common: each by itself as long as they
 * are few, else in buckets, in memory that stays the same however many follow. Extremes stay exact, with their times.
 *
 * @example
 * ```ts
 * import { SeriesBuilder } from "./series_builder.ts";
 * const builder = new SeriesBuilder(1, { maxSamples: 2, maxBuckets: 2 });
 * for (const [time, value] of [[0, 5], [1, 9], [2, 7]]) builder.add(time, value);
 * const [data] = builder.finish();
 * console.assert(data.type === "buckets" && data.greatest.includes(9));
 * ```
 */
export class SeriesBuilder {
  readonly #maxSamples: number;
  readonly #maxBuckets: number;
  #count = 0;
  #x = new Float64Array(64);
  #values: Float64Array<ArrayBuffer>[];
  #buckets: GrowingBuckets[] | undefined;

  /**
   * @param series how many there are: 1 to 4
   * @param limits of each
   */
  constructor(series = 1, { maxSamples = Infinity, maxBuckets = MAX_BUCKETS }: SeriesLimits = {}) {
    this.#values = Array.from({ length: series }, () => new Float64Array(64));
    this.#maxSamples = maxSamples;
    this.#maxBuckets = maxBuckets;
  }

  /** The number of rows. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a row.
   *
   * @param x its time, in microseconds; a row that has none is left out
   * @param a to `d`: the value of each series; NaN where it has none
   */
  add(x: number, a: number, b = NaN, c = NaN, d = NaN): void {
    if (Number.isNaN(x)) return;
    if (this.#buckets === undefined && this.#count >= this.#maxSamples) this.#fold();
    const i = this.#count++;
    if (this.#buckets !== undefined) return this.#addTo(this.#buckets, x, a, b, c, d);
    if (i === this.#x.length) {
      this.#x = grown(this.#x);
      this.#values = this.#values.map(grown);
    }
    this.#x[i] = x;
    this.#values[0][i] = a;
    if (this.#values.length > 1) this.#values[1][i] = b;
    if (this.#values.length > 2) this.#values[2][i] = c;
    if (this.#values.length > 3) this.#values[3][i] = d;
  }

  /** Returns each series, by time. */
  finish(): (SampleSeries | Buckets)[] {
    if (this.#buckets !== undefined) return this.#buckets.map((buckets) => buckets.finish());
    let x = this.#x.slice(0, this.#count);
    let values = this.#values.map((column) => column.slice(0, this.#count));
    if (!x.every((value, i) => i === 0 || x[i - 1] <= value)) {
      const order = Uint32Array.from(x, (_, i) => i).sort((a, b) => x[a] - x[b]);
      const sorted = (column: Float64Array) => Float64Array.from(order, (i) => column[i]);
      values = values.map(sorted);
      x = sorted(x);
    }
    return values.map((y) => ({ type: "samples", x, y }));
  }

  /** Puts what there is into buckets. */
  #fold(): void {
    this.#buckets = this.#values.map((column) => {
      const buckets = new GrowingBuckets(this.#maxBuckets);
      for (let i = 0; i < this.#count; i++) buckets.add(this.#x[i], column[i]);
      return buckets;
    });
    this.#x = new Float64Array();
    this.#values = [];
  }

  #addTo(buckets: readonly GrowingBuckets[], x: number, a: number, b: number, c: number, d: number): void {
    buckets[0].add(x, a);
    if (buckets.length > 1) buckets[1].add(x, b);
    if (buckets.length > 2) buckets[2].add(x, c);
    if (buckets.length > 3) buckets[3].add(x, d);
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

  /** Adds a value; NaN is left out. */
  add(x: number, y: number): void {
    if (Number.isNaN(y)) return;
    let place = Math.floor(x / this.#width);
    if (this.#used === 0) {
      this.#first = place;
      this.#used = 1;
    }
    while (Math.max(place, this.#first + this.#used - 1) - Math.min(place, this.#first) >= this.#max) {
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
      column.fill(0, 0, by);
    }
    this.#first -= by;
    this.#used += by;
  }

  /** Joins pairs of neighbours. */
  #widen(): void {
    const first = Math.floor(this.#first / 2);
    const used = Math.floor((this.#first + this.#used - 1) / 2) - first + 1;
    const odd = this.#first - first * 2;
    // What is read lies at or behind where it is written, except for the first pair of an odd start.
    for (let to = 0; to < used; to++) {
      const a = to * 2 - odd, b = a + 1;
      const hasA = a >= 0 && this.#counts[a] > 0, hasB = b < this.#used && this.#counts[b] > 0;
      const low = hasA && (!hasB || this.#least[a] <= this.#least[b]) ? a : b;
      const high = hasA && (!hasB || this.#greatest[a] >= this.#greatest[b]) ? a : b;
      const sum = (column: Float64Array) => (hasA ? column[a] : 0) + (hasB ? column[b] : 0);
      const has = hasA || hasB;
      const joined = [
        sum(this.#counts),
        sum(this.#sums),
        sum(this.#times),
        has ? this.#least[low] : 0,
        has ? this.#leastAt[low] : 0,
        has ? this.#greatest[high] : 0,
        has ? this.#greatestAt[high] : 0,
      ];
      for (const [i, column] of this.#columns.entries()) column[to] = joined[i];
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
