import { messageOf, TineError } from "../../base/errors.ts";
import { parsePlan, type ParsePlanOptions } from "./parse.ts";
import type { ModulePermissions } from "./plan_module.ts";
import { PlanError } from "./plan_error.ts";
import type { Plan } from "./types.ts";

/** The largest plan that is read, 64 MiB. */
export const MAX_PLAN_BYTES = 64 * 2 ** 20;

/** Where a plan comes from, and what is in it. */
export interface ReadPlanOptions extends Pick<ParsePlanOptions, "runners"> {
  /** What `-` reads from. */
  readonly stdin?: ReadableStream<Uint8Array>;
  /** What a plan in TypeScript finds in `Deno.args`. */
  readonly args?: readonly string[];
  /** What a plan in TypeScript may do, as workers take it; nothing by default. */
  readonly permissions?: ModulePermissions;
}

/**
 * Reads a plan from a file, or from standard input. A file that ends in .ts or .js is run, in a worker without
 * permissions: its default export, or else what it prints, is the plan.
 *
 * @param path the file; `-` is standard input
 * @throws {PlanError} where it is none
 * @throws {TineError} `cannot-read`
 */
export async function readPlan(path: string, options: ReadPlanOptions = {}): Promise<Plan> {
  const { stdin = Deno.stdin.readable, args, permissions, runners } = options;
  const name = path === "-" ? "stdin" : path;
  // What parsePlan() needs, a schema library, takes longer to load than the plan does.
  void import("./validate.ts");
  if (isPlanModule(name)) {
    const { runPlanModule } = await import("./plan_module.ts");
    return await parsePlan(await runPlanModule(path, { args, permissions }), name, { runners });
  }
  const bytes = await readLimited(path === "-" ? stdin : await open(path), name);
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new PlanError(name, [{ place: "", message: "is not UTF-8 text" }], 0, { cause: error });
  }
  return await parsePlan(text, name, { runners });
}

/** Whether a plan is written by a module: TypeScript or JavaScript, as the ending of its name says. */
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
  const reason = error instanceof Deno.errors.NotFound
    ? "there is no such file"
    : error instanceof Deno.errors.PermissionDenied
    ? "permission denied"
    : messageOf(error);
  return new TineError("cannot-read", `cannot read ${path}: ${reason}`, { cause: error });
}
