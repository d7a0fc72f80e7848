import { giveTo, makeFolder, type Owner } from "./owner.ts";
import { systemCode } from "./store_error.ts";

/** Reasons why a file cannot get a second name, but may be copied. */
const COPY_INSTEAD = ["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP"];

/**
 * Gives a folder the files of another one: the same files by hard links where that is possible, else copies.
 * Links and what is no file are left out.
 *
 * @param from an existing folder
 * @param to an empty folder
 */
export async function linkTree(from: string, to: string, owner?: Owner): Promise<void> {
  for await (const { name, isFile, isDirectory } of Deno.readDir(from)) {
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
