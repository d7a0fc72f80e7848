import { TineError } from "../../base/errors.ts";

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

/** At most so many problems are told. */
export const MOST_PROBLEMS = 20;

/** A plan that cannot be used, with everything that is wrong with it, up to {@link MOST_PROBLEMS}. */
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

/** A problem in one line: `plan.yaml: tests[0].timeout: expected ...`, `plan.yaml:3:7: ...`. */
export function problemText(source: string, { place, line, column, message }: Problem): string {
  const where = line === undefined ? source : `${source}:${line}:${column}`;
  return `${where}: ${place === "" ? "" : `${place}: `}${message}`;
}
