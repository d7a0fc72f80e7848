import { checkoutBuild } from "../../src/node/launch/executable.ts";
import { thisPlatform } from "../../src/node/platform.ts";

/** The executable, built from this checkout, with a cache of its own. */
export interface BuiltTine extends AsyncDisposable {
  readonly path: string;
  /** To be in the environment that it is started with. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Builds the executable, once for the same sources, and starts it once, so that it is unpacked.
 *
 * @returns removes the cache when disposed of
 */
export async function builtTine(): Promise<BuiltTine> {
  const options = { signal: new AbortController().signal, lineage: "", onLine() {} };
  const path = await checkoutBuild().find(thisPlatform(), options);
  if (path === undefined) throw new Error("there is no checkout to build tine from");
  const cache = await Deno.makeTempDir({ prefix: "tine-bench-" });
  const env = { XDG_CACHE_HOME: cache };
  await new Deno.Command(path, { args: ["--version"], env, stdin: "null" }).output();
  return { path, env, [Symbol.asyncDispose]: () => Deno.remove(cache, { recursive: true }) };
}
