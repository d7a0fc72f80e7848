const build = new URL("../build.ts", import.meta.url).pathname;
const folder = new URL("../../.build/bench", import.meta.url).pathname;

/** The executable, built from this checkout, with a cache of its own. */
export interface BuiltTine extends AsyncDisposable {
  readonly path: string;
  /** To be in the environment of whoever starts it. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Builds the executable and starts it once, so that it is unpacked.
 *
 * @returns removes the cache when disposed of
 */
export async function builtTine(): Promise<BuiltTine> {
  const args = ["run", "--no-prompt", "-A", build, "--out", folder];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  if (!success) throw new Error(`the build failed: ${new TextDecoder().decode(stderr)}`);
  const path = new TextDecoder().decode(stdout).split(":")[0];
  const cache = await Deno.makeTempDir({ prefix: "tine-bench-" });
  const env = { XDG_CACHE_HOME: cache };
  await new Deno.Command(path, { args: ["--version"], env, stdin: "null" }).output();
  return { path, env, [Symbol.asyncDispose]: () => Deno.remove(cache, { recursive: true }) };
}
