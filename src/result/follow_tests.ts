import { TineError } from "../base/errors.ts";
import { delay } from "../base/time.ts";
import { isUnderWay } from "./run_lock.ts";
import { readRunSummary, RUN_FILE, type RunSummary, type TestEntry } from "./summary.ts";

/** How often results are looked at, in milliseconds. */
const LOOK_MS = 50;
/** How often a run is asked whether it lives, in milliseconds. */
const ALIVE_MS = 500;

/** A test that is followed. */
export interface FollowedTest extends Disposable {
  /**
   * Takes what has come since the last call.
   *
   * @param folder of the test, wherever it is by now
   * @param options `end`: nothing follows
   */
  step(folder: string, options: { readonly end: boolean; readonly signal: AbortSignal }): Promise<void>;
}

/** What is followed, and how. */
export interface FollowTestsOptions {
  /** Folder of the run. */
  readonly run: string;
  /** Name of the folder of one of its tests, where only that is followed. */
  readonly test?: string;
  /** Whether a test is wanted, by its id; all are by default. */
  wanted?(id: Readonly<Record<string, string>>): boolean;
  /**
   * Returns what follows a test.
   *
   * @returns undefined where that is not possible yet: it is asked for again
   */
  open(folder: string, entry: TestEntry): Promise<FollowedTest | undefined>;
  /** Gets called after each look, with the summary of the run as it is now. */
  looked?(summary: RunSummary): void;
  readonly signal: AbortSignal;
}

/**
 * Follows the tests of a run until it ends, also through the change of its folder's name.
 *
 * @returns whether the run came to its end; false where it was killed
 * @throws {TineError} `no-results` where its folder is gone, and those of reading results
 *
 * @example
 * ```ts ignore
 * import { followTests } from "./follow_tests.ts";
 *
 * const looked = ({ tests }: { tests: unknown[] }) => console.log(`${tests.length} tests`);
 * await followTests({ run: "results/2026-11-29T01-39-31Z.work", open: async () => undefined, looked, signal });
 * ```
 */
export async function followTests({ run, test: only, wanted, open, looked, signal }: FollowTestsOptions) {
  const folder = await Folder.open(run);
  const tests = new Map<string, { readonly followed: FollowedTest; over: boolean }>();
  let aliveAt = performance.now();
  let silent = 0;
  try {
    for (;;) {
      const summary = await folder.summary();
      const ended = summary.status === "complete" || silent > 1;
      let running = 0;
      for (const entry of summary.tests) {
        if (only !== undefined && entry.folder !== only) continue;
        if (wanted?.(entry.id) === false) continue;
        let test = tests.get(entry.folder);
        if (test === undefined) {
          const followed = await folder.step((path) => open(`${path}/${entry.folder}`, entry));
          if (followed === undefined) continue; // it has just begun
          tests.set(entry.folder, test = { followed, over: false });
        }
        if (test.over) continue;
        const end = ended || entry.status !== "running";
        await folder.step((path) => test.followed.step(`${path}/${entry.folder}`, { end, signal }));
        test.over = end;
        if (end) test.followed[Symbol.dispose]();
        else running++;
      }
      looked?.(summary);
      const isOne = only !== undefined && tests.get(only)?.over === true;
      if (running === 0 && (summary.status === "complete" || isOne)) return silent <= 1;
      if (ended) return false;
      await delay(LOOK_MS, signal);
      if (performance.now() - aliveAt < ALIVE_MS) continue;
      aliveAt = performance.now();
      silent = await isUnderWay(folder.path) ? 0 : silent + 1;
    }
  } finally {
    for (const { followed, over } of tests.values()) if (!over) followed[Symbol.dispose]();
  }
}

/** The folder of a run, which changes its name when the run is complete. */
class Folder {
  #summary: RunSummary | undefined;
  #changed = NaN;

  private constructor(public path: string, readonly inode: number | null) {}

  static async open(path: string): Promise<Folder> {
    const real = await Deno.realPath(path);
    return new Folder(real, (await Deno.stat(real)).ino);
  }

  /** The summary, read again where it has changed. */
  async summary(): Promise<RunSummary> {
    return await this.step(async (path) => {
      const { mtime, size } = await Deno.stat(`${path}/${RUN_FILE}`);
      const changed = (mtime?.getTime() ?? 0) + size / 1e6;
      // A time of a file has a resolution, within which it may change twice.
      if (changed !== this.#changed || Date.now() - changed < 1000) {
        this.#summary = await readRunSummary(path) ?? this.#summary;
        this.#changed = changed;
      }
      if (this.#summary === undefined) throw new Deno.errors.NotFound(`${path}/${RUN_FILE}`);
      return this.#summary;
    });
  }

  /** Does something in the folder, once more where it was renamed meanwhile. */
  async step<T>(work: (path: string) => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      const { path } = this;
      try {
        const result = await work(path);
        if (await this.#find() === path || attempt > 2) return result;
      } catch (error) {
        const cause = error instanceof TineError ? error.cause : error;
        if (!(cause instanceof Deno.errors.NotFound) || await this.#find() === path || attempt > 2) throw error;
      }
    }
  }

  /** Where it is by now. */
  async #find(): Promise<string> {
    if (await this.#isAt(this.path)) return this.path;
    const above = this.path.slice(0, this.path.lastIndexOf("/"));
    try {
      for await (const { name } of Deno.readDir(above || "/")) {
        if (await this.#isAt(`${above}/${name}`)) return this.path = await Deno.realPath(`${above}/${name}`);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    throw new TineError("no-results", `the results are no longer there: ${this.path} was removed or moved away`);
  }

  async #isAt(path: string): Promise<boolean> {
    try {
      return (await Deno.stat(path)).ino === this.inode;
    } catch {
      return false; // another one that goes meanwhile
    }
  }
}
