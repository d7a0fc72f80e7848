import { TineError } from "../base/errors.ts";

/** The link to the run that was completed last. */
export const LATEST = "latest";

/**
 * Checks that the link can be set later.
 *
 * @throws {TineError} `latest-not-link`, if something else has its name
 */
export async function checkLatest(out: string): Promise<void> {
  try {
    if ((await Deno.lstat(`${out}/${LATEST}`)).isSymlink) return;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new TineError(
    "latest-not-link",
    `${out}/${LATEST} is no link, so that it cannot lead to the results of the latest run: remove or rename it`,
  );
}

/** Makes the link lead to a run; whoever looks sees the one before or this one. */
export async function setLatest(out: string, runName: string): Promise<void> {
  // A link is made under a name of its own and renamed: there is no call that replaces a link.
  const path = `${out}/.${LATEST}-${crypto.randomUUID()}`;
  await Deno.symlink(runName, path);
  try {
    await Deno.rename(path, `${out}/${LATEST}`);
  } catch (error) {
    await Deno.remove(path);
    throw error;
  }
}
