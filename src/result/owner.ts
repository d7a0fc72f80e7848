import { TineError, whyNotRead } from "../base/errors.ts";
import { systemCode } from "./store_error.ts";
import { writeAll } from "../wire/connection.ts";

/** To whom results belong: where tine was run through sudo, the user that did so. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes a folder that must not exist; a link in its place is not followed.
 *
 * @throws {Deno.errors.AlreadyExists} if there is something with this name
 */
export async function makeFolder(path: string, owner?: Owner): Promise<void> {
  await Deno.mkdir(path);
  await giveTo(path, owner);
}

/**
 * Makes a file that must not exist; a link in its place is not followed.
 *
 * @throws {Deno.errors.AlreadyExists} if there is something with this name
 */
export async function makeFile(path: string, owner?: Owner): Promise<Deno.FsFile> {
  const file = await Deno.open(path, { write: true, createNew: true });
  try {
    await giveTo(path, owner);
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

/** Gives what was just made to its owner. */
export async function giveTo(path: string, owner: Owner | undefined): Promise<void> {
  if (owner !== undefined) await Deno.chown(path, owner.uid, owner.gid);
}

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
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw new TineError("cannot-read", `cannot read ${path}: ${whyNotRead(error)}`, { cause: error });
  }
}

/** Reasons why a file cannot get a second name, but may be copied. */
const COPY_INSTEAD = ["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP"];

/**
 * Gives a folder the files of another one: the same files by hard links where that is possible, else copies.
 * Links and what is no file are left out.
 *
 * @param from an existing folder
 * @param to an empty folder
 * @param leaveOut names in the folder that are left out
 */
export async function linkTree(
  from: string,
  to: string,
  owner?: Owner,
  leaveOut: (name: string) => boolean = () => false,
): Promise<void> {
  for await (const { name, isFile, isDirectory } of Deno.readDir(from)) {
    if (leaveOut(name)) continue;
    if (isDirectory) {
      await makeFolder(`${to}/${name}`, owner);
      await linkTree(`${from}/${name}`, `${to}/${name}`, owner);
    } else if (isFile) await linkFile(`${from}/${name}`, `${to}/${name}`, owner);
  }
}

async function linkFile(from: string, to: string, owner: Owner | undefined): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch (error) {
    if (!COPY_INSTEAD.includes(systemCode(error))) throw error;
    await Deno.copyFile(from, to);
    await giveTo(to, owner);
  }
}

/** Writes JSON to a file that must not exist. */
export async function writeJson(path: string, value: unknown, owner?: Owner): Promise<void> {
  using file = await makeFile(path, owner);
  await writeAll(file, new TextEncoder().encode(JSON.stringify(value, undefined, 2) + "\n"));
}

/** Replaces a file by JSON, atomically. */
export async function replaceJson(path: string, value: unknown, owner?: Owner): Promise<void> {
  const draft = `${path}.new`;
  try {
    await writeJson(draft, value, owner);
    await Deno.rename(draft, path);
  } catch (error) {
    await Deno.remove(draft).catch(() => {}); // what went wrong first is what matters
    throw error;
  }
}
