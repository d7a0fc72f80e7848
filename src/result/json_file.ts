import { writeAll } from "../wire/connection.ts";
import { makeFile, type Owner } from "./owner.ts";

/** Writes JSON to a file that must not exist. */
export async function writeJson(path: string, value: unknown, owner?: Owner): Promise<void> {
  using file = await makeFile(path, owner);
  await writeAll(file, new TextEncoder().encode(JSON.stringify(value, undefined, 2) + "\n"));
}

/** Puts JSON in place of a file: whoever reads sees the old content or the new one. */
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
