import { openRegularFile } from "./regular_file.ts";
import { TineError, whyNotRead } from "../base/errors.ts";
import { PLAN_FILE } from "./summary.ts";

/**
 * Marks a run as under way: an exclusive lock, flock(2), on its copy of the plan. The kernel releases it whatever
 * the process dies of.
 *
 * @param path of the run's folder
 * @returns what holds the lock; undefined where the file system has no locks
 */
export async function lockRun(path: string): Promise<Deno.FsFile | undefined> {
  const file = await Deno.open(`${path}/${PLAN_FILE}`);
  try {
    await file.lock(true);
    return file;
  } catch {
    file.close();
    return undefined; // nothing but followers asks for it
  }
}

/**
 * Whether the process of a run lives.
 *
 * @param path of the run's folder
 * @returns false also for a run that is complete, and one of a version without locks
 */
export async function isUnderWay(path: string): Promise<boolean> {
  try {
    using file = await openRegularFile(`${path}/${PLAN_FILE}`);
    return !await file.tryLock(false);
  } catch (error) {
    if (error instanceof TineError) throw error;
    if (error instanceof Deno.errors.NotFound) return false;
    throw new TineError("cannot-read", `cannot read ${path}/${PLAN_FILE}: ${whyNotRead(error)}`, { cause: error });
  }
}
