import type { CaseFile, Expectation } from "./case_file.ts";
import type { CasePath } from "./document.ts";
import { outputText } from "./points.ts";
import type { CaseResult } from "./run_case.ts";

/** A part of a text that is replaced. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/**
 * Writes what came into a file of cases, in place of points that were expected and did not come, and where nothing was
 * expected. All else stays as it is: comments, order, layout. Properties and errors that are expected stay too.
 *
 * @param results what came of cases of the file, by their names
 * @returns the new text, and the names of cases that were changed
 */
export function updateCases(
  { text, cases, document }: CaseFile,
  results: ReadonlyMap<string, CaseResult>,
): { text: string; updated: string[] } {
  const edits: Edit[] = [];
  const updated: string[] = [];
  for (const [index, { name, steps, precision }] of cases.entries()) {
    const result = results.get(name);
    if (result?.status !== "fail") continue;
    const isListed = document.find(["cases", index, "steps"]) !== undefined;
    let changes = 0;
    for (const [i, { expect }] of steps.entries()) {
      const output = result.outputs[i];
      if (output === undefined || !isReplaceable(expect)) continue;
      const path: CasePath = isListed ? ["cases", index, "steps", i] : ["cases", index];
      const place = expect !== undefined && document.find([...path, "expect", "points"]) !== undefined
        ? { path: [...path, "expect"], key: "points" }
        : { path, key: "expect" };
      const edit = document.edit(place.path, place.key, outputText(output, precision));
      if (edit === undefined) continue;
      edits.push(edit);
      changes++;
    }
    if (changes > 0) updated.push(name);
  }
  edits.sort((a, b) => b.from - a.from);
  const changed = edits.reduce((text, { from, to, text: part }) => text.slice(0, from) + part + text.slice(to), text);
  return { text: changed, updated };
}

/** Points that stand in the file are replaced, and nothing by points; what an author wrote by hand stays. */
function isReplaceable(expect: Expectation | undefined): boolean {
  return expect === undefined || expect.points !== undefined && "items" in expect.points;
}
