import type { Handler, Output } from "../udf_types.ts";
import { WINDOW_OPTIONS, windowLimits } from "./sliding_window.ts";
import type { SortedValues } from "./sorted_values.ts";
import { createWindowHandler } from "./window_handler.ts";

const OPTIONS = {
  field: ["string"],
  ...WINDOW_OPTIONS,
  threshold: ["double"],
  floor: ["double"],
  warmUp: ["int"],
  as: ["string"],
  groups: ["int"],
} as const;

/** The median absolute deviation of a normal distribution, times this, is its standard deviation: 1 / Φ⁻¹(3/4). */
const DEVIATIONS = 1.4826;

/**
 * Marks points whose field lies far from what came before, by the Hampel identifier: further than `threshold` times the
 * deviation from the median of the last points of the group, where the deviation is 1.4826 times the median of their
 * absolute distances to that median (MAD), and at least `floor`.
 *
 * The last points are the last `size`, those of the last `window`, or what is in both, without the point itself. A point
 * keeps all that it has and gets the field `as`, true or false, and once `warmUp` points came before it, the median and
 * the deviation as `as`_median and `as`_deviation. Dropped are points without a finite number in the field, and those
 * that come later than their window.
 *
 * Source: F. R. Hampel, "The influence curve and its role in robust estimation", 1974; R. K. Pearson, "Outliers in
 * process modeling and identification", 2002.
 */
export function createHandler(agent: Output): Handler {
  let threshold = 3;
  let floor = 0;
  let warmUp = 0;
  return createWindowHandler(agent, {
    name: "anomaly",
    types: OPTIONS,
    configure(given) {
      const limits = windowLimits("anomaly", given);
      const isPositive = (value: number) => value > 0 && Number.isFinite(value);
      threshold = given.double("threshold", "above 0.0", isPositive) ?? 3;
      floor = given.double("floor", "at least 0.0", (value) => value === 0 || isPositive(value)) ?? 0;
      warmUp = given.integer("warmUp", { min: 1, max: limits.size }) ?? Math.min(10, limits.size);
      return limits;
    },
    answer(point, value, time, window, as) {
      let isFar = false;
      if (window.sorted.length >= warmUp) {
        const center = median(window.sorted);
        const deviation = Math.max(floor, DEVIATIONS * medianDistance(window.sorted, center));
        isFar = Math.abs(value - center) > threshold * deviation;
        point.fieldsDouble.set(`${as}_median`, center).set(`${as}_deviation`, deviation);
      }
      window.add(value, time);
      point.fieldsBool.set(as, isFar);
    },
  });
}

/** Returns the median of at least one value. */
function median(values: SortedValues): number {
  const half = values.length >> 1;
  return values.length % 2 === 1 ? values.at(half) : mean(values.at(half - 1), values.at(half));
}

/**
 * Returns the median of the distances of values to their median.
 *
 * The nearest values to it lie side by side, so that a binary search for where they begin finds the greatest of them.
 */
function medianDistance(values: SortedValues, center: number): number {
  const { length } = values;
  const nearest = (length + 1) >> 1;
  let low = 0;
  let high = length - nearest;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (center - values.at(middle) > values.at(middle + nearest) - center) low = middle + 1;
    else high = middle;
  }
  const greatest = Math.max(center - values.at(low), values.at(low + nearest - 1) - center);
  if (length % 2 === 1) return greatest;
  const next = Math.min(
    low > 0 ? center - values.at(low - 1) : Infinity,
    low + nearest < length ? values.at(low + nearest) - center : Infinity,
  );
  return mean(greatest, next);
}

/** Returns the mean of two numbers, whose sum may overflow. */
function mean(a: number, b: number): number {
  const sum = a + b;
  return Number.isFinite(sum) ? sum / 2 : a / 2 + b / 2;
}
