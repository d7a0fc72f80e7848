import { readJsonText } from "../regular_file.ts";
import { sortedJson } from "../../node/plan/visits.ts";
import { withoutRepeat } from "../compare/samples.ts";
import { exactly, list, map, number, oneOf, optional, passes, text } from "../../base/shape.ts";
import { type Owner, replaceJson } from "../owner.ts";
import { openResults, testsOf } from "../open_results.ts";
import { GATES_FILE } from "../summary.ts";
import type { FlowVerdict, GateVerdict } from "./evaluate.ts";

const VERSION = 1;

/**
 * Stores verdicts of gates beside the results of their tests, all repeats included. Where a folder cannot be written, no
 * verdict is stored: it can be made anew.
 *
 * @param run the folder of the run
 */
export async function storeVerdicts(run: string, verdicts: readonly GateVerdict[], owner?: Owner): Promise<void> {
  const results = await openResults(run);
  if (results.kind !== "run" || verdicts.length === 0) return;
  for await (const { path, summary: { id } } of testsOf(results)) {
    const key = sortedJson(withoutRepeat(id));
    const own = verdicts.filter(({ test }) => test === undefined || sortedJson(test) === key);
    if (own.length > 0) await replaceJson(`${path}/${GATES_FILE}`, { version: VERSION, verdicts: own }, owner);
  }
}

/**
 * Reads the verdicts of a test's gates; an empty list where nothing is stored that can be read.
 *
 * @param folder of the test
 */
export async function readVerdicts(folder: string): Promise<readonly GateVerdict[]> {
  let stored: { readonly version?: unknown; readonly verdicts?: unknown } | null;
  try {
    stored = JSON.parse(await readJsonText(`${folder}/${GATES_FILE}`));
  } catch {
    return []; // no gate was evaluated, or tine gate does it again
  }
  const { version, verdicts } = stored ?? {};
  return version === VERSION && passes(VERDICTS, verdicts) ? verdicts : [];
}

const status = oneOf("pass", "fail", "undecided", "no data");
const VERDICTS = list(exactly<GateVerdict>({
  gate: text,
  test: optional(map(text)),
  figure: text,
  unit: text,
  status,
  message: text,
  flows: list(
    exactly<FlowVerdict>({
      flow: text,
      status,
      value: optional(number),
      limit: optional(number),
      repeats: number,
      message: text,
    }),
  ),
}));
