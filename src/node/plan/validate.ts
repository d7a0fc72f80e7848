import type { ZodError } from "zod";
import { runners as allRunners } from "../runners.ts";
import { at, MAX_PROBLEMS, placeText, PlanError, type Problem } from "./place.ts";
import { SCHEMA_CONTEXT } from "../../base/schema.ts";
import { checkStructure } from "./structure.ts";
import type { Runner } from "../runner.ts";
import { expandMatrices, expandRepeats, type RepeatedTest } from "./expand.ts";
import { planSchemas, planSchemasWith, variationSchema } from "./schema.ts";
import type { Plan, Run, RunInput, Test } from "./types.ts";

/** The most runs of a plan. */
export const MAX_RUNS = 1_000_000;

/** How a plan is validated. */
export interface ValidatePlanOptions {
  /** The schema of plans; that with the runners of tine by default. */
  readonly schema?: typeof planSchemas.plan;
  /** How often each test runs, whatever the plan says. */
  readonly repeat?: number;
}

/**
 * Validates and decodes a plan, and makes the tests of its matrices and repeats.
 *
 * @param value the plan as it was parsed
 * @param source what to call it in messages, such as its file's name
 * @throws {PlanError} with everything that is wrong, up to 20 problems
 *
 * @example
 * ```ts
 * import { validatePlan } from "./validate.ts";
 * const { tests } = validatePlan({ tests: [{ id: { name: "hello" }, sleep: "1s" }] });
 * console.assert(tests[0].sleep === 1000 && tests[0].timeout === 660_000);
 * ```
 */
export function validatePlan(
  value: unknown,
  source = "plan",
  { schema = planSchemas.plan, repeat }: ValidatePlanOptions = {},
): Plan {
  const structure = checkStructure(value);
  if (structure !== undefined) throw new PlanError(source, [structure]);
  const expanded = expandMatrices(withoutExtensions(value), checkVariation);
  const { data, error } = schema.safeParse(expanded.value, SCHEMA_CONTEXT);
  const problems = [
    ...expanded.problems,
    ...error === undefined ? [] : problemsOf(error, expanded.sources),
  ];
  if (data === undefined || problems.length > 0) throw planError(source, problems);
  if (!runsWithin(data.tests, MAX_RUNS)) {
    const message = `has more than ${MAX_RUNS} runs; divide it into several plans`;
    throw new PlanError(source, [{ place: "", message }]);
  }
  const shareProblems = shareUdfs(data, expanded.sources);
  if (shareProblems.length > 0) throw planError(source, shareProblems);
  const { tests, written, problems: repeatProblems } = expandRepeats(
    data.tests as RepeatedTest[],
    expanded.sources,
    repeat,
  );
  if (repeatProblems.length > 0) throw planError(source, repeatProblems);
  return { ...data, tests, ...written && { written } };
}

/** Gives the UDFs of the plan to each test, and returns what is wrong with that. */
function shareUdfs({ udfs = [], tests }: Plan, sources: readonly number[]): Problem[] {
  if (udfs.length === 0) return [];
  const names = new Set(udfs.map(({ name }) => name));
  return tests.flatMap((test, i) => {
    const own = test.udfs ?? [];
    test.udfs = [...udfs, ...own];
    return own.flatMap(({ name }, j): Problem[] => {
      if (!names.has(name)) return [];
      const place = placeText(at(undefined, "tests", sources[i] ?? i, "udfs", j, "name"));
      return [{ place, message: `a UDF of the plan is called ${name} too` }];
    });
  });
}

/** Reads the matrix of a test. */
const checkVariation: Parameters<typeof expandMatrices>[1] = ({ matrix, exclude }, place, problems) => {
  const { data, error } = variationSchema.safeParse({ matrix, exclude }, SCHEMA_CONTEXT);
  for (const { path, message } of error?.issues ?? []) {
    problems.push({ place: placeText(at(place, ...path as (string | number)[])), message });
  }
  return data;
};

/**
 * Validates a run: either as a plan has it, with texts such as `2s`, or decoded, with milliseconds and bytes. The id and
 * the timeout of a test are left out.
 *
 * @param runners the runners that there are, by name
 * @returns the run as it is decoded
 * @throws {PlanError} for what is not a run
 *
 * @example
 * ```ts
 * import { runners } from "../runners.ts";
 * import { validateRun } from "./validate.ts";
 * console.assert(validateRun({ serial: [{ sleep: "2s" }] }, runners).serial![0].sleep === 2000);
 * console.assert(validateRun({ serial: [{ sleep: 2000 }] }, runners).serial![0].sleep === 2000);
 * ```
 */
export function validateRun(value: Run | RunInput, runners: Readonly<Record<string, Runner>>): Run {
  const { id: _, timeout: __, udfs: ___, gates: ____, ...run } = value as Run & Partial<Test>;
  const structure = checkStructure(run);
  if (structure !== undefined) throw new PlanError("run", [structure]);
  const schema = runners === allRunners ? planSchemas.run : planSchemasWith(runners).run;
  const { data, error } = schema.safeParse(run, SCHEMA_CONTEXT);
  if (error === undefined) return data;
  // A run that can be encoded is decoded already.
  if (schema.safeEncode(run, SCHEMA_CONTEXT).success) return run;
  throw planError("run", problemsOf(error));
}

function planError(source: string, problems: readonly Problem[]): PlanError {
  return new PlanError(source, problems.slice(0, MAX_PROBLEMS), Math.max(0, problems.length - MAX_PROBLEMS));
}

/**
 * Returns what is wrong, each once: tests of a matrix share most of what may be wrong with them.
 *
 * @param sources for each test, the index of the test that was written
 */
function problemsOf({ issues }: ZodError, sources?: readonly number[]): readonly Problem[] {
  const found = new Map<string, Problem>();
  for (const { path, message } of issues) {
    const [first, test, ...rest] = path as (string | number)[];
    const index = first === "tests" && typeof test === "number" ? sources?.[test] : undefined;
    const keys = index === undefined ? path as (string | number)[] : [first, index, ...rest];
    const place = placeText(at(undefined, ...keys));
    found.set(`${place}\n${message}`, { place, message });
  }
  return [...found.values()];
}

/** Returns a plan without keys such as `x-nodes`, which hold the values of YAML anchors and mean nothing to tine. */
function withoutExtensions(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("x-")));
}

function runsWithin(runs: readonly Run[], most: number): boolean {
  const rest: (readonly Run[])[] = [runs];
  for (let list = rest.pop(); list !== undefined; list = rest.pop()) {
    most -= list.length;
    if (most < 0) return false;
    for (const { serial, parallel, schedule, child } of list) {
      const below = serial ?? parallel ?? schedule?.run;
      if (below !== undefined) rest.push(below);
      if (child !== undefined) rest.push([child]);
    }
  }
  return true;
}
