import type { ZodError } from "zod";
import { nearest } from "../../base/nearest.ts";
import { runners as allRunners } from "../runners.ts";
import { at, MAX_PROBLEMS, placeText, PlanError, type Problem } from "./place.ts";
import { show } from "../../base/schema.ts";
import { checkStructure } from "./structure.ts";
import type { Runner } from "../runner.ts";
import { planSchemas, planSchemasWith } from "./schema.ts";
import type { Plan, Run, RunInput } from "./types.ts";

/** The most runs of a plan. */
export const MAX_RUNS = 1_000_000;

/**
 * Validates and decodes a plan.
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
export function validatePlan(value: unknown, source = "plan", schema = planSchemas.plan): Plan {
  const structure = checkStructure(value);
  if (structure !== undefined) throw new PlanError(source, [structure]);
  const { data, error } = schema.safeParse(withoutExtensions(value), CONTEXT);
  if (error !== undefined) throw planError(source, error);
  if (!runsWithin(data.tests, MAX_RUNS)) {
    const message = `has more than ${MAX_RUNS} runs; divide it into several plans`;
    throw new PlanError(source, [{ place: "", message }]);
  }
  return data;
}

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
  const { id: _, timeout: __, ...run } = value as Run & { id?: unknown; timeout?: unknown };
  const structure = checkStructure(run);
  if (structure !== undefined) throw new PlanError("run", [structure]);
  const schema = runners === allRunners ? planSchemas.run : planSchemasWith(runners).run;
  const { data, error } = schema.safeParse(run, CONTEXT);
  if (error === undefined) return data;
  // A run that can be encoded is decoded already.
  if (schema.safeEncode(run, CONTEXT).success) return run;
  throw planError("run", error);
}

// zod can generate code for a schema; for one plan, even a large one, that takes longer than it saves.
const CONTEXT = { error: message as never, jitless: true };

function planError(source: string, { issues }: ZodError): PlanError {
  const problems = issues.slice(0, MAX_PROBLEMS).map(({ path, message }): Problem => ({
    place: placeText(at(undefined, ...path as (string | number)[])),
    message,
  }));
  return new PlanError(source, problems, issues.length - problems.length);
}

/** Returns a plan without keys such as `x-nodes`, which hold the values of YAML anchors and mean nothing to tine. */
function withoutExtensions(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("x-")));
}

/** What zod hands over of an issue before it has a message. */
interface RawIssue {
  code: string;
  input: unknown;
  keys?: readonly string[];
  inst?: { _zod: { def: { shape?: object } } };
}

/** Returns the message of an issue that the schema has no message for. */
function message({ code, input, keys, inst }: RawIssue): string | undefined {
  if (code === "unrecognized_keys") {
    const known = Object.keys(inst?._zod.def.shape ?? {});
    return keys!.slice(0, 5).map((key) => {
      const guess = nearest(key, known);
      return `unknown key ${show(key)}, ` + (guess ? `did you mean ${guess}?` : `known are ${known.join(", ")}`);
    }).join("; ");
  }
  return code === "too_small" ? `expected more than ${show(input)}` : undefined;
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
