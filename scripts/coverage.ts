/**
 * Runs the tests, all or those that are named, and prints how much of each folder of the sources they run.
 *
 *     deno task coverage [FILE|FOLDER...]
 *
 * Processes and workers that tests start count too, also in copies of the checkout, but for those that are killed, and
 * those that run from a bundle or an executable. Running so takes about twice as long, and some GB of the temporary folder.
 *
 * @module
 */
import { main as runTests } from "./run_tests.ts";

/** What of a file, or of a folder, tests have run. */
export interface Coverage {
  lines: number;
  linesRun: number;
  branches: number;
  branchesRun: number;
}

/**
 * Sums up a report in the format of lcov by folder of the sources, sorted.
 *
 * Format: https://github.com/linux-test-project/lcov, geninfo(1)
 *
 * @param report as `deno coverage --lcov` prints it
 * @param root the folder of the checkout, with a slash at its end
 *
 * @example
 * ```ts
 * import { byFolder } from "./coverage.ts";
 * const folders = byFolder("SF:/tine/src/wire/pipe.ts\nLF:10\nLH:9\nend_of_record\n", "/tine/");
 * console.assert(folders.get("src/wire")?.linesRun === 9);
 * ```
 */
export function byFolder(report: string, root: string): Map<string, Coverage> {
  const folders = new Map<string, Coverage>();
  let current: Coverage | undefined;
  for (const line of report.split("\n")) {
    const [, key, value] = /^(SF|LF|LH|BRF|BRH):(.*)$/.exec(line) ?? [];
    if (key === "SF") current = folderOf(folders, value, root);
    else if (current === undefined || key === undefined) continue;
    else current[COUNTS[key as keyof typeof COUNTS]] += Number(value);
  }
  return new Map([...folders].sort(([a], [b]) => a < b ? -1 : 1));
}

const COUNTS = { LF: "lines", LH: "linesRun", BRF: "branches", BRH: "branchesRun" } as const;

/** The sums of the folder that a file is in; undefined for what is no source. */
function folderOf(folders: Map<string, Coverage>, path: string, root: string): Coverage | undefined {
  const [, folder] = path.startsWith(root) ? /^(src\/[^/]+)\//.exec(path.slice(root.length)) ?? [] : [];
  if (folder === undefined || folder === "src/std") return undefined;
  let sums = folders.get(folder);
  if (sums === undefined) folders.set(folder, sums = { lines: 0, linesRun: 0, branches: 0, branchesRun: 0 });
  return sums;
}

/**
 * Leaves of a folder of coverage only what `deno coverage` is to read: of the sources of this checkout, or of a copy of it.
 * Files that a process was killed at are cut, with which `deno coverage` would give up.
 *
 * @param folder what `DENO_COVERAGE_DIR` was; a file a script and process
 * @param root the folder of the checkout, with a slash at its end
 * @returns how many files were cut
 */
export function keepSources(folder: string, root: string): number {
  const sources = new URL("src/", `file://${root}`).href;
  let cut = 0;
  for (const { name } of [...Deno.readDirSync(folder)]) {
    const path = `${folder}/${name}`;
    const script = parse(Deno.readTextFileSync(path));
    if (script === undefined) cut++;
    const url = script?.url.replace(COPY, sources);
    if (url === undefined || !url.startsWith(sources)) Deno.removeSync(path);
    else if (url !== script!.url) Deno.writeTextFileSync(path, JSON.stringify({ ...script, url }));
  }
  return cut;
}

const COPY = /^file:\/\/.*\/tine-checkout-[^/]+\/src\//;

function parse(text: string): { readonly url: string } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function table(folders: ReadonlyMap<string, Coverage>): string {
  const percent = (run: number, all: number) => (all === 0 ? "-" : `${(100 * run / all).toFixed(1)}%`).padStart(9);
  const total: Coverage = { lines: 0, linesRun: 0, branches: 0, branchesRun: 0 };
  for (const sums of folders.values()) {
    for (const key of Object.keys(total) as (keyof Coverage)[]) total[key] += sums[key];
  }
  const rows = [...folders, ["all", total] as const].map(([name, { lines, linesRun, branches, branchesRun }]) =>
    `${name.padEnd(16)} ${String(lines).padStart(7)} ${percent(linesRun, lines)} ${percent(branchesRun, branches)}`
  );
  return [`${"folder".padEnd(16)} ${"lines".padStart(7)} ${"run".padStart(9)} ${"branches".padStart(9)}`, ...rows].join(
    "\n",
  );
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ prefix: "tine-coverage-" });
  try {
    // Every deno process below writes what it ran into this folder.
    Deno.env.set("DENO_COVERAGE_DIR", folder);
    const status = await runTests(Deno.args);
    Deno.env.delete("DENO_COVERAGE_DIR");
    const root = new URL("..", import.meta.url).pathname;
    const cut = keepSources(folder, root);
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["coverage", "--lcov", folder],
      cwd: root,
    }).output();
    if (!success) throw new Error(`deno coverage: ${new TextDecoder().decode(stderr)}`);
    console.log("\n" + table(byFolder(new TextDecoder().decode(stdout), root)));
    if (cut > 0) console.log(`${cut} files of coverage were cut when their processes were killed`);
    Deno.exitCode = status;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
