/** Values below this have a bin each. */
const LINEAR_BINS = 1024;
/** The number of bins of each octave above. */
const BINS = 512;
const LINEAR_BITS = 10;

/** The figures of a distribution that tables have; in the unit of what was added. */
export interface Quantiles {
  /** The number of values. */
  readonly count: number;
  /** Exact. */
  readonly min: number;
  /** The arithmetic mean, exact. */
  readonly mean: number;
  /** The middle one in ascending order; of an even number of values, the mean of the two in the middle. */
  readonly median: number;
  /** 90% of the values are at most this; of times of transactions alone. */
  readonly p90?: number;
  /** 99% of the values are at most this. */
  readonly p99: number;
  /** 99.9% of the values are at most this. */
  readonly p999: number;
  /** Exact. */
  readonly max: number;
}

/**
 * The figures of a few values, all of them exact.
 *
 * @param values any numbers; NaN is not among them
 * @returns undefined without values
 *
 * @example
 * ```ts
 * import { quantilesOf } from "./distribution.ts";
 * console.assert(quantilesOf([700, 900])?.median === 800);
 * ```
 */
export function quantilesOf(values: Iterable<number>): Quantiles | undefined {
  const sorted = Float64Array.from(values).sort();
  const count = sorted.length;
  if (count === 0) return undefined;
  return {
    count,
    min: sorted[0],
    mean: sorted.reduce((sum, value) => sum + value) / count,
    max: sorted[count - 1],
    ...quantilesByRank(count, (rank) => sorted[rank - 1]),
  };
}

/**
 * The quantiles of at least one value by RFC 2330 (11.3), the one rule of tine: a percentile is the least value that so
 * many of all values are at most; the median of an even number of values is the mean of the two in the middle.
 *
 * @param valueAt gives the value at a place in ascending order, from 1 on
 */
export function quantilesByRank(
  count: number,
  valueAt: (rank: number) => number,
): Pick<Quantiles, "median" | "p99" | "p999"> {
  const middle = valueAt(Math.ceil(count / 2));
  return {
    median: count % 2 === 1 ? middle : (middle + valueAt(count / 2 + 1)) / 2,
    p99: valueAt(rankOf(0.99, count)),
    p999: valueAt(rankOf(0.999, count)),
  };
}

/** The place of the least value that a share of all values is at most, from 1 on. */
function rankOf(share: number, count: number): number {
  return Math.max(1, Math.ceil(share * count));
}

/**
 * A distribution of times, in memory that stays the same however many there are: a log-linear histogram of whole
 * numbers. Count, least, greatest and mean are exact. Quantiles are exact to a unit below 1024, and to 0.1% of the value
 * above, and follow {@linkcode quantilesByRank}.
 *
 * @example
 * ```ts
 * import { Distribution } from "./distribution.ts";
 *
 * const rtt = new Distribution();
 * for (const nanos of [700, 800, 900]) rtt.add(nanos);
 * console.assert(rtt.quantile(0.5) === 800);
 * ```
 */
export class Distribution {
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;
  /** Bins of the linear part, then of each octave that has values. */
  readonly #blocks: (Float64Array | undefined)[] = [];

  /** The number of values. */
  get count(): number {
    return this.#count;
  }

  /** The least value; Infinity without values. */
  get min(): number {
    return this.#min;
  }

  /** The greatest value; -Infinity without values. */
  get max(): number {
    return this.#max;
  }

  /** The arithmetic mean; NaN without values. */
  get mean(): number {
    return this.#sum / this.#count;
  }

  /**
   * Adds a value.
   *
   * @param value 0 to 2^53; what is less counts as 0, what is more as the most
   * @param times how often
   */
  add(value: number, times = 1): void {
    if (!(value >= 0)) value = 0;
    else if (value > Number.MAX_SAFE_INTEGER) value = Number.MAX_SAFE_INTEGER;
    this.#count += times;
    this.#sum += value * times;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    const octave = octaveOf(value);
    const block = this.#blocks[octave] ??= new Float64Array(octave === 0 ? LINEAR_BINS : BINS);
    block[octave === 0 ? Math.floor(value) : Math.floor(value * SCALES[octave]) - BINS] += times;
  }

  /** Returns the distribution of the values of several. */
  static merged(all: Iterable<Distribution>): Distribution {
    const merged = new Distribution();
    for (const one of all) merged.merge(one);
    return merged;
  }

  /** Adds all values of another one. */
  merge(other: Distribution): void {
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
    for (const [octave, theirs] of other.#blocks.entries()) {
      if (theirs === undefined) continue;
      const ours = this.#blocks[octave] ??= new Float64Array(theirs.length);
      for (let i = 0; i < theirs.length; i++) ours[i] += theirs[i];
    }
  }

  /**
   * The least value that a share of all values is at most; NaN without values.
   *
   * @param share 0 to 1, such as 0.99
   */
  quantile(share: number): number {
    return this.valueAt(rankOf(share, this.#count));
  }

  /**
   * The value at a place in ascending order; NaN without values.
   *
   * @param rank from 1 on
   */
  valueAt(rank: number): number {
    if (rank >= this.#count) return this.#count === 0 ? NaN : this.#max;
    let seen = 0;
    for (const [value, times] of this.bins()) {
      seen += times;
      if (seen >= rank) return value;
    }
    return this.#max;
  }

  /**
   * The mean of the values up to a quantile, exact to 0.1%; NaN without values.
   *
   * @param share such as 0.95: the twentieth part with the greatest values is left out
   */
  trimmedMean(share: number): number {
    const rank = rankOf(share, this.#count);
    let seen = 0;
    let sum = 0;
    for (const [value, times] of this.bins()) {
      const taken = Math.min(times, rank - seen);
      sum += value * taken;
      seen += taken;
      if (seen >= rank) break;
    }
    return sum / seen;
  }

  /** The number of values that are above a limit, exact as quantiles are. */
  above(limit: number): number {
    let above = 0;
    for (const [value, times] of this.bins()) if (value > limit) above += times;
    return above;
  }

  /** What tables show; undefined without values. */
  quantiles(): Quantiles | undefined {
    if (this.#count === 0) return undefined;
    return {
      count: this.#count,
      min: this.#min,
      mean: this.mean,
      max: this.#max,
      ...quantilesByRank(this.#count, (rank) => this.valueAt(rank)),
    };
  }

  /** Yields the middle of each bin that has values, in ascending order, and how many it has. */
  *bins(): Generator<[value: number, times: number], void, void> {
    for (const [octave, block] of this.#blocks.entries()) {
      if (block === undefined) continue;
      for (let i = 0; i < block.length; i++) {
        if (block[i] === 0) continue;
        const middle = octave === 0 ? i : (BINS + i + 0.5) * 2 ** octave;
        yield [Math.min(this.#max, Math.max(this.#min, middle)), block[i]];
      }
    }
  }
}

/** 0 for the linear part; bins of octave n are 2^n wide. */
function octaveOf(value: number): number {
  if (value < LINEAR_BINS) return 0;
  const bits = value < 0x1_0000_0000 ? 32 - Math.clz32(value) : 64 - Math.clz32(value / 0x1_0000_0000);
  return bits - LINEAR_BITS;
}

/** What values of an octave are multiplied by to count bins: exact, and several times as fast as powers. */
const SCALES = Float64Array.from({ length: 53 - LINEAR_BITS + 1 }, (_, octave) => 2 ** -octave);

/** The twentieth part of the round trips that took longest is left out. */
const TRIM = 0.95;

/**
 * How many round trips fit a minute, one after another: 60 seconds by the mean of the round-trip times up to their 95th
 * percentile, the trimmed mean of draft-ietf-ippm-responsiveness.
 *
 * What differs from the draft: round trips are UDP echoes of a flow of its own, instead of HTTP requests over TLS, both
 * on new connections and on those that make the load. So what an end's own TCP buffers add is not seen, neither are
 * handshakes, and fair queuing at a bottleneck looks as good as it is for other flows. It is the responsiveness of the
 * network: the time at the server is left out.
 *
 * @param rtt round-trip times in nanoseconds, under load
 * @returns undefined without round trips
 */
export function roundTripsPerMinute(rtt: Distribution): number | undefined {
  const mean = rtt.trimmedMean(TRIM);
  return mean > 0 ? 60e9 / mean : undefined;
}
