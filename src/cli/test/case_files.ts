import { whyNotWritten } from "../../result/store_error.ts";
import { join } from "node:path";
import { TineError, whyNotRead } from "../../base/errors.ts";
import { type CaseFile, parseCaseFile } from "../../udf/cases/mod.ts";

/** Files of a folder that may have cases. */
const ENDING = /\.ya?ml$/i;
/** A file of YAML that has cases: others are plans, or belong to other programs. */
const HAS_CASES = /^cases[ \t]*:/m;
/** Folders that hold what others wrote. */
const LEFT_OUT = /^(?:\.|node_modules$)/;

/**
 * Finds files of cases: those that are named, and all of folders that are named, in the order of their names.
 *
 * @throws {TineError} `cannot-read`, and `no-cases` where a folder has none
 */
export async function findCaseFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const info = await Deno.stat(path).catch((error) => {
      throw cannotRead(path, error);
    });
    if (!info.isDirectory) {
      files.push(path);
      continue;
    }
    const found = await filesBelow(path);
    if (found.length === 0) {
      throw new TineError("no-cases", `no file of YAML in ${path} has cases: expected one with a line cases:`);
    }
    files.push(...found);
  }
  return [...new Set(files)];
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch((error) => {
    throw cannotRead(folder, error);
  });
  const files: string[] = [];
  for (const { name, isDirectory, isFile } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    const path = join(folder, name);
    if (isDirectory && !LEFT_OUT.test(name)) files.push(...await filesBelow(path));
    else if (isFile && ENDING.test(name) && HAS_CASES.test(await Deno.readTextFile(path))) files.push(path);
  }
  return files;
}

/**
 * Reads a file of cases.
 *
 * @throws {TineError} `cannot-read`, or `bad-cases` with what is wrong with it
 */
export async function readCaseFile(path: string): Promise<CaseFile> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
  return await parseCaseFile(text, path);
}

/**
 * Writes a file of cases anew; it is there whole, before or after.
 *
 * @throws {TineError} `cannot-write`
 */
export async function writeCaseFile(path: string, text: string): Promise<void> {
  const real = await Deno.realPath(path).catch(() => path);
  const temporary = `${real}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    const { mode } = await Deno.stat(real);
    await Deno.writeTextFile(temporary, text, { createNew: true, mode: mode === null ? undefined : mode & 0o777 });
    await Deno.rename(temporary, real);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new TineError("cannot-write", `cannot write ${path}: ${whyNotWritten(error)}`, { cause: error });
  }
}

function cannotRead(path: string, error: unknown): TineError {
  const reason = whyNotRead(error);
  return new TineError("cannot-read", `cannot read ${path}: ${reason}`, { cause: error });
}
