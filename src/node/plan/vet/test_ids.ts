import { at, placeText } from "../place.ts";
import type { Plan } from "../types.ts";
import { sortedJson } from "../visits.ts";
import { errorAt, type Finding } from "./finding.ts";

/** Tests are told apart by their ids, also in the folder of results. */
export function* checkTestIds({ tests }: Plan): Iterable<Finding> {
  const first = new Map<string, number>();
  for (const [i, { id }] of tests.entries()) {
    const text = sortedJson(id);
    const before = first.get(text);
    if (before === undefined) {
      first.set(text, i);
      continue;
    }
    const shown = Object.entries(id).map(([name, value]) => `${name}=${value}`).join(", ");
    const other = placeText(at(undefined, "tests", before));
    yield errorAt(
      at(undefined, "tests", i, "id"),
      "same-test-id",
      `${shown} is the id of ${other} too; add a name and value that tell them apart`,
    );
  }
}
