import { glob, isGlob } from "../../../base/glob.ts";

/**
 * Finds the files whose paths match a glob pattern, sorted. Folders that cannot be read have none; `**` follows no links.
 *
 * @param pattern absolute, or relative to the working folder
 * @param most how many entries of folders are looked at
 * @returns paths; `whole` is false if there were more entries
 *
 * @example
 * ```ts
 * import { findFiles } from "./find_files.ts";
 * const { paths } = await findFiles("/proc/sys/net/ipv4/tcp_*mem", 10_000);
 * ```
 */
export async function findFiles(pattern: string, most: number): Promise<{ paths: string[]; whole: boolean }> {
  const parts = pattern.split("/").filter((part, i) => part !== "" || i === 0);
  const found = new Set<string>();
  let left = most;

  const entriesOf = async (folder: string): Promise<Deno.DirEntry[]> => {
    const entries: Deno.DirEntry[] = [];
    try {
      for await (const entry of Deno.readDir(folder === "" ? "." : folder)) {
        if (left-- <= 0) break;
        entries.push(entry);
      }
    } catch {
      // It is no folder, it went away, or it is not ours.
    }
    return entries;
  };
  const walk = async (base: string, at: number): Promise<void> => {
    if (left <= 0) return;
    if (at === parts.length) {
      if (await isFile(base)) found.add(base);
      return;
    }
    const part = parts[at];
    if (part === "**") {
      await walk(base, at + 1);
      for (const { name, isDirectory } of await entriesOf(base)) {
        if (isDirectory) await walk(join(base, name), at);
        else if (at === parts.length - 1) await walk(join(base, name), at + 1);
      }
    } else if (isGlob(part)) {
      const matches = glob(part);
      for (const { name } of await entriesOf(base)) if (matches(name)) await walk(join(base, name), at + 1);
    } else {
      await walk(at === 0 && part === "" ? "/" : join(base, part), at + 1);
    }
  };
  await walk("", 0);
  return { paths: [...found].sort(), whole: left > 0 };
}

function join(base: string, name: string): string {
  return base === "" || base.endsWith("/") ? base + name : `${base}/${name}`;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
