import { messageOf, TineError } from "../base/errors.ts";
import { RUN_FILE, type RunSummary, TEST_FILE, type TestSummary } from "./summary.ts";

/** A summary of 100,000 files takes some ten MiB; what is larger is none. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * Reads `run.json`.
 *
 * @param folder of the run
 * @returns undefined, if the folder has none
 * @throws {TineError} `bad-results`, if it is damaged or of another version; `cannot-read`
 */
export async function readRunSummary(folder: string): Promise<RunSummary | undefined> {
  const path = `${folder}/${RUN_FILE}`;
  const summary = await readJson(path) as RunSummary | undefined;
  if (summary === undefined) return undefined;
  const whole = Array.isArray(summary.tests) &&
    summary.tests.every((test) => isFolderName(test?.folder) && typeof test.hash === "string" && isId(test.id));
  if (!whole || typeof summary.plan !== "string" || typeof summary.started !== "string") throw damaged(path);
  return summary;
}

/**
 * Reads `test.json`.
 *
 * @param folder of the test
 * @returns undefined, if the folder has none
 * @throws {TineError} `bad-results`, if it is damaged or of another version; `cannot-read`
 */
export async function readTestSummary(folder: string): Promise<TestSummary | undefined> {
  const path = `${folder}/${TEST_FILE}`;
  const summary = await readJson(path) as TestSummary | undefined;
  if (summary === undefined) return undefined;
  const { id, hash, status, started, errors, files, nodes, missing, records, logs } = summary;
  const whole = isId(id) && [hash, status, started].every((text) => typeof text === "string") &&
    [errors, files, nodes, missing].every(Array.isArray) &&
    typeof records?.bytes === "number" && typeof logs?.bytes === "number";
  if (!whole) throw damaged(path);
  return summary;
}

async function readJson(path: string): Promise<unknown> {
  let value;
  try {
    if ((await Deno.stat(path)).size > MOST_BYTES) throw damaged(path);
    value = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof SyntaxError) throw damaged(path, error);
    if (error instanceof TineError) throw error;
    throw new TineError("cannot-read", `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  if (typeof value !== "object" || value === null) throw damaged(path);
  const { version } = value as { version?: unknown };
  if (version !== 1) {
    throw new TineError("bad-results", `${path} is of version ${JSON.stringify(version)}, this tine reads version 1`);
  }
  return value;
}

function isId(value: unknown): value is Record<string, string> {
  return typeof value === "object" && value !== null && Object.values(value).every((text) => typeof text === "string");
}

/** What stands in a file is no path: it could lead elsewhere. */
function isFolderName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value !== "." && value !== ".." && !value.includes("/");
}

function damaged(path: string, cause?: unknown): TineError {
  return new TineError("bad-results", `${path} is damaged: it is not what tine writes there`, { cause });
}
