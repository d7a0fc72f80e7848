import type { Buckets } from "../plot.ts";

/**
 * A bucket as it travels to a page: mean time and count of its samples, their mean, then the least and the greatest
 * with their times. Times are microseconds since the start of the test.
 */
export type BucketRow = readonly [
  time: number,
  count: number,
  mean: number,
  least: number,
  leastAt: number,
  greatest: number,
  greatestAt: number,
];

/**
 * A series that grows while a test runs, in bounded memory: when it is full, neighbours are joined, and extremes stay
 * exact, with their times.
 *
 * @example
 * ```ts
 * import { GrowingBuckets } from "./growing_buckets.ts";
 * const series = new GrowingBuckets(2);
 * for (const [time, rtt] of [[0, 10], [1000, 50], [2000, 11]]) series.addSample(time, rtt);
 * const { greatest, counts } = series.data();
 * console.assert(greatest.includes(50) && counts.reduce((a, b) => a + b) === 3);
 * ```
 */
export class GrowingBuckets {
  readonly #max: number;
  #rows: BucketRow[] = [];
  #sorted = true;
  #widthUs = 0;

  /** @param max as many buckets are kept, at least 2 */
  constructor(max: number) {
    this.#max = max;
  }

  /** The number of buckets. */
  get length(): number {
    return this.#rows.length;
  }

  /** Adds a sample: its time in microseconds, and its value. */
  addSample(time: number, value: number): void {
    this.add([time, 1, value, value, time, value, time]);
  }

  /** Adds a bucket, as a rule behind those before. */
  add(row: BucketRow): void {
    const last = this.#rows.at(-1);
    if (last !== undefined && row[0] < last[0]) this.#sorted = false;
    this.#rows.push(row);
    if (this.#rows.length > this.#max) this.#join();
  }

  /** Returns the buckets, the earliest first. */
  rows(): readonly BucketRow[] {
    if (!this.#sorted) this.#rows.sort((a, b) => a[0] - b[0]);
    this.#sorted = true;
    return this.#rows;
  }

  /** Returns what a plot shows. */
  data(): Buckets {
    const rows = this.rows();
    const column = (at: number) => Float64Array.from(rows, (row) => row[at]);
    return {
      type: "buckets",
      times: column(0),
      counts: column(1),
      means: column(2),
      least: column(3),
      leastAt: column(4),
      greatest: column(5),
      greatestAt: column(6),
    };
  }

  /** Joins neighbours until half of the room is free. */
  #join(): void {
    const rows = this.rows();
    const span = rows[rows.length - 1][0] - rows[0][0];
    this.#widthUs = Math.max(this.#widthUs * 2, 1, Math.ceil(span / (this.#max / 2 - 1 || 1)));
    const joined: BucketRow[] = [];
    let place = NaN;
    for (const row of rows) {
      const next = Math.floor(row[0] / this.#widthUs);
      if (next === place) joined.push(join(joined.pop()!, row));
      else joined.push(row);
      place = next;
    }
    // Of samples that all have one time, some have to share a bucket whatever its width is.
    while (joined.length > this.#max) joined.push(join(joined.pop()!, joined.pop()!));
    this.#rows = joined;
  }
}

/** Returns a bucket that has the samples of two. */
function join(a: BucketRow, b: BucketRow): BucketRow {
  const count = a[1] + b[1];
  const mean = (at: 0 | 2) => (a[at] * a[1] + b[at] * b[1]) / count;
  const low = a[3] <= b[3] ? a : b, high = a[5] >= b[5] ? a : b;
  return [mean(0), count, mean(2), low[3], low[4], high[5], high[6]];
}
