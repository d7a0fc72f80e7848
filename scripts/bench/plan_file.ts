import type { RunInput } from "../../src/node/mod.ts";

/** A plan of one test in a file of a temporary folder, in which its results go as well. */
export interface PlanFile extends AsyncDisposable {
  readonly folder: string;
  readonly path: string;
}

/** Writes a plan of one test. */
export async function planFile(run: RunInput): Promise<PlanFile> {
  const folder = await Deno.makeTempDir({ prefix: "tine-bench-" });
  const path = `${folder}/plan.json`;
  await Deno.writeTextFile(path, JSON.stringify({ tests: [{ id: { name: "bench" }, ...run }] }));
  return { folder, path, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}
