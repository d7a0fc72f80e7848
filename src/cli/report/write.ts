import { TineError } from "../../base/errors.ts";
import { sudoIds } from "../../node/launch/invoking_user.ts";
import { giveTo } from "../../result/owner.ts";
import { whyNotWritten } from "../../result/store_error.ts";
import type { Page } from "../../report/mod.ts";
import { UsageError } from "../errors.ts";
import { escape, writeStdout } from "../terminal.ts";

/**
 * Writes pages: to a folder all of them, else the only one to a file. Says on stderr where they are.
 *
 * @param out a folder that ends with a slash, a file, or - for standard output
 * @returns the path of what a reader opens
 * @throws {TineError} `cannot-write`
 */
export async function writePages(out: string, pages: AsyncIterable<Page>): Promise<string> {
  if (!out.endsWith("/")) {
    for await (const { text } of pages) await writeFile(out, text);
    return out;
  }
  let last = out;
  await attempt(out, Deno.mkdir(out, { recursive: true }));
  for await (const { name, text } of pages) {
    last = `${out}${name}`;
    await writeWhole(last, text);
  }
  console.error(escape(last));
  return last;
}

/**
 * Refuses the name of a picture or a text for what is HTML.
 *
 * @param instead how such a file is made
 * @throws {UsageError}
 */
export function checkPageName(out: string, instead: string): void {
  if (!/\.(svg|png|jpe?g|gif|pdf|md|json|csv|txt)$/i.test(out)) return;
  throw new UsageError(`a page is HTML: expected a file such as page.html, not "${escape(out)}"; ${instead}`);
}

/**
 * Writes a file, or standard output for -. A file appears when it is whole.
 *
 * @throws {TineError} `cannot-write`
 */
export async function writeFile(path: string, content: string | Uint8Array): Promise<void> {
  if (path === "-") return await writeStdout(content);
  await writeWhole(path, content);
  console.error(escape(path));
}

/**
 * Writes the page of a run to a file.
 *
 * @param folder of the run
 * @throws {TineError} `cannot-write`, and those of reading results
 */
export async function writeRunPage(folder: string, path: string): Promise<void> {
  const [{ openResults }, { makePages }] = await Promise.all([
    import("../../result/mod.ts"),
    import("../../report/mod.ts"),
  ]);
  const results = await openResults(folder);
  if (results.kind === "run") await writePages(path, makePages([results]));
}

/** Writes under a temporary name and renames: a part of it is never seen, and an older one stays until then. */
async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    await attempt(path, Deno.writeFile(temporary, bytes, { createNew: true }));
    // As results do, it belongs to the user that called sudo.
    await attempt(path, giveTo(temporary, sudoIds()));
    await attempt(path, Deno.rename(temporary, path));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

async function attempt<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new TineError("cannot-write", `cannot write ${path}: ${whyNotWritten(error)}`, { cause: error });
  }
}
