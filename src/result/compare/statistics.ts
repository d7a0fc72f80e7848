/**
 * Statistics of repeats, free of assumptions about their distribution: a sample is one value for each repeat.
 *
 * @module
 */

/** The limits between which a value lies. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  /** How likely it covers the value, 0 to 1; absent: the values are too few, and these are their least and greatest. */
  readonly confidence?: number;
}

/** A median of a sample, and where that of all repeats there could be lies. */
export interface MedianEstimate extends Interval {
  readonly median: number;
}

/** How much greater values of a second sample are than those of a first one. */
export interface Shift extends Interval {
  /** The Hodges-Lehmann estimate. */
  readonly shift: number;
}

/** Samples that take more steps for the exact distribution (59 a side) take the normal approximation. */
const MAX_STEPS = 5e7;

/**
 * Returns the median of a sample, with the interval between two values of the sample that covers the median of the population
 * with the confidence that is asked for, or a greater one: it takes 6 values for 95%.
 *
 * Source: order statistics and the binomial distribution, as in W. J. Conover, Practical Nonparametric Statistics, 3.2.
 *
 * @param values at least one
 * @param confidence such as 0.95
 *
 * @example
 * ```ts
 * import { medianOf } from "./statistics.ts";
 * const { median, low, high, confidence } = medianOf([3, 1, 2, 6, 5, 4], 0.95);
 * console.assert(median === 3.5 && low === 1 && high === 6 && confidence === 1 - 2 / 64);
 * ```
 */
export function medianOf(values: readonly number[], confidence: number): MedianEstimate {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  let below = 0; // How likely fewer than `rank` values are below the median.
  let rank = 0;
  for (let logTerm = -n * Math.LN2; rank < n; rank++) {
    const next = below + Math.exp(logTerm);
    if (2 * next > 1 - confidence) break;
    below = next;
    logTerm += Math.log((n - rank) / (rank + 1));
  }
  const median = middle(sorted);
  if (rank === 0) return { median, low: sorted[0], high: sorted[n - 1] };
  return { median, low: sorted[rank - 1], high: sorted[n - rank], confidence: 1 - 2 * below };
}

/**
 * Returns the shift between two samples: the median of the differences between each value of the second and each of the
 * first, with the interval that the exact distribution of the Mann-Whitney statistic gives, which takes 4 values a side
 * for 95%. Where values are equal, the interval is rather too wide.
 *
 * Source: J. L. Hodges and E. L. Lehmann, 1963; M. Hollander and D. A. Wolfe, Nonparametric Statistical Methods, 4.2 and
 * 4.3; of equal values, G. E. Noether, 1967.
 *
 * @param first at least one value
 * @param second at least one value
 * @param confidence such as 0.95
 *
 * @example
 * ```ts
 * import { shiftOf } from "./statistics.ts";
 * console.assert(shiftOf([1, 2, 3, 4], [11, 12, 13, 14], 0.95).shift === 10);
 * ```
 */
export function shiftOf(first: readonly number[], second: readonly number[], confidence: number): Shift {
  const differences = second.flatMap((b) => first.map((a) => b - a)).sort((a, b) => a - b);
  const shift = middle(differences);
  const pairs = differences.length;
  const { cut, tail } = cutOf(first.length, second.length, (1 - confidence) / 2);
  if (cut < 0) return { shift, low: differences[0], high: differences[pairs - 1] };
  return { shift, low: differences[cut], high: differences[pairs - 1 - cut], confidence: 1 - 2 * tail };
}

/**
 * Returns how likely two samples of one population differ as much as these, or more: the two-sided p value of the
 * Mann-Whitney test. It is exact, also where values are equal: then it is that of all ways to deal out their midranks.
 * Of more than 59 values a side it is the normal approximation, with corrections for continuity and equal values.
 *
 * Source: H. B. Mann and D. R. Whitney, 1947; the distribution with the algorithm of B. Streitberg and J. Roehmel, 1986.
 *
 * @param first at least one value
 * @param second at least one value
 *
 * @example
 * ```ts
 * import { mannWhitney } from "./statistics.ts";
 * console.assert(Math.abs(mannWhitney([1, 2, 3], [4, 5, 6]) - 0.1) < 1e-12);
 * ```
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): number {
  const [few, many] = first.length <= second.length ? [first, second] : [second, first];
  const ranks = doubledMidranks([...few, ...many]);
  const sum = ranks.slice(0, few.length).reduce((sum, rank) => sum + rank, 0);
  if (!isExact(few.length, many.length)) return normalP(ranks, few.length, sum);
  const ways = waysOf(ranks, few.length);
  let [atMost, atLeast, all] = [0, 0, 0];
  for (let s = 0; s < ways.length; s++) {
    all += ways[s];
    if (s <= sum) atMost += ways[s];
    if (s >= sum) atLeast += ways[s];
  }
  return Math.min(1, 2 * Math.min(atMost, atLeast) / all);
}

/**
 * Returns the least p value that {@linkcode mannWhitney} can have for samples of these sizes: 0.1 for 3 and 3.
 *
 * @example
 * ```ts
 * import { leastP } from "./statistics.ts";
 * console.assert(leastP(3, 3) > 0.05 && leastP(4, 4) < 0.05);
 * ```
 */
export function leastP(first: number, second: number): number {
  let combinations = 1;
  for (let i = 1; i <= Math.min(first, second); i++) combinations *= (first + second + 1 - i) / i;
  return Math.min(1, 2 / combinations);
}

/**
 * Returns the least number of values a side with which {@linkcode mannWhitney} can be so small.
 *
 * @example
 * ```ts
 * import { leastRepeats } from "./statistics.ts";
 * console.assert(leastRepeats(0.05) === 4);
 * ```
 */
export function leastRepeats(p: number): number {
  let repeats = 1;
  while (leastP(repeats, repeats) > p) repeats++;
  return repeats;
}

/**
 * Adjusts p values, so that the chance of even one false finding among all of them stays below the limit that each is
 * compared with.
 *
 * Source: S. Holm, 1979.
 *
 * @returns them in the same order
 *
 * @example
 * ```ts
 * import { holm } from "./statistics.ts";
 * console.assert(holm([0.01, 0.2, 0.25]).join() === "0.03,0.4,0.4");
 * ```
 */
export function holm(values: readonly number[]): number[] {
  const adjusted = values.slice();
  let least = 0;
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  for (const [i, place] of order.entries()) {
    least = Math.max(least, Math.min(1, (values.length - i) * values[place]));
    adjusted[place] = least;
  }
  return adjusted;
}

/** The median of sorted values. */
function middle(sorted: ArrayLike<number>): number {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Twice the ranks of values, so that those of equal values are whole numbers too. */
function doubledMidranks(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  const ranks: number[] = [];
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) ranks[order[i]] = from + 1 + to;
  }
  return ranks;
}

function isExact(first: number, second: number): boolean {
  const all = first + second, few = Math.min(first, second);
  return few * few * all * (all + 1) < MAX_STEPS;
}

/** In how many ways ranks of this number have each sum. */
function waysOf(ranks: readonly number[], size: number): Float64Array {
  const most = ranks.toSorted((a, b) => b - a).slice(0, size).reduce((sum, rank) => sum + rank, 0);
  const bySize = Array.from({ length: size + 1 }, () => new Float64Array(most + 1));
  bySize[0][0] = 1;
  for (const [i, rank] of ranks.entries()) {
    for (let chosen = Math.min(size, i + 1); chosen > 0; chosen--) {
      const [ways, without] = [bySize[chosen], bySize[chosen - 1]];
      for (let s = rank; s <= most; s++) ways[s] += without[s - rank];
    }
  }
  return bySize[size];
}

/**
 * The greatest value of the Mann-Whitney statistic that is at most so likely to be reached or undercut, values being
 * different; -1 where even 0 is likelier.
 */
function cutOf(first: number, second: number, likelihood: number): { cut: number; tail: number } {
  if (!isExact(first, second)) {
    const deviation = Math.sqrt(first * second * (first + second + 1) / 12);
    return { cut: Math.floor(first * second / 2 - deviation * normalQuantile(likelihood) - 0.5), tail: likelihood };
  }
  const few = Math.min(first, second);
  const ranks = Array.from({ length: first + second }, (_, i) => i + 1);
  const ways = waysOf(ranks, few);
  const all = ways.reduce((sum, count) => sum + count, 0);
  let [cut, tail] = [-1, 0];
  for (let s = few * (few + 1) / 2; s < ways.length && tail + ways[s] / all <= likelihood; s++, cut++) {
    tail += ways[s] / all;
  }
  return { cut, tail };
}

/** The two-sided p value of the normal approximation; ranks are doubled. */
function normalP(ranks: readonly number[], size: number, sum: number): number {
  const all = ranks.length, rest = all - size;
  const mean = size * (all + 1);
  const squares = ranks.reduce((sum, rank) => sum + (rank - all - 1) ** 2, 0);
  const deviation = Math.sqrt(size * rest / (all * (all - 1)) * squares);
  // Sums of ranks are a whole number apart, those of doubled ones two.
  return deviation === 0 ? 1 : Math.min(1, 2 * normalTail(Math.max(0, Math.abs(sum - mean) - 1) / deviation));
}

/**
 * How likely a normal deviate is greater than `z`, for `z` from 0 on; its relative error is below 2e-7.
 *
 * Source: the rational approximation of erfc in W. H. Press et al., Numerical Recipes, 6.2.
 */
function normalTail(z: number): number {
  const x = z / Math.SQRT2, t = 1 / (1 + x / 2);
  const coefficients = [
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
  ];
  const polynomial = coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
  return t * Math.exp(-x * x + polynomial) / 2;
}

/** The deviate that is exceeded with this likelihood, up to a half. */
function normalQuantile(likelihood: number): number {
  let [low, high] = [0, 40];
  while (high - low > 1e-9) {
    const z = (low + high) / 2;
    if (normalTail(z) > likelihood) low = z;
    else high = z;
  }
  return low;
}
