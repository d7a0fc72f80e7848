import type { Handler, InitRequest, Outcome, Output, Point } from "../udf_types.ts";
import { Groups } from "./groups.ts";
import { NumberField } from "./number_field.ts";
import { readOptions } from "./options.ts";
import { type SavedWindow, SlidingWindow, WINDOW_OPTIONS, type WindowLimits, windowLimits } from "./sliding_window.ts";
import type { SortedValues } from "./sorted_values.ts";

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
  let ready = false;
  let field = new NumberField("quantile", "");
  let p = NaN;
  let as = "";
  let limits: WindowLimits;
  const groups = new Groups("quantile", () => new SlidingWindow(limits));
  let late = 0;

  function init(request: InitRequest): Outcome {
    const outcome = readOptions(request, OPTIONS, (given) => {
      field = new NumberField("quantile", given.text("field"));
      p = given.double("p", "from 0.0 to 1.0", (p) => p >= 0 && p <= 1) ?? NaN;
      if (Number.isNaN(p)) given.missing.push("p");
      limits = windowLimits("quantile", given);
      as = given.text("as", "quantile");
      groups.configure(given);
    });
    ready = outcome.success;
    return outcome;
  }

  function point(point: Point): Promise<void> | void {
    if (!ready) throw new Error("a point came before a successful init");
    const value = field.readFinite(point);
    if (value === undefined) return;
    const window = groups.of(point.group);
    const time = limits.spanNs === undefined ? 0n : point.time;
    if (!window.advance(time)) {
      late++;
      return;
    }
    window.add(value, time);
    point.setFields([[as, quantile(window.sorted, p)]]);
    return agent.point(point);
  }

  return {
    info: () => ({ wants: "stream", provides: "stream", options: OPTIONS }),
    init,
    point,
    snapshot: () => groups.snapshot({ field: field.name }, (window) => window.save()),
    restore: (snapshot) =>
      groups.restore(snapshot, { field: field.name }, (saved: SavedWindow) => SlidingWindow.load(limits, saved)),
    stop() {
      field.report();
      if (late > 0) console.error(`quantile: dropped ${late} points that came later than their window`);
      groups.report();
    },
  };
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
