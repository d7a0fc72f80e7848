import { sortedJson } from "../../node/plan/visits.ts";
import { alertOutcome, conditionText } from "../alert.ts";
import { withoutRepeat } from "../compare/samples.ts";
import { openResults, testsOf } from "../open_results.ts";
import { readStoredPlan } from "../stored_plan.ts";
import type { TestSummary, UdfAlert, UdfSummary } from "../summary.ts";
import type { GateStatus, GateVerdict } from "./evaluate.ts";

/**
 * Returns the verdicts of alerts of UDFs, which are gates too: each is to be met by no point, in all repeats of the test.
 * One that the plan has, and the results of its test have not, is without data.
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
  for await (const { summary, conditions } of testsIn(path)) {
    if (!wanted(summary.id)) continue;
    const test = withoutRepeat(summary.id);
    const add = (name: string, condition: string, repeat: Repeat) => {
      const key = sortedJson([test, name, condition]);
      const before = found.get(key);
      if (before === undefined) found.set(key, { test, name, condition, repeats: [repeat] });
      else before.repeats.push(repeat);
    };
    const missing = new Map(conditions);
    for (const udf of summary.udfs ?? []) {
      if (udf.alert === undefined) continue;
      missing.delete(udf.name);
      add(udf.name, udf.alert.condition, repeatOf(udf.alert, udf, summary));
    }
    for (const [name, condition] of missing) {
      add(name, condition, { status: "no data", why: "the test was cut off before it was decided" });
    }
  }
  return found.values().map(verdictOf).toArray();
}

/** The alert of a UDF in one repeat of a test. */
interface Repeat {
  readonly status: GateStatus;
  /** Why it is neither a pass nor a fail. */
  readonly why?: string;
  /** What the UDF found; left out where the results do not have it. */
  readonly alert?: UdfAlert;
}

interface Alert {
  readonly test: Readonly<Record<string, string>>;
  /** Of the UDF. */
  readonly name: string;
  readonly condition: string;
  readonly repeats: Repeat[];
}

function repeatOf(alert: UdfAlert, udf: UdfSummary, { status }: TestSummary): Repeat {
  const outcome = alertOutcome(alert, udf);
  if (outcome.status === "fail" || status === "ok") return { ...outcome, alert };
  return { status: "no data", why: outcome.why ?? "the test has not succeeded", alert };
}

/** The tests of results, each with the alerts of its plan: their conditions by the names of UDFs. */
async function* testsIn(
  path: string,
): AsyncGenerator<{ summary: TestSummary; conditions: ReadonlyMap<string, string> }, void, void> {
  const results = await openResults(path);
  if (results.kind === "test") {
    const folder = await Deno.realPath(results.path);
    const planned = await conditionsIn(folder.slice(0, folder.lastIndexOf("/")));
    return yield { summary: results.summary, conditions: planned(results.summary.id) };
  }
  for (const run of results.kind === "run" ? [results] : results.runs) {
    const planned = await conditionsIn(run.path);
    for await (const { summary } of testsOf(run)) yield { summary, conditions: planned(summary.id) };
  }
}

async function conditionsIn(run: string): Promise<(id: TestSummary["id"]) => ReadonlyMap<string, string>> {
  const byTest = new Map<string, Map<string, string>>();
  for (const { id, udfs = [] } of (await readStoredPlan(run)).tests) {
    const conditions = udfs.flatMap(({ name, alert }) =>
      alert === undefined ? [] : [[name, conditionText(alert)]] as const
    );
    byTest.set(sortedJson(id), new Map(conditions));
  }
  return (id) => byTest.get(sortedJson(id)) ?? new Map();
}

function verdictOf({ test, name, condition, repeats }: Alert): GateVerdict {
  const status = ORDER.find((status) => repeats.some((repeat) => repeat.status === status))!;
  const those = repeats.filter((repeat) => repeat.status === status);
  const where = repeats.length === 1 ? "" : `, in ${those.length} of ${repeats.length} repeats`;
  const message = status === "pass" ? `no point was ${condition}` : status === "fail" ? points(those) : those[0].why;
  const common = { gate: `no alert of udf.${name}: ${condition}`, test, figure: `udf.${name}`, unit: "", status };
  return { ...common, message: `udf.${name}: ${message}${where}`, flows: [] };
}

/** The worst first. */
const ORDER: readonly GateStatus[] = ["fail", "no data", "undecided", "pass"];

function points(failed: readonly Repeat[]): string {
  const sum = failed.reduce((sum, { alert }) => sum + (alert?.points ?? 0), 0);
  const first = failed[0].alert?.first;
  const text = sum === 1 ? "1 point met it" : `${sum} points met it`;
  return first === undefined ? text : `${text}, first ${first.value}${first.group === "" ? "" : ` of ${first.group}`}`;
}
