import type { Handler, InitRequest, Outcome, Output, Point } from "../udf_types.ts";
import { Groups } from "./groups.ts";
import { NumberField } from "./number_field.ts";
import { readOptions } from "./options.ts";

const OPTIONS = {
  field: ["string"],
  alpha: ["double"],
  halfLife: ["duration"],
  as: ["string"],
  deviation: ["string"],
  groups: ["int"],
} as const;

/** What is kept of a group. */
interface State {
  mean: number;
  /** Mean deviation of the values from the mean. */
  deviation: number;
  /** Weight of all values so far, at the time of the newest; with a half-life. */
  weight: number;
  /** Time of the newest point, ns since the epoch. */
  time: bigint;
}

/**
 * Answers each point with the exponentially weighted moving average of a field in its group.
 *
 * With `alpha` a new value moves the average by that share of their difference, whatever the times are; the first value
 * is the average. `deviation` adds the mean deviation, smoothed with twice that share, so that `alpha` 0.125 gives SRTT
 * and RTTVAR of RFC 6298, section 2. With `halfLife` the average is the mean of all values, each of half the weight once
 * it is a half-life older: points may be far apart, at the same time, or late.
 *
 * The point keeps its name, tags and time; its fields are replaced by `as` and `deviation`. Points without a finite
 * number in the field are dropped.
 */
export function createHandler(agent: Output): Handler {
  let ready = false;
  let field = new NumberField("ewma", "");
  let alpha: number | undefined;
  let halfLifeNs = 0;
  let as = "";
  let deviationAs = "";
  const groups = new Groups("ewma", (): State => ({ mean: NaN, deviation: 0, weight: 0, time: 0n }));

  function init(request: InitRequest): Outcome {
    const outcome = readOptions(request, OPTIONS, (given) => {
      field = new NumberField("ewma", given.text("field"));
      alpha = given.double("alpha", "above 0.0 and at most 1.0", (alpha) => alpha > 0 && alpha <= 1);
      const halfLife = given.duration("halfLife", 1n);
      if (alpha === undefined && halfLife === undefined) given.missing.push("alpha or halfLife");
      if (alpha !== undefined && halfLife !== undefined) given.refuse("options alpha and halfLife exclude each other");
      halfLifeNs = Number(halfLife ?? 0n);
      as = given.text("as", "ewma");
      deviationAs = given.has("deviation") ? given.text("deviation") : "";
      if (deviationAs !== "" && alpha === undefined) given.refuse("option deviation goes with alpha");
      if (deviationAs === as) given.refuse(`options as and deviation are both ${JSON.stringify(as)}`);
      groups.configure(given);
    });
    ready = outcome.success;
    return outcome;
  }

  function point(point: Point): Promise<void> | void {
    if (!ready) throw new Error("a point came before a successful init");
    const value = field.readFinite(point);
    if (value === undefined) return;
    const state = groups.of(point.group);
    if (Number.isNaN(state.mean)) {
      state.mean = value;
      state.deviation = Math.abs(value) / 2;
      state.weight = 1;
      if (alpha === undefined) state.time = point.time;
    } else if (alpha !== undefined) {
      const beta = Math.min(1, 2 * alpha);
      state.deviation = between(state.deviation, Math.abs(state.mean - value), beta);
      state.mean = between(state.mean, value, alpha);
    } else {
      const halfLives = Number(point.time - state.time) / halfLifeNs;
      let weight = 1;
      if (halfLives >= 0) {
        state.weight *= 2 ** -halfLives;
        state.time = point.time;
      } else weight = 2 ** halfLives;
      state.weight += weight;
      state.mean = between(state.mean, value, weight / state.weight);
    }
    point.setFields(deviationAs === "" ? [[as, state.mean]] : [[as, state.mean], [deviationAs, state.deviation]]);
    return agent.point(point);
  }

  /** What a snapshot is of: an average by time and one by points have nothing in common. */
  const kind = () => ({ field: field.name, by: alpha === undefined ? "time" : "points" });

  return {
    info: () => ({ wants: "stream", provides: "stream", options: OPTIONS }),
    init,
    point,
    snapshot: () => groups.snapshot(kind(), (state) => ({ ...state, time: String(state.time) })),
    restore: (snapshot) =>
      groups.restore(snapshot, kind(), ({ mean, deviation, weight, time }: State) => {
        if (![mean, deviation, weight].every(Number.isFinite)) throw new Error("a mean must be a number");
        return { mean, deviation, weight, time: BigInt(time) };
      }),
    stop() {
      field.report();
      groups.report();
    },
  };
}

/** Returns the point at this share of the way from one number to another, whose difference may overflow. */
function between(from: number, to: number, share: number): number {
  const difference = to - from;
  return Number.isFinite(difference) ? from + share * difference : from * (1 - share) + to * share;
}
