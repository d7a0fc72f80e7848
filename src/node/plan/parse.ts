import { parseJsonc, TextError } from "./jsonc.ts";
import type { Runner } from "../runner.ts";
import { PlanError } from "./place.ts";
import { checkStructure } from "./structure.ts";
import type { Plan, PlanInput } from "./types.ts";
import { TineError, whyNotRead } from "../../base/errors.ts";
import type { WorkerPermissions } from "./plan_module.ts";

/** The format of a plan. JSON is read as JSONC. */
export type PlanFormat = "jsonc" | "yaml";

/**
 * Returns the format of a plan: by the ending of its name, else by its first character.
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
  /** How often each test runs, whatever the plan says. */
  readonly repeat?: number;
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
  { format, runners, repeat }: ParsePlanOptions = {},
): Promise<Plan> {
  // The schema library and YAML take long to load, so they are loaded only here.
  const { validatePlan } = await import("./validate.ts");
  const value = typeof plan === "string" ? await parseText(plan, name, format ?? planFormat(name, plan)) : plan;
  if (runners === undefined) return validatePlan(value, name, { repeat });
  const { planSchemasWith } = await import("./schema.ts");
  return validatePlan(value, name, { schema: planSchemasWith(runners).plan, repeat });
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
  // Merging walks through the whole value, which must have an end.
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

/** The largest plan that is read, in bytes: 64 MiB. */
export const MAX_PLAN_BYTES = 64 * 2 ** 20;

/** Where a plan comes from, and what is in it. */
export interface ReadPlanOptions extends Pick<ParsePlanOptions, "runners" | "repeat"> {
  /** What `-` reads from. */
  readonly stdin?: ReadableStream<Uint8Array>;
  /** What a plan in TypeScript finds in `Deno.args`. */
  readonly args?: readonly string[];
  /** What a plan in TypeScript may do, as workers take it; nothing by default. */
  readonly permissions?: WorkerPermissions;
}

/**
 * Reads a plan from a file, or from standard input. A file that ends in .ts or .js is run, in a worker without
 * permissions: its default export, or else what it prints, is the plan.
 *
 * @param path the file; `-` is standard input
 * @throws {PlanError} where it is not a plan
 * @throws {TineError} `cannot-read`
 */
export async function readPlan(path: string, options: ReadPlanOptions = {}): Promise<Plan> {
  const { stdin = Deno.stdin.readable, args, permissions, runners, repeat } = options;
  const name = path === "-" ? "stdin" : path;
  // parsePlan() needs a schema library, which takes longer to load than the plan does.
  void import("./validate.ts");
  if (isPlanModule(name)) {
    const { runPlanModule } = await import("./plan_module.ts");
    return await parsePlan(await runPlanModule(path, { args, permissions }), name, { runners, repeat });
  }
  const bytes = await readLimited(path === "-" ? stdin : await open(path), name);
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new PlanError(name, [{ place: "", message: "is not UTF-8 text" }], 0, { cause: error });
  }
  return await parsePlan(text, name, { runners, repeat });
}

/** Returns whether a module writes the plan: whether the name ends as TypeScript and JavaScript do. */
export function isPlanModule(name: string): boolean {
  return /\.[mc]?[tj]s$/i.test(name);
}

async function open(path: string): Promise<ReadableStream<Uint8Array>> {
  try {
    if ((await Deno.stat(path)).isDirectory) throw new Error("it is a folder");
    return (await Deno.open(path)).readable;
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function readLimited(stream: ReadableStream<Uint8Array>, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      length += chunk.length;
      if (length > MAX_PLAN_BYTES) {
        throw new PlanError(name, [{ place: "", message: `is larger than ${MAX_PLAN_BYTES / 2 ** 20} MiB` }]);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof PlanError ? error : unreadable(name, error);
  }
  const bytes = new Uint8Array(length);
  let done = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, done);
    done += chunk.length;
  }
  return bytes;
}

function unreadable(path: string, error: unknown): TineError {
  return new TineError("cannot-read", `cannot read ${path}: ${whyNotRead(error)}`, { cause: error });
}
