import { TineError } from "../../base/errors.ts";

/** A place in a plan: the last key, and the place above it. */
export interface Place {
  readonly above: Place | undefined;
  readonly key: string | number;
}

/** Returns a place below another one; undefined is the whole plan. */
export function at(above: Place | undefined, ...keys: readonly (string | number)[]): Place | undefined {
  return keys.reduce<Place | undefined>((above, key) => ({ above, key }), above);
}

/**
 * Writes a place as a path: `tests[0].serial[2].child.node`.
 *
 * @example
 * ```ts
 * import { at, placeText } from "./place.ts";
 * console.assert(placeText(at(undefined, "tests", 0, "id")) === "tests[0].id");
 * ```
 */
export function placeText(place: Place | undefined): string {
  const parts: string[] = [];
  for (; place !== undefined; place = place.above) {
    if (typeof place.key === "number") parts.push(`[${place.key}]`);
    else if (/^[A-Za-z_]\w*$/.test(place.key)) parts.push(`${place.above ? "." : ""}${place.key}`);
    else parts.push(`[${JSON.stringify(place.key.length > 40 ? place.key.slice(0, 40) + "..." : place.key)}]`);
  }
  return parts.reverse().join("");
}

/**
 * Returns where a test stands in its plan as it was written.
 *
 * @param index of the test among those that run
 */
export function placeOf<T>(plan: { readonly written?: ReadonlyMap<T, Place> }, test: T, index: number): Place {
  return plan.written?.get(test) ?? at(undefined, "tests", index)!;
}

/** One thing that is wrong with a plan. */
export interface Problem {
  /** Where, as in `tests[0].serial[2]`; empty where it is the text that is wrong, or the plan as a whole. */
  readonly place: string;
  /** Where in the text, from 1, for errors of syntax. */
  readonly line?: number;
  readonly column?: number;
  /** What: the value, what was expected, the remedy. */
  readonly message: string;
}

/** The most problems that an error reports. */
export const MAX_PROBLEMS = 20;

/** A plan that cannot be used, with everything that is wrong with it, up to {@link MAX_PROBLEMS}. */
export class PlanError extends TineError {
  override name = "PlanError";

  /**
   * @param source the file's name, or where else the plan came from
   * @param problems at least one
   * @param more how many there are beyond those
   */
  constructor(
    readonly source: string,
    readonly problems: readonly Problem[],
    readonly more = 0,
    options?: ErrorOptions,
  ) {
    const rest = problems.length - 1 + more;
    super("bad-plan", problemText(source, problems[0]) + (rest > 0 ? ` (and ${rest} more)` : ""), options);
  }
}

/** Writes a problem in one line: `plan.yaml: tests[0].timeout: expected ...`, `plan.yaml:3:7: ...`. */
export function problemText(source: string, { place, line, column, message }: Problem): string {
  const where = line === undefined ? source : `${source}:${line}:${column}`;
  return `${where}: ${place === "" ? "" : `${place}: `}${message}`;
}
