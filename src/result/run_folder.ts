import type { Plan, Test } from "../node/plan/types.ts";
import { TineError } from "../base/errors.ts";
import { Budget } from "./append_files.ts";
import { isDraft } from "./kept_file.ts";
import { checkLatest, hashTest, runFolderName, setLatest, testFolderName } from "./names.ts";
import { giveTo, linkTree, makeFolder, type Owner, replaceJson, writeJson } from "./owner.ts";
import { lockRun } from "./run_lock.ts";
import type { PreviousTest } from "./open_results.ts";
import { storeError, systemCode } from "./store_error.ts";
import {
  entryOf,
  GATES_FILE,
  PLAN_FILE,
  RUN_FILE,
  type RunSummary,
  TEST_FILE,
  type TestSummary,
  WORK_SUFFIX,
} from "./summary.ts";
import { TestStore } from "./test_store.ts";

/** Room that is kept free for the summaries on a disk that becomes full. */
const RESERVE_FILE = ".reserve";
const RESERVE_BYTES = 256 * 1024;

/** Why there can be no folder of runs, where the system's own message is too short. */
const NO_FOLDER: ReadonlyMap<string, string> = new Map([
  ["EEXIST", "it is no folder"],
  ["ENOTDIR", "what stands above it is no folder"],
  ["ENOENT", "it does not exist, and cannot be made there"],
]);

/** How a run's results are stored. */
export interface RunFolderOptions {
  /** The plan's name, for people. */
  readonly planName: string;
  /** The version of tine. */
  readonly tine: string;
  /** To whom everything is given that is made; the user of this process when absent. */
  readonly owner?: Owner;
  /** What all results may take, in bytes; 64 GiB when absent. */
  readonly maxBytes?: number;
  /** Names the folder; now when absent. */
  readonly started?: Date;
}

/**
 * Makes a folder for the results of a run, in a folder of runs that is made where it is missing.
 *
 * @param out the folder of runs, such as `results`
 * @param plan as it is run
 * @throws {TineError} `results-full`, `results-not-writable` or `results-failed`, naming the folder; `latest-not-link`
 *
 * @example
 * ```ts ignore
 * import { createRun } from "./run_folder.ts";
 *
 * await using run = await createRun("results", plan, { planName: "hello.yaml", tine: "0.1.0" });
 * for (const test of plan.tests) {
 *   const store = await run.startTest(test);
 *   for await (const message of runTest(test)) await store.add(message);
 *   await store.finish({ status: "ok" });
 * }
 * console.log(await run.finish());
 * ```
 */
export async function createRun(out: string, plan: Plan, options: RunFolderOptions): Promise<RunFolder> {
  const { owner, started = new Date() } = options;
  let made: string | undefined;
  try {
    await makeOut(out, owner).catch((error) => {
      const what = NO_FOLDER.get(systemCode(error));
      throw what ? new TineError("results-failed", `cannot write results to ${out}: ${what}`, { cause: error }) : error;
    });
    await checkLatest(out);
    const stamp = runFolderName(started);
    const path = await makeWorkFolder(out, stamp, owner);
    made = path;
    const summary: RunSummary = {
      version: 1,
      plan: options.planName,
      tine: options.tine,
      status: "running",
      started: started.toISOString(),
      tests: [],
    };
    await writeJson(`${path}/${PLAN_FILE}`, { ...plan, written: undefined }, owner);
    // From now on the run can be found. A follower names its columns after the ids in the plan.
    await writeJson(`${path}/${RUN_FILE}`, summary, owner);
    const lock = await lockRun(path);
    await Deno.writeFile(`${path}/${RESERVE_FILE}`, new Uint8Array(RESERVE_BYTES), { createNew: true });
    return new RunFolder(out, stamp, path, summary, new Budget(path, options.maxBytes), owner, lock);
  } catch (error) {
    // Nothing is measured yet, and on a full disk the reserve would hold what room there is.
    if (made !== undefined) await Deno.remove(made, { recursive: true }).catch(() => {});
    throw storeError(error, out);
  }
}

/** The folder of a run that is under way, see {@linkcode createRun}. */
export class RunFolder implements AsyncDisposable {
  readonly #out: string;
  readonly #stamp: string;
  readonly #summary: RunSummary;
  readonly #budget: Budget;
  readonly #owner: Owner | undefined;
  /** Marks the run as under way. */
  #lock: Disposable | undefined;
  readonly #started = performance.now();
  readonly #open = new Set<TestStore>();
  #path: string;
  #complete = false;
  #saving: Promise<void> = Promise.resolve();

  /** For createRun(). */
  constructor(
    out: string,
    stamp: string,
    path: string,
    summary: RunSummary,
    budget: Budget,
    owner: Owner | undefined,
    lock: Disposable | undefined,
  ) {
    this.#out = out;
    this.#stamp = stamp;
    this.#path = path;
    this.#summary = summary;
    this.#budget = budget;
    this.#owner = owner;
    this.#lock = lock;
  }

  /** Where it is: another place once the run is complete. */
  get path(): string {
    return this.#path;
  }

  /** Its name, without what marks it as not complete. */
  get name(): string {
    return this.#path.slice(this.#path.lastIndexOf("/") + 1).replace(/\.work$/, "");
  }

  /**
   * Starts a test. Several may be under way at once.
   *
   * @throws {TineError} `results-full`, `results-not-writable`, `results-too-large`, ...
   */
  async startTest(test: Test): Promise<TestStore> {
    const hash = await hashTest(test);
    try {
      const name = await this.#makeTestFolder(test.id);
      const folder = `${this.#path}/${name}`;
      const { id } = test;
      const store = await TestStore.start({
        folder,
        id,
        hash,
        budget: this.#budget,
        owner: this.#owner,
        save: (summary) => this.#saveTest(folder, name, summary),
      });
      this.#open.add(store);
      return store;
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }

  /**
   * Takes over the results of a test that was not changed, instead of running it again.
   *
   * @param previous from findPrevious()
   * @throws {TineError} `results-full`, ..., or `results-failed` if the results have gone
   */
  async keepTest(previous: PreviousTest): Promise<void> {
    try {
      const { summary } = previous;
      const name = await this.#makeTestFolder(summary.id);
      // Gates are evaluated anew.
      const leaveOut = (file: string) => isDraft(file) || file === GATES_FILE;
      await linkTree(previous.folder, `${this.#path}/${name}`, this.#owner, leaveOut);
      this.#summary.tests.push(entryOf(summary, name, previous.keptFrom));
      await this.#saveRun();
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }

  /**
   * Ends the run: gives the folder its name, and makes `latest` lead to it.
   *
   * @returns where the results are
   * @throws {TineError} `results-full`, ...; then the folder keeps its name, and what is in it stays readable
   */
  async finish(): Promise<string> {
    try {
      for (const store of this.#open) await store.finish({ status: "canceled" });
      this.#summary.status = "complete";
      this.#summary.ended = new Date().toISOString();
      this.#summary.durationMs = Math.round(performance.now() - this.#started);
      await this.#freeReserve();
      await this.#saveRun();
      const name = await this.#rename();
      this.#unlock();
      await setLatest(this.#out, name);
      return this.#path;
    } catch (error) {
      throw storeError(error, this.#path, "the tests that have ended are kept");
    }
  }

  /** Closes what is open. A run that was not finished stays as a work folder, with all that was received. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Without finish() there is an error already, and what is on disk is marked as not complete.
    for (const store of this.#open) await store.finish({ status: "canceled" }).catch(() => {});
    if (!this.#complete) await this.#freeReserve().catch(() => {});
    this.#unlock();
  }

  #unlock(): void {
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }

  async #makeTestFolder(id: Readonly<Record<string, string>>): Promise<string> {
    this.#budget.addFile();
    return await firstFree(testFolderName(id), (name) => makeFolder(`${this.#path}/${name}`, this.#owner));
  }

  async #saveTest(folder: string, name: string, summary: TestSummary): Promise<void> {
    await this.#withReserve(() => replaceJson(`${folder}/${TEST_FILE}`, summary, this.#owner), folder);
    const entry = entryOf(summary, name);
    const { tests } = this.#summary;
    const place = tests.findIndex(({ folder }) => folder === name);
    if (place < 0) tests.push(entry);
    else tests[place] = entry;
    await this.#saveRun();
    if (summary.status !== "running") {
      for (const store of this.#open) if (store.folder === folder) this.#open.delete(store);
    }
  }

  /** Several tests may end at once; each writes what is known by then. */
  #saveRun(): Promise<void> {
    const saving = this.#saving.then(() =>
      this.#withReserve(() => replaceJson(`${this.#path}/${RUN_FILE}`, this.#summary, this.#owner), this.#path)
    );
    this.#saving = saving.catch(() => {}); // the caller gets it
    return saving;
  }

  /** Writes something small, on a full disk in the room that was kept free. */
  async #withReserve(write: () => Promise<void>, folder: string): Promise<void> {
    try {
      try {
        await write();
      } catch (error) {
        if (systemCode(error) !== "ENOSPC") throw error;
        await this.#freeReserve();
        await write();
      }
    } catch (error) {
      throw storeError(error, folder, "what was received before is kept");
    }
  }

  async #freeReserve(): Promise<void> {
    try {
      await Deno.remove(`${this.#path}/${RESERVE_FILE}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #rename(): Promise<string> {
    const from = this.#path;
    const name = await firstFree(this.#stamp, async (name) => {
      const path = `${this.#out}/${name}`;
      // Renaming replaces an empty folder or a file; a run that ends meanwhile has files in its folder.
      await mustBeFree(path);
      await Deno.rename(from, path);
      this.#path = path;
    });
    this.#complete = true;
    return name;
  }
}

/** Makes the folder of runs, if it is missing; folders above it are given to the owner as well where they are made. */
async function makeOut(out: string, owner: Owner | undefined): Promise<void> {
  try {
    await Deno.mkdir(out);
    await giveTo(out, owner);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists && (await Deno.stat(out)).isDirectory) return;
    const above = out.replace(/\/+[^/]*\/*$/, "");
    if (!(error instanceof Deno.errors.NotFound) || above === "" || above === out) throw error;
    await makeOut(above, owner);
    await Deno.mkdir(out);
    await giveTo(out, owner);
  }
}

async function makeWorkFolder(out: string, stamp: string, owner: Owner | undefined): Promise<string> {
  let path = "";
  await firstFree(stamp, async (name) => {
    path = `${out}/${name}${WORK_SUFFIX}`;
    await mustBeFree(`${out}/${name}`);
    await makeFolder(path, owner);
  });
  return path;
}

/** Tries names until one is not taken: `name`, `name-2`, `name-3`, ... */
async function firstFree(name: string, make: (name: string) => Promise<void>): Promise<string> {
  for (let i = 1;; i++) {
    const candidate = i === 1 ? name : `${name}-${i}`;
    try {
      await make(candidate);
      return candidate;
    } catch (error) {
      const taken = error instanceof Deno.errors.AlreadyExists || systemCode(error) === "ENOTEMPTY";
      if (!taken || i === 10_000) throw error;
    }
  }
}

async function mustBeFree(path: string): Promise<void> {
  try {
    await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new Deno.errors.AlreadyExists(path);
}
