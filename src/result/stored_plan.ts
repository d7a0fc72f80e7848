import { TineError, whyNotRead } from "../base/errors.ts";
import { list, map, number, object, optional, passes, text, type Validator } from "../base/shape.ts";
import type { Plan, Test } from "../node/plan/types.ts";
import { testIdText } from "./names.ts";
import { readJsonText } from "./regular_file.ts";
import { PLAN_FILE } from "./summary.ts";

/**
 * Reads the plan of a run as it ran, `plan.json`; without tests where it is not there.
 *
 * @param run folder of the run
 * @throws {TineError} `bad-results`, if it is damaged; `cannot-read`
 */
export async function readStoredPlan(run: string): Promise<Plan> {
  const path = `${run}/${PLAN_FILE}`;
  let plan: unknown;
  try {
    plan = JSON.parse(await readJsonText(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { tests: [] };
    if (error instanceof TineError) throw error;
    if (!(error instanceof SyntaxError)) {
      throw new TineError("cannot-read", `cannot read ${path}: ${whyNotRead(error)}`, { cause: error });
    }
  }
  if (!passes(STORED, plan) || hasNull(plan)) {
    throw new TineError("bad-results", `${path} is damaged: it is not what tine writes there`);
  }
  // What the runs of its tests are made of is not looked at here.
  const stored: object = { gates: [], ...plan, tests: plan.tests ?? [] };
  return stored as Plan;
}

/**
 * Returns the tests of a run as its plan has them; an empty list where that cannot be read, which is no obstacle to a look
 * at what was measured.
 *
 * @param run folder of the run
 */
export async function findStoredTests(run: string): Promise<readonly Test[]> {
  try {
    return (await readStoredPlan(run)).tests;
  } catch (error) {
    if (error instanceof TineError) return [];
    throw error;
  }
}

/**
 * Returns a test as the plan of its run has it; undefined where the plan does not have it, or cannot be read.
 *
 * @param folder of the test, in the folder of its run and no link to it
 * @param id of the test
 */
export async function findStoredTest(folder: string, id: Readonly<Record<string, string>>): Promise<Test | undefined> {
  const tests = await findStoredTests(folder.slice(0, folder.lastIndexOf("/")));
  return tests.find((test) => testIdText(test.id) === testIdText(id));
}

/** What is read of a plan here. Its runs are checked by their runners alone. */
interface StoredPlan {
  gates?: string[];
  tests?: StoredTest[];
}

interface StoredTest {
  id: Record<string, string>;
  gates?: string[];
  udfs?: { name: string; table: string; alert?: { field: string; above?: number; below?: number } }[];
}

const GATES = optional(list(text));
const ALERT = object({ field: text, above: optional(number), below: optional(number) });
const STORED: Validator<StoredPlan> = object<StoredPlan>({
  gates: GATES,
  tests: optional(list(object<StoredTest>({
    id: map(text),
    gates: GATES,
    udfs: optional(list(object({ name: text, table: text, alert: optional(ALERT) }))),
  }))),
});

/** Whether there is a null in it: a validated plan has none. */
function hasNull(value: unknown): boolean {
  return value === null || typeof value === "object" && Object.values(value).some(hasNull);
}
