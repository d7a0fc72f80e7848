/** The executable, as it is deployed. */

import { checkoutBuild } from "../../src/node/launch/executable.ts";
import { thisPlatform } from "../../src/node/platform.ts";

/** Where a checkout keeps its builds. */
const cache = new URL("../../.cache", import.meta.url).pathname;

/**
 * Builds the executable for this machine, once for the same sources, in a temporary folder that everybody can read.
 *
 * @returns its path; on disposal it is removed
 */
export async function buildTine(): Promise<{ readonly path: string } & AsyncDisposable> {
  const built = await builtFile();
  const folder = await Deno.makeTempDir({ prefix: "tine-built-" });
  await Deno.chmod(folder, 0o755);
  const path = `${folder}/tine`;
  await Deno.copyFile(built, path);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

/** Builds what `tine run` sends to other machines, so that runs which begin together need not each build it. */
export async function prepareSentTine(): Promise<void> {
  await builtFile();
}

async function builtFile(): Promise<string> {
  // Tests in other processes want it at the same time: the first one builds it, and the others find it.
  await Deno.mkdir(cache, { recursive: true });
  using lock = await Deno.open(`${cache}/test-build.lock`, { create: true, write: true });
  await lock.lock(true);
  const options = { signal: new AbortController().signal, lineage: "", onLine() {} };
  const path = await checkoutBuild().find(thisPlatform(), options);
  if (path === undefined) throw new Error("the tests do not run from a checkout");
  return path;
}
