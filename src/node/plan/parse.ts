import { parseJsonc, TextError } from "./jsonc.ts";
import type { Runner } from "../runner.ts";
import { PlanError } from "./plan_error.ts";
import { checkStructure } from "./structure.ts";
import type { Plan, PlanInput } from "./types.ts";

/** How a plan is written. JSON is read as JSONC. */
export type PlanFormat = "jsonc" | "yaml";

/**
 * The format of a plan: what the ending of its name says, else what its first character looks like.
 *
 * @param name the file's name
 */
export function planFormat(name: string, text: string): PlanFormat {
  const ending = /\.(json|jsonc|yaml|yml)$/i.exec(name)?.[1].toLowerCase();
  if (ending !== undefined) return ending.startsWith("json") ? "jsonc" : "yaml";
  return /^\s*(?:[{[]|\/[/*])/.test(text) ? "jsonc" : "yaml";
}

/** How a plan is parsed. */
export interface ParsePlanOptions {
  /** How the text is written; by default, what the name or the text looks like. */
  readonly format?: PlanFormat;
  /** The runners that a plan may name, by name: those of tine by default. */
  readonly runners?: Readonly<Record<string, Runner>>;
}

/**
 * Parses, validates and decodes a plan.
 *
 * @param plan JSON, JSONC or YAML; or a plan that builders such as `plan()` have made
 * @param name what to call it in messages, such as its file's name
 * @throws {PlanError}
 *
 * @example
 * ```ts
 * import { parsePlan } from "./parse.ts";
 * const { tests } = await parsePlan("tests:\n- id: {name: hello}\n  sleep: 1s\n");
 * console.assert(tests.length === 1);
 * ```
 */
export async function parsePlan(
  plan: string | PlanInput,
  name = "plan",
  { format, runners }: ParsePlanOptions = {},
): Promise<Plan> {
  // A schema library and YAML take long to load: only here.
  const { validatePlan } = await import("./validate.ts");
  const value = typeof plan === "string" ? await parseText(plan, name, format ?? planFormat(name, plan)) : plan;
  if (runners === undefined) return validatePlan(value, name);
  const { createPlanSchemas } = await import("./schema.ts");
  return validatePlan(value, name, createPlanSchemas(runners).plan);
}

async function parseText(text: string, name: string, format: PlanFormat): Promise<unknown> {
  return format === "jsonc" ? readJson(text, name) : await readYaml(text, name);
}

function readJson(text: string, name: string): unknown {
  return parseAs("JSON", parseJsonc, text, name);
}

async function readYaml(text: string, name: string): Promise<unknown> {
  const { mergeKeys, parseYaml } = await import("./yaml.ts");
  const value = parseAs("YAML", parseYaml, text, name);
  // Merging goes through the whole value, so that must have an end.
  const problem = checkStructure(value) ?? mergeKeys(value);
  if (problem !== undefined) throw new PlanError(name, [problem]);
  return value;
}

function parseAs(language: string, parse: (text: string) => unknown, text: string, name: string): unknown {
  if (/^\s*$/.test(text)) throw new PlanError(name, [{ place: "", message: "is empty, expected a plan with tests" }]);
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    const { line, column, message } = error;
    throw new PlanError(name, [{ place: "", line, column, message: `not ${language}: ${message}` }], 0, {
      cause: error,
    });
  }
}
