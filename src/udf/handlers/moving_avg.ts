import type { Handler, InitRequest, Outcome, Output, Point } from "../udf_types.ts";
import { NumberField } from "./number_field.ts";
import { readOptions } from "./options.ts";

const OPTIONS = { field: ["string"], size: ["int"], as: ["string"] } as const;

/** Keeps one window within a memory that an option can ask for by mistake. */
const MAX_SIZE = 10_000_000;

/**
 * Answers each point with the mean of a field over the last `size` points of its group.
 *
 * The point keeps its name, tags and time; its fields are replaced by the one double `as`. Points without the field,
 * or where it is no number, are dropped.
 */
export function createHandler(agent: Output): Handler {
  let field = new NumberField("moving-avg", "");
  let size = 0;
  let as = "";
  let windows = new Map<string, Window>();

  function init(request: InitRequest): Outcome {
    return readOptions(request, OPTIONS, (given) => {
      field = new NumberField("moving-avg", given.text("field"));
      size = given.integer("size", { min: 1, max: MAX_SIZE }) ?? 0;
      if (size === 0) given.missing.push("size");
      as = given.text("as", "avg");
    });
  }

  function point(point: Point): Promise<void> | void {
    if (size === 0) throw new Error("a point came before a successful init");
    const value = field.read(point);
    if (value === undefined) return;
    let window = windows.get(point.group);
    if (window === undefined) windows.set(point.group, window = new Window(size));
    const mean = window.add(value);
    point.setFields([[as, mean]]);
    return agent.point(point);
  }

  function snapshot(): Uint8Array {
    const groups = Array.from(windows, ([group, window]): [string, SavedCountWindow] => [group, window.save()]);
    return new TextEncoder().encode(JSON.stringify({ field: field.name, size, groups }));
  }

  /** Takes the windows of other options, too: Kapacitor gives the last ones back after a task is defined anew. */
  function restore(snapshot: Uint8Array): Outcome {
    try {
      const saved = JSON.parse(new TextDecoder().decode(snapshot));
      const restored = new Map<string, Window>(
        saved.groups.map((
          [group, window]: [string, SavedCountWindow],
        ) => [String(group), Window.load(size, window, saved.size)]),
      );
      if (saved.field === undefined || saved.field === field.name) windows = restored;
      else console.error(`moving-avg: the snapshot is of the field ${JSON.stringify(saved.field)}: starting empty`);
      return { success: true, error: "" };
    } catch (error) {
      return failure(`this is no snapshot of a moving average: ${error instanceof Error ? error.message : error}`);
    }
  }

  return {
    info: () => ({ wants: "stream", provides: "stream", options: OPTIONS }),
    init,
    point,
    snapshot,
    restore,
    stop: () => field.report(),
  };
}

function failure(error: string): Outcome {
  return { success: false, error };
}

/** A window as it is saved: numbers as text, since JSON has no NaN, no infinities and no -0. */
export interface SavedCountWindow {
  values: string[];
  next: number;
}

/**
 * The last values of a series and their mean, at a constant cost for each.
 *
 * Nothing is ever subtracted, so no rounding error builds up, and a NaN, an infinity or a huge value leaves no trace
 * once it has left. The window is a ring; once a turn, the sums from each place to its end are made, and with the sum
 * of what has come since the turn began they give the sum of the window.
 */
export class Window {
  readonly #size: number;
  #values: number[] = [];
  /** Where the oldest value is, once the window is full. */
  #next = 0;
  /** Of the values before `#next`, or of all as long as the window is not full. */
  #sum = 0;
  /** At index i the sum of the values from i to the end, for each i beyond `#next`. */
  #sumsToEnd: Float64Array | undefined;

  /** @param size how many values, at least 1 */
  constructor(size: number) {
    this.#size = size;
  }

  /**
   * A window as {@linkcode save} wrote it. One of another size keeps its last values, as many as fit.
   *
   * @param size of the new window
   * @param savedSize of the saved one
   * @throws {Error} if the bytes are no window
   */
  static load(size: number, { values, next }: SavedCountWindow, savedSize: number): Window {
    if (!Number.isInteger(savedSize) || savedSize < 1) throw new Error(`a window cannot be of the size ${savedSize}`);
    if (!Array.isArray(values) || values.length > savedSize) {
      throw new Error(`a window must hold at most ${savedSize} values`);
    }
    if (!Number.isInteger(next) || next < 0 || next > 0 && (next >= savedSize || values.length < savedSize)) {
      throw new Error(`the oldest value cannot be at ${next}`);
    }
    const window = new Window(size);
    window.#values = values.map(fromText);
    if (size === savedSize) window.#next = next;
    else window.#values = [...window.#values.slice(next), ...window.#values.slice(0, next)].slice(-size);
    const end = window.#values.length < size ? window.#values.length : window.#next;
    for (let i = 0; i < end; i++) window.#sum += window.#values[i];
    if (window.#next > 0) window.#sumToEnd(window.#next);
    return window;
  }

  save(): SavedCountWindow {
    return { values: this.#values.map(toText), next: this.#next };
  }

  /** Adds a value, lets the oldest go where the window is full, and returns the mean. */
  add(value: number): number {
    const values = this.#values;
    if (values.length < this.#size) {
      values.push(value);
      this.#sum += value;
      return this.#sum / values.length;
    }
    if (this.#next === 0) {
      this.#sum = 0;
      this.#sumToEnd(1);
    }
    values[this.#next++] = value;
    this.#sum += value;
    if (this.#next < this.#size) return (this.#sum + this.#sumsToEnd![this.#next]) / this.#size;
    this.#next = 0;
    return this.#sum / this.#size;
  }

  /** Makes the sums from each place to the end, down to this place. */
  #sumToEnd(first: number): void {
    const sums = this.#sumsToEnd ??= new Float64Array(this.#size);
    let sum = 0;
    for (let i = this.#size - 1; i >= first; i--) sums[i] = sum += this.#values[i];
  }
}

function toText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function fromText(text: unknown): number {
  if (typeof text === "string" && text.trim() !== "") {
    const value = Number(text);
    if (!Number.isNaN(value) || text === "NaN") return value;
  }
  throw new Error(`${JSON.stringify(text)} is no value of a window`);
}
