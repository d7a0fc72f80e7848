import { TineError } from "../base/errors.ts";
import { listRuns, type RunResults } from "./open_results.ts";
import { readTestSummary } from "./read_summary.ts";
import type { TestSummary } from "./summary.ts";

/** A test that has succeeded before. */
export interface PreviousTest {
  /** Where its results are. */
  readonly folder: string;
  /** The name of the run that it was run in. */
  readonly keptFrom: string;
  readonly summary: TestSummary;
}

/**
 * Finds the tests that need not run again, by hash: those that succeeded when they last came to an end, in whichever
 * run that was. A run of a few tests, or one that was cut, hides nothing of the runs before it.
 *
 * @param out the folder of runs; it need not exist
 * @param wanted the hashes to look for; those of all tests by default
 * @throws {TineError} `cannot-read`
 */
export async function findPrevious(out: string, wanted?: ReadonlySet<string>): Promise<Map<string, PreviousTest>> {
  const previous = new Map<string, PreviousTest>();
  const decided = new Set<string>();
  for (const run of (await runsIn(out)).reverse()) {
    if (wanted !== undefined && decided.size === wanted.size) break;
    for (const { hash, status, folder, keptFrom } of run.summary.tests.toReversed()) {
      // A test that was cut or canceled leaves open whether it succeeds.
      if (status === "running" || status === "canceled") continue;
      if (decided.has(hash) || wanted?.has(hash) === false) continue;
      if (status === "ok") {
        const path = `${run.path}/${folder}`;
        const summary = await readResult(path, hash);
        if (summary === undefined) continue;
        previous.set(hash, { folder: path, keptFrom: keptFrom ?? run.name.replace(/\.work$/, ""), summary });
      }
      decided.add(hash);
    }
  }
  return previous;
}

/** The summary of a test that succeeded; undefined where its folder was removed, damaged or changed by hand. */
async function readResult(folder: string, hash: string): Promise<TestSummary | undefined> {
  try {
    const summary = await readTestSummary(folder);
    return summary?.hash === hash && summary.status === "ok" ? summary : undefined;
  } catch (error) {
    if (error instanceof TineError && error.code === "bad-results") return undefined;
    throw error;
  }
}

async function runsIn(out: string): Promise<RunResults[]> {
  try {
    return [...(await listRuns(out)).runs]; // a test whose run is damaged runs again
  } catch (error) {
    if (error instanceof TineError && error.cause instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
