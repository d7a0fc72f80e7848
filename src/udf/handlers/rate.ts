import { formatCount } from "../../base/units.ts";
import type { Handler, InitRequest, Outcome, Output, Point } from "../udf_types.ts";
import { Groups } from "./groups.ts";
import { NumberField } from "./number_field.ts";
import { readOptions } from "./options.ts";

const OPTIONS = { field: ["string"], of: ["string"], unit: ["duration"], as: ["string"], groups: ["int"] } as const;

/** What is kept of a group. */
interface State {
  /** The newest value; undefined before the first one. */
  value: number | bigint | undefined;
  /** Time of the newest point, ns since the epoch. */
  time: bigint;
  /** What the value has changed since the first point of that time. */
  change: number;
}

/**
 * Answers each point with the change of a field since the point before it in its group, per second or other `unit`.
 *
 * Of a `counter`, the default, a value below the one before means that it began again from zero, as after a restart: the
 * change is the new value. Of a `gauge` the change is what it is, up or down. Points of the same time have no rate; what
 * they change counts in the next one. So the first point of a group gets no answer, nor does one at the time of the one
 * before.
 *
 * The point keeps its name, tags and time; its fields are replaced by `as`. Dropped are points without a finite number in
 * the field, counters below zero, and points that are older than one before.
 */
export function createHandler(agent: Output): Handler {
  let ready = false;
  let field = new NumberField("rate", "");
  let of: "counter" | "gauge" = "counter";
  let unitNs = 0;
  let as = "";
  const groups = new Groups("rate", (): State => ({ value: undefined, time: 0n, change: 0 }));
  let late = 0;

  function init(request: InitRequest): Outcome {
    const outcome = readOptions(request, OPTIONS, (given) => {
      field = new NumberField("rate", given.text("field"));
      of = given.word("of", ["counter", "gauge"], "counter");
      unitNs = Number(given.duration("unit", 1n) ?? 1_000_000_000n);
      as = given.text("as", "rate");
      groups.configure(given);
    });
    ready = outcome.success;
    return outcome;
  }

  function point(point: Point): Promise<void> | void {
    if (!ready) throw new Error("a point came before a successful init");
    const value = field.readExact(point, of === "counter" ? 0 : -Infinity);
    if (value === undefined) return;
    const state = groups.of(point.group);
    const before = state.value;
    const elapsed = before === undefined ? 0 : Number(point.time - state.time);
    if (elapsed < 0) {
      late++;
      return;
    }
    const change = before === undefined ? 0 : state.change + changeOf(before, value);
    state.value = value;
    state.time = point.time;
    state.change = elapsed > 0 ? 0 : change;
    if (elapsed === 0) return;
    point.setFields([[as, change / (elapsed / unitNs)]]);
    return agent.point(point);
  }

  function changeOf(before: number | bigint, value: number | bigint): number {
    if (of === "counter" && value < before) return Number(value);
    // Counters of bytes exceed what a double holds exactly; their differences do not.
    if (typeof before === "bigint" && typeof value === "bigint") return Number(value - before);
    return Number(value) - Number(before);
  }

  const kind = () => ({ field: field.name, of });

  return {
    info: () => ({ wants: "stream", provides: "stream", options: OPTIONS }),
    init,
    point,
    snapshot: () =>
      groups.snapshot(kind(), ({ value, time, change }): SavedState => ({
        value: typeof value === "bigint" ? String(value) : value,
        time: String(time),
        change,
      })),
    restore: (snapshot) =>
      groups.restore(snapshot, kind(), ({ value, time, change }: SavedState): State => {
        if (!Number.isFinite(change)) throw new Error("a change must be a number");
        return { value: typeof value === "string" ? BigInt(value) : value, time: BigInt(time), change };
      }),
    stop() {
      field.report();
      if (late > 0) console.error(`rate: dropped ${formatCount(late, "point")} older than one before`);
      groups.report();
    },
  };
}

/** What is saved of a group: integers as text. */
interface SavedState {
  value: number | string | undefined;
  time: string;
  change: number;
}
