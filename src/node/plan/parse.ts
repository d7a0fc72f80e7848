import { parseJsonc, TextError } from "./jsonc.ts";
import { PlanError } from "./plan_error.ts";
import type { Plan } from "./types.ts";

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

/**
 * Parses, validates and decodes a plan.
 *
 * @param text JSON, JSONC or YAML
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
  text: string,
  name = "plan",
  format: PlanFormat = planFormat(name, text),
): Promise<Plan> {
  // A schema library and YAML take long to load: only here.
  const { validatePlan } = await import("./validate.ts");
  return validatePlan(await parseText(text, name, format), name);
}

async function parseText(text: string, name: string, format: PlanFormat): Promise<unknown> {
  if (/^\s*$/.test(text)) throw new PlanError(name, [{ place: "", message: "is empty, expected a plan with tests" }]);
  try {
    return format === "jsonc" ? parseJsonc(text) : (await import("./yaml.ts")).parseYaml(text);
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    const { line, column, message } = error;
    const language = format === "jsonc" ? "JSON" : "YAML";
    throw new PlanError(name, [{ place: "", line, column, message: `not ${language}: ${message}` }], 0, {
      cause: error,
    });
  }
}
