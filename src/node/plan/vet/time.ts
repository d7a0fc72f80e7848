import { formatDuration } from "../../../base/duration.ts";
import { leastTime } from "../least_time.ts";
import type { Place } from "../place.ts";
import type { TestVisits } from "../visits.ts";
import { errorAt, type Finding, type VetContext, warningAt } from "./finding.ts";

/** Runs that start only after the test is canceled, and tests that are canceled in any case. */
export function* checkTime({ test, place }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const { timeout } = test;
  if (timeout === 0) return;
  let late: { place: Place; start: number } | undefined;
  const ended = leastTime(test, runners, place, (place, start) => {
    if (start < timeout) return true;
    late ??= { place, start };
    return false;
  });
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
