import { messageOf, TineError } from "../../../base/errors.ts";

/** An executable of tine as it is sent to other machines. */
export interface ExeFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256, in hexadecimal digits. */
  readonly hash: string;
}

const known = new Map<string, Promise<ExeFile>>();

/**
 * Reads the size and the hash of an executable; once for the same file.
 *
 * @throws {TineError} `no-executable`
 */
export async function exeFile(path: string): Promise<ExeFile> {
  try {
    const { size, mtime, ino } = await Deno.stat(path);
    const key = `${path}\n${size}\n${mtime?.getTime()}\n${ino}`;
    const file = known.get(key) ?? describe(path);
    known.set(key, file);
    return await file;
  } catch (error) {
    throw new TineError("no-executable", `the executable ${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function describe(path: string): Promise<ExeFile> {
  const bytes = await Deno.readFile(path);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  return { path, size: bytes.length, hash };
}
