import { TineError } from "../wire/errors.ts";
import { listRuns, type RunResults } from "./open_results.ts";
import { readTestSummary } from "./read_summary.ts";
import type { TestEntry, TestSummary } from "./summary.ts";

/** A test that has succeeded before. */
export interface PreviousTest {
  /** Where its results are. */
  readonly folder: string;
  /** The name of the run that it was run in. */
  readonly keptFrom: string;
  readonly summary: TestSummary;
}

/**
 * Finds the tests that need not run again: by hash, those that succeeded in the last complete run, or in runs that
 * were cut since then. A test that failed in a later one of these runs is not among them.
 *
 * @param out the folder of runs; it need not exist
 * @throws {TineError} `bad-results`, `cannot-read`
 */
export async function findPrevious(out: string): Promise<Map<string, PreviousTest>> {
  const latest = new Map<string, { entry: TestEntry; path: string; name: string }>();
  for (const { path, name, complete, summary } of (await runsIn(out)).reverse()) {
    for (const entry of summary.tests) {
      if (entry.status !== "running" && !latest.has(entry.hash)) latest.set(entry.hash, { entry, path, name });
    }
    if (complete) break;
  }
  const previous = new Map<string, PreviousTest>();
  for (const [hash, { entry, path, name }] of latest) {
    if (entry.status !== "ok") continue;
    const folder = `${path}/${entry.folder}`;
    const summary = await readTestSummary(folder);
    // A folder that was removed or changed by hand is no result.
    if (summary?.hash !== hash || summary.status !== "ok") continue;
    previous.set(hash, { folder, keptFrom: entry.keptFrom ?? name.replace(/\.work$/, ""), summary });
  }
  return previous;
}

async function runsIn(out: string): Promise<RunResults[]> {
  try {
    return [...(await listRuns(out)).runs]; // a test whose run is damaged runs again
  } catch (error) {
    if (error instanceof TineError && error.cause instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
