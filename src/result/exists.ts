import { messageOf, TineError } from "../base/errors.ts";

/**
 * Whether there is something with this path; a link counts by itself.
 *
 * @throws {TineError} `cannot-read`
 */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new TineError("cannot-read", `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}
