import { messageOf, TineError } from "../../base/errors.ts";

/** Where executables of tine for other machines come from. */
export interface ExeSource {
  /** Files that are there already, by platform. */
  platforms(): ReadonlyMap<string, string>;
  /**
   * The file of the executable for a platform; undefined where this source has none. It may take a while to make it.
   *
   * @param platform such as `linux-x64`
   */
  find(platform: string, options: FindOptions): Promise<string | undefined>;
}

/** What is needed while an executable is made. */
export interface FindOptions {
  /** Ends that. */
  readonly signal: AbortSignal;
  /** What is started has this in its environment as `TINE_NODE`: it ends with its node. */
  readonly lineage: string;
  /** Told what takes long. */
  onLine(line: string): void;
}

/** Files that are known, such as those that a parent node has handed down. */
export function knownFiles(files: Readonly<Record<string, string>>): ExeSource {
  const known = new Map(Object.entries(files));
  return { platforms: () => known, find: (platform) => Promise.resolve(known.get(platform)) };
}

/** The first of several sources that has it. */
export function firstOf(sources: readonly ExeSource[]): ExeSource {
  return {
    platforms: () => new Map(sources.toReversed().flatMap((source) => [...source.platforms()])),
    async find(platform, options) {
      for (const source of sources) {
        const file = await source.find(platform, options);
        if (file !== undefined) return file;
      }
      return undefined;
    },
  };
}

/** No source has an executable for a platform. */
export function noExecutable(platform: string): TineError {
  return new TineError(
    "no-executable",
    `there is no tine for ${platform} here: build it in a checkout (deno task build --platform ${platform} --out DIR), ` +
      "and give the folder to tine run (--exe-dir DIR)",
  );
}

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
