import { formatCount } from "../../base/units.ts";
import type { Handler, InitRequest, Outcome, Output, Point } from "../udf_types.ts";
import { Groups } from "./groups.ts";
import { NumberField } from "./number_field.ts";
import { type GivenOptions, type OptionTypes, readOptions } from "./options.ts";
import { type SavedWindow, SlidingWindow, type WindowLimits } from "./sliding_window.ts";

/** What a handler of windows does with them. */
export interface WindowHandlerOptions {
  /** Its name, for messages; also that of what it answers, where the option `as` gives no other. */
  readonly name: string;
  /** The types of all of its options; `field`, `as` and `groups` are among them. */
  readonly types: OptionTypes;
  /** Takes over its own options; returns what windows hold. */
  configure(given: GivenOptions): WindowLimits;
  /**
   * Answers a point by changing its fields, and adds its value to the window.
   *
   * @param window of its group, without what is too old by the time of the point
   * @param as the name of the answer
   */
  answer(point: Point, value: number, time: bigint, window: SlidingWindow, as: string): void;
}

/**
 * Makes a handler that answers each point from a window over the values of a field in its group. Dropped are points
 * without a finite number in the field, and those that come later than their window.
 */
export function createWindowHandler(agent: Output, options: WindowHandlerOptions): Handler {
  const { name, types } = options;
  let ready = false;
  let field = new NumberField(name, "");
  let as = "";
  let limits: WindowLimits;
  const groups = new Groups(name, () => new SlidingWindow(limits));
  let late = 0;

  function init(request: InitRequest): Outcome {
    const outcome = readOptions(request, types, (given) => {
      field = new NumberField(name, given.text("field"));
      limits = options.configure(given);
      as = given.text("as", name);
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
    options.answer(point, value, time, window, as);
    return agent.point(point);
  }

  return {
    info: () => ({ wants: "stream", provides: "stream", options: types }),
    init,
    point,
    snapshot: () => groups.snapshot({ field: field.name }, (window) => window.save()),
    restore: (snapshot) =>
      groups.restore(snapshot, { field: field.name }, (saved: SavedWindow) => SlidingWindow.load(limits, saved)),
    stop() {
      field.report();
      if (late > 0) console.error(`${name}: dropped ${formatCount(late, "point")} that came later than their window`);
      groups.report();
    },
  };
}
