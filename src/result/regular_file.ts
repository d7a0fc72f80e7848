/**
 * Reading files of results that may come from others: a pipe or a device in the place of a file would never end.
 *
 * @module
 */

import { TineError } from "../base/errors.ts";

/** A summary of 100,000 files takes some ten MiB; what is larger is no JSON of tine. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;

/**
 * Opens a file to read it.
 *
 * @param path may be a link to a file
 * @throws {Error} what Deno.open() throws; {TineError} `bad-results`, if it is something else than a file
 */
export async function openRegularFile(path: string): Promise<Deno.FsFile> {
  await sizeOf(path);
  return await Deno.open(path);
}

/**
 * Reads a file that holds JSON.
 *
 * @param path may be a link to a file
 * @throws {Error} what Deno.readTextFile() throws; {TineError} `bad-results`, if it is something else than a file, or of
 * more than 256 MiB
 */
export async function readJsonText(path: string): Promise<string> {
  if (await sizeOf(path) > MAX_JSON_BYTES) {
    throw new TineError("bad-results", `${path} is damaged: it has more than 256 MiB`);
  }
  return await Deno.readTextFile(path);
}

async function sizeOf(path: string): Promise<number> {
  // A pipe is not even opened: that waits for a writer.
  const { isFile, size } = await Deno.stat(path);
  if (!isFile) throw new TineError("bad-results", `${path} is damaged: it is no file`);
  return size;
}
