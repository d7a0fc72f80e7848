import { sortedJson } from "../../node/plan/visits.ts";
import { withoutRepeat } from "../compare/samples.ts";
import { openResults, testsOf } from "../open_results.ts";
import type { TestSummary, UdfAlert } from "../summary.ts";
import type { GateStatus, GateVerdict } from "./evaluate.ts";

/**
 * Returns the verdicts of alerts of UDFs, which are gates too: each is to be met by no point, in all repeats of the test.
 *
 * @param path as `tine results` takes it
 * @param wanted whether a test of an id is wanted; all are by default
 * @throws {TineError} what opening results throws
 */
export async function readAlerts(
  path: string,
  wanted: (id: Readonly<Record<string, string>>) => boolean = () => true,
): Promise<GateVerdict[]> {
  const found = new Map<string, Alert>();
  for await (const { id, udfs = [] } of summariesIn(path)) {
    if (!wanted(id)) continue;
    const test = withoutRepeat(id);
    for (const { name, alert } of udfs) {
      if (alert === undefined) continue;
      const key = sortedJson([test, name, alert.condition]);
      const before = found.get(key);
      if (before === undefined) found.set(key, { test, name, repeats: [alert] });
      else before.repeats.push(alert);
    }
  }
  return found.values().map(verdictOf).toArray();
}

interface Alert {
  readonly test: Readonly<Record<string, string>>;
  /** Of the UDF. */
  readonly name: string;
  readonly repeats: UdfAlert[];
}

async function* summariesIn(path: string): AsyncGenerator<TestSummary, void, void> {
  const results = await openResults(path);
  if (results.kind === "test") return yield results.summary;
  for (const run of results.kind === "run" ? [results] : results.runs) {
    for await (const { summary } of testsOf(run)) yield summary;
  }
}

function verdictOf({ test, name, repeats }: Alert): GateVerdict {
  const [{ condition }] = repeats;
  const failed = repeats.filter(({ verdict }) => verdict === "failed");
  const without = repeats.filter(({ verdict }) => verdict === "no-data");
  const status: GateStatus = failed.length > 0 ? "fail" : without.length > 0 ? "no data" : "pass";
  const those = status === "fail" ? failed : status === "no data" ? without : repeats;
  const where = repeats.length === 1 ? "" : `, in ${those.length} of ${repeats.length} repeats`;
  const message = status === "pass"
    ? `udf.${name}: no point was ${condition}`
    : status === "no data"
    ? `udf.${name}: no point has the field`
    : `udf.${name}: ${points(failed)}`;
  const common = { gate: `no alert of udf.${name}: ${condition}`, test, figure: `udf.${name}`, unit: "", status };
  return { ...common, message: message + where, flows: [] };
}

function points(failed: readonly UdfAlert[]): string {
  const sum = failed.reduce((sum, { points }) => sum + points, 0);
  const [{ first }] = failed;
  const text = sum === 1 ? "1 point met it" : `${sum} points met it`;
  return first === undefined ? text : `${text}, first ${first.value}${first.group === "" ? "" : ` of ${first.group}`}`;
}
