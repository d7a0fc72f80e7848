import { TineError, whyNotRead } from "../../base/errors.ts";
import { PlanError } from "./place.ts";
import type { FromPlanModule } from "./plan_module_worker.ts";

/** How long a module may take to write its plan, in ms. */
const TIMEOUT_MS = 60_000;

/** Permissions as `new Worker` takes them (unstable feature `worker-options`). */
export type WorkerPermissions = NonNullable<NonNullable<WorkerOptions["deno"]>["permissions"]>;

/** How a module is run. */
export interface PlanModuleOptions {
  /** What the module finds in `Deno.args`. */
  readonly args?: readonly string[];
  /** What it may do; nothing by default. */
  readonly permissions?: WorkerPermissions;
  /** How long it may take, in ms; a minute by default. */
  readonly timeoutMs?: number;
}

/**
 * Runs a module that writes a plan: its default export, or else what it prints. It runs in a worker without
 * permissions, so that it can read nothing but the modules that it imports statically.
 *
 * @param path the file
 * @returns the plan as text
 * @throws {PlanError} where the module fails, or writes no plan
 * @throws {TineError} `cannot-read`
 *
 * @example
 * ```ts ignore
 * import { parsePlan } from "./parse.ts";
 * import { runPlanModule } from "./plan_module.ts";
 * const plan = await parsePlan(await runPlanModule("my_plan.ts", { args: ["10s"] }), "my_plan.ts");
 * ```
 */
export async function runPlanModule(path: string, options: PlanModuleOptions = {}): Promise<string> {
  const { args = [], permissions = "none", timeoutMs = TIMEOUT_MS } = options;
  const url = await urlOf(path);
  const wrong = (message: string) => new PlanError(path, [{ place: "", message }]);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const worker = new Worker(rootOf(url, args), { type: "module", name: path, deno: { permissions } });
  worker.onmessage = ({ data }: MessageEvent<FromPlanModule>) => {
    if ("text" in data) resolve(data.text);
    else if ("problem" in data) reject(wrong(data.problem));
    else reject(wrong(`the module failed: ${explained(data.uncaught)}`));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(wrong(`the module failed: ${explained(event.message)}`));
  };
  const timer = setTimeout(
    () => reject(wrong(`the module has written no plan after ${timeoutMs / 1000} s`)),
    timeoutMs,
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}

/**
 * Returns the program of the worker. It imports the author's module statically: Deno checks that against the permissions
 * of this process, so the worker needs no permission to read it.
 */
function rootOf(url: string, args: readonly string[]): string {
  const main = new URL("./plan_module_worker.ts", import.meta.url).href;
  const before = `import { begin } from ${JSON.stringify(main)};\nbegin(${JSON.stringify(args)});\n`;
  const root = `import { end } from ${JSON.stringify(main)};\n` +
    `import ${JSON.stringify(dataUrl(before))};\n` +
    `import * as module from ${JSON.stringify(url)};\nend(module);\n`;
  return dataUrl(root);
}

function dataUrl(text: string): string {
  return `data:text/javascript,${encodeURIComponent(text)}`;
}

async function urlOf(path: string): Promise<string> {
  try {
    // A worker that cannot read it would print a trace.
    if (!(await Deno.stat(path)).isFile) throw new Error("it is no file");
    (await Deno.open(path)).close();
    // Most plans are no modules, and what is of Node.js takes milliseconds to load.
    const { pathToFileURL } = await import("node:url");
    return pathToFileURL(await Deno.realPath(path)).href;
  } catch (error) {
    throw new TineError("cannot-read", `cannot read ${path}: ${whyNotRead(error)}`, { cause: error });
  }
}

/** Returns an error's message with the author's place and the remedy, without places of tine. */
function explained(stack: string): string {
  const [first, ...rest] = stack.replace(/^Uncaught (\(in promise\) )?/, "").split("\n");
  const own = new URL("../../", import.meta.url).href;
  const places = rest.map((line) => /^\s+at .*?(file:\/\/[^\s()]+:\d+:\d+)/.exec(line)?.[1]);
  const place = places.find((place) => place !== undefined && !place.startsWith(own))?.replace(/^.*\//, "");
  const message = first.replace(/, run again with the --allow-\w+ flag$/, "");
  const [, access] = /Requires (\w+) access/.exec(message) ?? [];
  const flag = access === undefined || ["read", "env", "net"].includes(access) ? `--allow-${access}` : "--trust";
  const remedy = message === first ? "" : `; permit it by ${flag}`;
  return message + (place === undefined ? "" : ` (${place})`) + remedy;
}
