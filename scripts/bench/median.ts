import { quantilesOf } from "../../src/flow/analysis/mod.ts";

/** The median of at least one value. */
export function median(values: readonly number[]): number {
  const quantiles = quantilesOf(values);
  if (quantiles === undefined) throw new RangeError("no values to take a median of");
  return quantiles.median;
}

/**
 * Measures all candidates in turn, round by round, so that what disturbs the machine disturbs all of them.
 *
 * @param rounds how often each is measured
 * @param measures one function a candidate
 * @returns what was measured of each candidate, in their order
 */
export async function inRounds<T>(rounds: number, ...measures: readonly (() => Promise<T>)[]): Promise<T[][]> {
  const values = measures.map((): T[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, measure] of measures.entries()) values[i].push(await measure());
  }
  return values;
}

/** The median of each candidate, see {@linkcode inRounds}. */
export async function medianOfRounds(
  rounds: number,
  ...measures: readonly (() => Promise<number>)[]
): Promise<number[]> {
  return (await inRounds(rounds, ...measures)).map(median);
}

/** The median of each member, each by itself. */
export function medians<K extends string>(values: readonly Readonly<Record<K, number>>[]): Record<K, number> {
  const keys = Object.keys(values[0]) as K[];
  return Object.fromEntries(keys.map((key) => [key, median(values.map((value) => value[key]))])) as Record<K, number>;
}

/** How many times a peer one is, round by round: the speed of a machine may change from one minute to the next. */
export interface Ratio {
  readonly median: number;
  /** With the least and the greatest: `0.97 x (0.95 to 0.99)`. */
  readonly text: string;
}

/**
 * Compares two candidates.
 *
 * @param own a figure of each round
 * @param peer of the same rounds
 */
export function ratioOf(own: readonly number[], peer: readonly number[]): Ratio {
  const ratios = own.map((value, i) => value / peer[i]);
  const [middle, least, most] = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map((x) => x.toFixed(2));
  return { median: median(ratios), text: `${middle} x (${least} to ${most})` };
}
