/**
 * Files that keep what was made from the records of a test, in its folder. Records stay the truth: what is kept counts
 * only while they are the same, and is no more than a shortcut.
 *
 * @module
 */

import { openRegularFile } from "./regular_file.ts";
import { sudoIds } from "../node/launch/invoking_user.ts";
import { writeAll } from "../wire/connection.ts";
import { makeFile } from "./owner.ts";
import { RECORD_FILE } from "./read_records.ts";

/** So much of the end of the records identifies them, together with their size: it has counts and times of the end. */
const END_BYTES = 64 * 1024;

/** What identifies the records of a test: they are only appended to. */
export interface RecordsMark {
  readonly bytes: number;
  /** SHA-256 of their last 64 KiB. */
  readonly end: string;
}

/** Whether a mark is that of the same records. */
export function isMarkOf(mark: Partial<RecordsMark> | null | undefined, records: RecordsMark): boolean {
  return mark?.bytes === records.bytes && mark.end === records.end;
}

/** The mark of the records as they are now; undefined where they cannot be read. */
export async function markOf(folder: string): Promise<RecordsMark | undefined> {
  try {
    using file = await openRegularFile(`${folder}/${RECORD_FILE}`);
    const { size } = await file.stat();
    const end = new Uint8Array(Math.min(size, END_BYTES));
    await file.seek(size - end.length, Deno.SeekMode.Start);
    for (let length = 0; length < end.length;) {
      const count = await file.read(end.subarray(length));
      if (count === null) return undefined; // They became shorter.
      length += count;
    }
    return { bytes: size, end: new Uint8Array(await crypto.subtle.digest("SHA-256", end)).toHex() };
  } catch {
    return undefined; // A program that reads the records reports what is wrong.
  }
}

/**
 * Reads JSON that is kept.
 *
 * @param name of the file
 * @param maxBytes a larger one is none of tine's
 * @returns undefined where there is none, or it is damaged
 */
export async function readKeptFile(folder: string, name: string, maxBytes: number): Promise<unknown> {
  try {
    const path = `${folder}/${name}`;
    // Results may come from others: a link or a pipe in its place is not opened.
    const { isFile, size } = await Deno.lstat(path);
    if (!isFile || size > maxBytes) return undefined;
    return JSON.parse(await Deno.readTextFile(path));
  } catch {
    return undefined; // It is made anew.
  }
}

/** Puts a file in place, at once; where that is not possible, nothing is kept. */
export async function writeKeptFile(folder: string, name: string, text: string): Promise<void> {
  const path = `${folder}/${name}`;
  // Of several that look at once, each has its own draft.
  const draft = `${path}.${crypto.randomUUID()}.draft`;
  try {
    if (Deno.permissions.querySync({ name: "write", path: draft }).state !== "granted") return;
    {
      using file = await makeFile(draft, sudoIds());
      await writeAll(file, new TextEncoder().encode(text));
    }
    await Deno.rename(draft, path);
  } catch {
    // A folder that is read-only, a full disk.
    await Deno.remove(draft).catch(() => {});
  }
}

/** Whether a file in the folder of a test is a draft of {@linkcode writeKeptFile}, which may be gone at any time. */
export function isDraft(name: string): boolean {
  return name.endsWith(".draft") && !name.includes("/");
}
