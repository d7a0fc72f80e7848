/** Random numbers for programs that write plans: the same ones for the same seed, so that a plan can be made again. */
export interface Random {
  /** At least `min` and below `max`; by default 0 and 1. */
  uniform(min?: number, max?: number): number;
  /** Of an exponential distribution, such as the distances of a Poisson process. Its mean is `mean`. */
  exponential(mean: number): number;
  /** Of a normal distribution. */
  normal(mean?: number, deviation?: number): number;
  /**
   * Of a lognormal distribution, such as the sizes of files.
   *
   * @param median half of the numbers are below it
   * @param sigma the standard deviation of the logarithm, e.g. 1.5 for a long tail
   */
  lognormal(median: number, sigma: number): number;
  /** One of the values, each equally often. */
  pick<T>(values: readonly T[]): T;
}

/**
 * Makes a source of random numbers.
 *
 * The numbers are those of sfc32, which passes PractRand and TestU01. Source: C. Doty-Humphrey, PractRand, `sfc32`; the
 * normal distribution by the polar method of G. Marsaglia and T. A. Bray, 1964.
 *
 * @param seed any whole number
 *
 * @example
 * ```ts
 * import { random, schedule, streamClient } from "@tine/tine/node";
 *
 * const { exponential, lognormal } = random(1);
 * const flows = Array.from({ length: 100 }, (_, i) =>
 *   streamClient({ addrKey: "server", upload: { flow: `f${i}`, length: `${Math.round(lognormal(20_000, 1.5))}B` } }));
 * const wait = flows.map(() => `${exponential(50).toFixed(3)}ms`);
 * console.assert("schedule" in schedule({ wait }, ...flows));
 * ```
 */
export function random(seed: number): Random {
  let a = 0, b = seed | 0, c = Math.floor(seed / 2 ** 32) | 0, counter = 1;
  /** Returns 32 bits. */
  const next = () => {
    const sum = (a + b | 0) + counter | 0;
    counter = counter + 1 | 0;
    a = b ^ b >>> 9;
    b = c + (c << 3) | 0;
    c = (c << 21 | c >>> 11) + sum | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 15; i++) next(); // seeds that are close to each other part here
  /** Returns a number of 53 bits, below 1. */
  const unit = () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
  const normal = (mean = 0, deviation = 1) => {
    for (;;) {
      const x = 2 * unit() - 1, y = 2 * unit() - 1, square = x * x + y * y;
      if (square > 0 && square < 1) return mean + deviation * x * Math.sqrt(-2 * Math.log(square) / square);
    }
  };
  return {
    uniform: (min = 0, max = 1) => min + unit() * (max - min),
    exponential: (mean) => -mean * Math.log1p(-unit()),
    normal,
    lognormal: (median, sigma) => median * Math.exp(normal(0, sigma)),
    pick(values) {
      if (values.length === 0) throw new RangeError("there is no value to pick from");
      return values[Math.floor(unit() * values.length)];
    },
  };
}
