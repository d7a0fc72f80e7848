import { TineError, whyNotRead } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { entrySoFar, foundSoFar } from "./found_so_far.ts";
import { exists } from "./owner.ts";
import { LATEST } from "./names.ts";
import {
  readRunSummary,
  readTestSummary,
  RUN_FILE,
  type RunSummary,
  TEST_FILE,
  type TestEntry,
  type TestSummary,
  WORK_SUFFIX,
} from "./summary.ts";

/** A run's results. */
export interface RunResults {
  readonly kind: "run";
  /** Its folder. */
  readonly path: string;
  /** The name of its folder, such as `2026-11-21T02-55-00Z`. */
  readonly name: string;
  /** False where it is under way, or was killed. */
  readonly complete: boolean;
  readonly summary: RunSummary;
}

/** A test's results. */
export interface TestResults {
  readonly kind: "test";
  /** Its folder. */
  readonly path: string;
  readonly summary: TestSummary;
}

/** A folder of runs. */
export interface ResultsFolder {
  readonly kind: "results";
  readonly path: string;
  /** The oldest first. */
  readonly runs: readonly RunResults[];
  /** Why folders that look like runs are not among them. */
  readonly damaged: readonly TineError[];
}

/**
 * Opens results, whatever the path leads to: a folder of runs, a run, a test.
 *
 * Where `latest` leads nowhere, since its run was removed or no run has completed yet, the newest run there is takes
 * its place: one that is complete, if there is any.
 *
 * @throws {TineError} `no-results`, if there are none; `cannot-read`; `bad-results`
 *
 * @example
 * ```ts ignore
 * import { openResults } from "./open_results.ts";
 *
 * const results = await openResults("results/latest");
 * if (results.kind === "run") console.log(results.summary.tests.length);
 * ```
 */
export async function openResults(path: string): Promise<ResultsFolder | RunResults | TestResults> {
  path = await withNewestRun(path) ?? path;
  let real;
  try {
    real = await Deno.realPath(path);
    if (!(await Deno.stat(real)).isDirectory) throw new TineError("no-results", `${path} is no folder of results`);
  } catch (error) {
    if (error instanceof TineError) throw error;
    if (error instanceof Deno.errors.NotFound) {
      const hint = await nearestFolder(path);
      throw new TineError("no-results", `there are no results in ${path}: there is no such folder${hint}`, {
        cause: error,
      });
    }
    throw new TineError("cannot-read", `cannot read ${path}: ${whyNotRead(error)}`, { cause: error });
  }
  if (await exists(`${real}/${TEST_FILE}`)) {
    const test = await openTest(path);
    if (test !== undefined) return test;
  }
  if (await exists(`${real}/${RUN_FILE}`)) {
    const run = await openRun(path, baseName(real));
    if (run !== undefined) return run;
  }
  const { runs, damaged } = await listRuns(path);
  if (runs.length === 0) {
    throw damaged[0] ?? new TineError("no-results", `there are no results in ${path}: no run has written there`);
  }
  return { kind: "results", path, runs, damaged };
}

/** Names the folder that a path which does not exist most likely meant; nothing where there is no such folder. */
async function nearestFolder(path: string): Promise<string> {
  const [, parent = ".", name] = /^(?:(.*)\/)?([^/]+)\/*$/s.exec(path) ?? [];
  const found = await Array.fromAsync(Deno.readDir(parent || "/"), ({ name }) => name).catch(() => []);
  const near = name && nearest(name, found);
  return near ? `, did you mean ${near}?` : "";
}

/** Returns the newest run that is complete, or else the newest one; undefined of no runs. */
export function newestRun(runs: readonly RunResults[]): RunResults | undefined {
  return runs.findLast(({ complete }) => complete) ?? runs.at(-1);
}

/** The path with the newest run in place of a `latest` that leads nowhere; undefined where that is not so. */
async function withNewestRun(path: string): Promise<string | undefined> {
  const parts = path.split("/");
  const i = parts.lastIndexOf(LATEST);
  if (i < 0) return undefined;
  const out = i === 0 ? "." : parts.slice(0, i).join("/") || "/";
  // What stands below the link is there where the link leads somewhere.
  if (await exists(`${out}/${LATEST}/.`) || !await exists(out)) return undefined;
  const { runs } = await listRuns(out);
  const newest = newestRun(runs);
  return newest && [out, newest.name, ...parts.slice(i + 1)].join("/");
}

/**
 * The tests of a run, in the order in which they were run.
 *
 * @param entries those that are wanted; all when absent
 * @throws {TineError} `bad-results`, `cannot-read`
 */
export async function* testsOf(
  run: RunResults,
  entries: readonly TestEntry[] = run.summary.tests,
): AsyncGenerator<TestResults, void, void> {
  for (const { folder } of entries) {
    const path = `${run.path}/${folder}`;
    const test = await openTest(path);
    if (test === undefined) throw new TineError("bad-results", `${path} has no ${TEST_FILE}, although it was run`);
    yield test;
  }
}

/**
 * The runs in a folder, the oldest first; other folders in it are left out. One that is damaged is no obstacle to the
 * others.
 *
 * @throws {TineError} `cannot-read`
 */
export async function listRuns(out: string): Promise<Pick<ResultsFolder, "runs" | "damaged">> {
  const runs: RunResults[] = [];
  const damaged: TineError[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(out)) {
      if (!isDirectory || name === LATEST) continue;
      try {
        const run = await openRun(`${out}/${name}`, name);
        if (run !== undefined) runs.push(run);
      } catch (error) {
        if (!(error instanceof TineError)) throw error;
        damaged.push(error);
      }
    }
  } catch (error) {
    throw new TineError("cannot-read", `cannot read ${out}: ${whyNotRead(error)}`, { cause: error });
  }
  runs.sort((a, b) => compare(a.summary.started, b.summary.started) || compare(a.name, b.name));
  return { runs, damaged };
}

async function openTest(path: string): Promise<TestResults | undefined> {
  const summary = await readTestSummary(path);
  if (summary === undefined) return undefined;
  return { kind: "test", path, summary: summary.status === "running" ? await foundSoFar(path, summary) : summary };
}

async function openRun(path: string, name: string): Promise<RunResults | undefined> {
  const summary = await readRunSummary(path);
  if (summary === undefined) return undefined;
  const complete = summary.status === "complete" && !name.endsWith(WORK_SUFFIX);
  for (const [i, test] of summary.tests.entries()) {
    if (test.status === "running") summary.tests[i] = await entrySoFar(`${path}/${test.folder}`, test);
  }
  return { kind: "run", path, name, complete, summary };
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

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
