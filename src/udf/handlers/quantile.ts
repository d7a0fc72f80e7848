import type { Handler, Output } from "../udf_types.ts";
import { WINDOW_OPTIONS, windowLimits } from "./sliding_window.ts";
import type { SortedValues } from "./sorted_values.ts";
import { createWindowHandler } from "./window_handler.ts";

const OPTIONS = { field: ["string"], p: ["double"], ...WINDOW_OPTIONS, as: ["string"], groups: ["int"] } as const;

/**
 * Answers each point with a quantile of a field over the last points of its group: over the last `size` of them, over
 * those of the last `window`, or over what is in both.
 *
 * Between two values the quantile is interpolated linearly, as type 7 of Hyndman and Fan (1996), the default of R and
 * NumPy. The point keeps its name, tags and time; its fields are replaced by `as`. Dropped are points without a finite
 * number in the field, and those that come later than their window.
 */
export function createHandler(agent: Output): Handler {
  let p = NaN;
  return createWindowHandler(agent, {
    name: "quantile",
    types: OPTIONS,
    configure(given) {
      p = given.double("p", "from 0.0 to 1.0", (p) => p >= 0 && p <= 1) ?? NaN;
      if (Number.isNaN(p)) given.missing.push("p");
      return windowLimits("quantile", given);
    },
    answer(point, value, time, window, as) {
      window.add(value, time);
      point.setFields([[as, quantile(window.sorted, p)]]);
    },
  });
}

/** Returns the quantile of at least one value. */
function quantile(values: SortedValues, p: number): number {
  const place = p * (values.length - 1);
  const below = Math.floor(place);
  const share = place - below;
  const low = values.at(below);
  if (share === 0) return low;
  const high = values.at(below + 1);
  const difference = high - low;
  return Number.isFinite(difference) ? low + share * difference : low * (1 - share) + high * share;
}
