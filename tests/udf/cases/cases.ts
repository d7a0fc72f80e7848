/** Cases of tests that run in memory. */

import {
  type CaseFile,
  type CaseResult,
  parseCaseFile,
  runCase,
  type RunCaseOptions,
} from "../../../src/udf/cases/mod.ts";
import type { CreateHandler } from "../../../src/udf/handler.ts";
import { loadBundledHandler } from "../../../src/udf/handlers/mod.ts";
import { startInProcess } from "../../../src/udf/running_udf.ts";

/** What came of all cases of a file, by their names. */
export type Results = Map<string, CaseResult>;

/** Runs all cases of a file with a handler in this process. */
export async function runFile(
  text: string,
  handler: string | CreateHandler,
  options: Partial<RunCaseOptions> = {},
): Promise<{ file: CaseFile; results: Results }> {
  const createHandler = typeof handler === "string" ? (await loadBundledHandler(handler))! : handler;
  const file = await parseCaseFile(text, "cases.yaml");
  const results: Results = new Map();
  for (const test of file.cases) {
    const result = await runCase(test, {
      reach: () => Promise.resolve(startInProcess("handler", createHandler)),
      openPoints: () => Promise.reject(new Error("there are no files here")),
      readFile: () => Promise.reject(new Error("there are no files here")),
      timeoutMs: 60_000,
      ...options,
    });
    results.set(test.name, result);
  }
  return { file, results };
}

/** What is wrong with each case: `LINE: MESSAGE`; cases that pass have nothing. */
export async function problemsIn(
  text: string,
  handler: string | CreateHandler,
  options?: Partial<RunCaseOptions>,
): Promise<Record<string, string[]>> {
  const { results } = await runFile(text, handler, options);
  return Object.fromEntries(
    Array.from(results, ([name, { problems }]) => [name, problems.map(({ line, message }) => `${line}: ${message}`)]),
  );
}
