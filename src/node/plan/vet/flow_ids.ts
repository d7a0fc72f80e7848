import { type Place, placeText } from "../place.ts";
import { needsOf, type TestVisits } from "../visits.ts";
import { errorAt, type Finding, type VetContext } from "./finding.ts";

/** Flows are told apart by their ids: what two of the same id measure would be mixed. */
export function* checkFlowIds({ visits }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const first = new Map<string, Place | undefined>();
  for (const { run, kind, place } of visits) {
    const { flow } = needsOf(run, kind, runners);
    if (flow === undefined) continue;
    if (!first.has(flow)) first.set(flow, place);
    else {
      yield errorAt(
        place,
        "same-flow-id",
        `${flow} is the id of the flow at ${placeText(first.get(flow))} too; give one of them another id`,
      );
    }
  }
}
