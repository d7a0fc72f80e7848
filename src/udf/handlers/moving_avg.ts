import type { Handler, Output } from "../handler.ts";
import type { InitRequest, Outcome } from "../messages.ts";
import type { Point } from "../point.ts";
import { type SavedWindow, Window } from "./window.ts";

/** Keeps one window within a memory that an option can ask for by mistake. */
const LARGEST_SIZE = 10_000_000n;

/**
 * Answers each point with the mean of a field over the last `size` points of its group.
 *
 * The point keeps its name, tags and time; its fields are replaced by the one double `as`. Points without the field,
 * or where it is no number, are dropped.
 */
export function createHandler(agent: Output): Handler {
  let field = "";
  let size = 0;
  let as = "avg";
  let windows = new Map<string, Window>();
  let dropped = 0;

  function init({ options }: InitRequest): Outcome {
    for (const { name, values: [value] } of options) {
      if (name === "field" && value?.type === "string") field = value.value;
      else if (name === "as" && value?.type === "string") as = value.value;
      else if (name === "size" && value?.type === "int") {
        if (value.value < 1n || value.value > LARGEST_SIZE) {
          return failure(`option size must be from 1 to ${LARGEST_SIZE}, got ${value.value}`);
        }
        size = Number(value.value);
      } else return failure(`option ${name} is unknown, or its value is not of the type that info declares`);
    }
    const missing = [field === "" && "field", size === 0 && "size", as === "" && "as"].filter(Boolean);
    if (missing.length > 0) return failure(`missing option: ${missing.join(", ")}`);
    return { success: true, error: "" };
  }

  function point(point: Point): Promise<void> | void {
    if (size === 0) throw new Error("a point came before a successful init");
    const value = point.field(field);
    if (typeof value !== "number" && typeof value !== "bigint") {
      if (dropped++ === 0) sayDropped(point);
      return;
    }
    let window = windows.get(point.group);
    if (window === undefined) windows.set(point.group, window = new Window(size));
    const mean = window.add(Number(value));
    point.setFields([[as, mean]]);
    return agent.point(point);
  }

  /** At the first one: a misspelled field should not show only when the task ends. */
  function sayDropped(point: Point): void {
    const fields = Array.from(point.fields(), ([name]) => name);
    const quoted = (name: string) => JSON.stringify(name);
    const reason = fields.includes(field)
      ? `a field ${quoted(field)} that is no number`
      : `no field ${quoted(field)}${fields.length > 0 ? `, only ${fields.map(quoted).join(", ")}` : ""}`;
    console.error(`moving-avg: a point of ${quoted(point.name)} has ${reason}; such points are dropped`);
  }

  function snapshot(): Uint8Array {
    const groups = Array.from(windows, ([group, window]): [string, SavedWindow] => [group, window.save()]);
    return new TextEncoder().encode(JSON.stringify({ field, size, groups }));
  }

  /** Takes the windows of other options, too: Kapacitor gives the last ones back after a task is defined anew. */
  function restore(snapshot: Uint8Array): Outcome {
    try {
      const saved = JSON.parse(new TextDecoder().decode(snapshot));
      const restored = new Map<string, Window>(
        saved.groups.map((
          [group, window]: [string, SavedWindow],
        ) => [String(group), Window.load(size, window, saved.size)]),
      );
      if (saved.field === undefined || saved.field === field) windows = restored;
      else console.error(`moving-avg: the snapshot is of the field ${JSON.stringify(saved.field)}: starting empty`);
      return { success: true, error: "" };
    } catch (error) {
      return failure(`this is no snapshot of a moving average: ${error instanceof Error ? error.message : error}`);
    }
  }

  return {
    info: () => ({
      wants: "stream",
      provides: "stream",
      options: { field: ["string"], size: ["int"], as: ["string"] },
    }),
    init,
    point,
    snapshot,
    restore,
    stop() {
      if (dropped > 0) console.error(`moving-avg: dropped ${dropped} points without a number in the field ${field}`);
    },
  };
}

function failure(error: string): Outcome {
  return { success: false, error };
}
