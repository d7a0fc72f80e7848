import { placeText } from "../place.ts";
import type { TestVisits } from "../visits.ts";
import { type Finding, warningAt } from "./finding.ts";

/** Runs that do nothing: what was to stand there may have been forgotten. */
export function* checkNothing({ visits, place: whole }: TestVisits): Iterable<Finding> {
  for (const { run, kind, place } of visits) {
    const list = run.serial ?? run.parallel ?? run.schedule?.run;
    if (kind === undefined) {
      const what = place === whole ? "the test" : place.key === "child" ? "starts its node, which" : "an empty run";
      yield warningAt(place, "nothing", `${what} does nothing; add a run such as sleep: 1s`);
    } else if (list?.length === 0) {
      yield warningAt(place, "nothing", `the ${kind} at ${placeText(place)} is empty and does nothing`);
    }
  }
}
