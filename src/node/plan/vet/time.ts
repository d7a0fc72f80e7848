import { formatDuration } from "../duration.ts";
import type { Place } from "../place.ts";
import type { Run, Schedule } from "../types.ts";
import { innerRuns, kindOf, needsOf, type TestVisits } from "../visits.ts";
import { errorAt, type Finding, type VetContext, warningAt } from "./finding.ts";

/** Runs that start only after the test is canceled, and tests that are canceled in any case. */
export function* checkTime({ test, place }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const { timeout } = test;
  if (timeout === 0) return;
  let late: { place: Place; start: number } | undefined;

  /** When a run ends at the earliest. */
  const end = (run: Run, place: Place, start: number): number => {
    if (start >= timeout) {
      late ??= { place, start };
      return start;
    }
    if (run.child !== undefined) return end(run.child, { above: place, key: "child" }, start);
    let last = start + (needsOf(run, kindOf(run), runners).atLeast ?? 0);
    let next = start;
    let i = 0;
    for (const [inner, innerPlace] of innerRuns({ run, place })) {
      if (run.schedule !== undefined) next += waitBefore(run.schedule, i++);
      const ended = end(inner, innerPlace, next);
      last = Math.max(last, ended);
      if (run.serial !== undefined || run.schedule?.sequential) next = ended;
    }
    return last;
  };
  const ended = end(test, place, 0);
  const limit = `the test is canceled after ${formatDuration(timeout)}`;
  if (late !== undefined) {
    const message = `can never run: what comes before takes ${formatDuration(late.start)} or longer, and ${limit}; ` +
      "set a longer timeout, 0 for none";
    yield errorAt(late.place, "never-runs", message);
  } else if (ended > timeout) {
    const message = `takes ${formatDuration(ended)} or longer, and ${limit}; set a longer timeout, 0 for none`;
    yield warningAt(place, "too-long", message);
  }
}

/** The least that a schedule waits before its run of this number. */
function waitBefore({ wait = [], waitFirst, random }: Schedule, i: number): number {
  if (wait.length === 0 || (i === 0 && !waitFirst)) return 0;
  return random ? Math.min(...wait) : wait[(waitFirst ? i : i - 1) % wait.length];
}
