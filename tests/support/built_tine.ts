/** The executable, as it is deployed. */

import { checkoutBuild } from "../../src/node/launch/executable.ts";
import { thisPlatform } from "../../src/node/platform.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/**
 * Builds the executable for this machine, in a temporary folder that everybody can read.
 *
 * @returns its path; on disposal it is removed
 */
export async function buildTine(): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "tine-built-" });
  await Deno.chmod(folder, 0o755);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${ROOT}scripts/build.ts`, "--pack", "--out", folder],
    stdout: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const [path] = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

/** Builds what `tine run` sends to other machines, so that runs which begin together need not build it each. */
export async function prepareSentTine(): Promise<void> {
  await checkoutBuild().find(thisPlatform(), { signal: new AbortController().signal, lineage: "", onLine() {} });
}
