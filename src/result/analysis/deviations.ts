import { Distribution, type Quantiles, quantilesByRank } from "./distribution.ts";

/**
 * A distribution of numbers of either sign that are close to one another but far from 0, such as differences of two
 * clocks: kept as distances from the first one. Quantiles are exact to 0.1% of that distance, see {@linkcode Distribution}.
 */
export class Deviations {
  #base = 0;
  readonly #above = new Distribution();
  readonly #below = new Distribution();

  /** How many values there are. */
  get count(): number {
    return this.#above.count + this.#below.count;
  }

  /** Adds a value. */
  add(value: number): void {
    if (this.count === 0) this.#base = value;
    if (value >= this.#base) this.#above.add(value - this.#base);
    else this.#below.add(this.#base - value);
  }

  /** What tables show, reduced by `offset`; undefined without values. */
  quantiles(offset: number): Quantiles | undefined {
    const { count } = this;
    if (count === 0) return undefined;
    const [above, below] = [this.#above, this.#below];
    const base = this.#base - offset;
    const at = (rank: number) => {
      if (rank > below.count) return base + above.valueAt(rank - below.count);
      // From the greatest distance on: that is the least value.
      return base - below.valueAt(below.count - rank + 1);
    };
    const sum = (part: Distribution) => part.count === 0 ? 0 : part.mean * part.count;
    return {
      count,
      min: below.count > 0 ? base - below.max : base + above.min,
      mean: base + (sum(above) - sum(below)) / count,
      max: base + above.max,
      ...quantilesByRank(count, at),
    };
  }
}
