import { TineError } from "../../src/base/errors.ts";

/** The repository. */
export const root = new URL("../../", import.meta.url).pathname;

/** What Deno needs beside `-A` to run tine; the same as `unstable` in deno.json. */
export const unstableFlags = ["--unstable-net", "--unstable-worker-options"];

/** What authors' modules import from tine, by the name: a path from the repository's root. The same as in deno.json. */
const importable: Readonly<Record<string, string>> = { "@tine/tine/node": "src/node/mod.ts" };

/** The import map that the packed program runs with, beside the bundled files. */
export const importMap = JSON.stringify({
  imports: Object.fromEntries(
    Object.entries(importable).map(([name, path]) => [name, `./${path.replace(/ts$/, "js")}`]),
  ),
});

/** How sources name a module that is loaded by its address: `new URL("./x.ts", import.meta.url)`, or a choice of such. */
const moduleUrl = /new URL\([^()]*?"(\.{1,2}\/[^"]+\.ts)"[^()"]*import\.meta\.url\s*\)/g;

/**
 * The modules that are loaded by their address instead of an import, such as the code of workers; found in the sources,
 * so that they need no list.
 *
 * @returns paths from the repository's root, sorted
 */
export async function workerModules(): Promise<string[]> {
  const found = new Set<string>();
  for await (const path of sources(`${root}src`)) {
    for (const [, specifier] of (await Deno.readTextFile(path)).matchAll(moduleUrl)) {
      found.add(new URL(specifier, `file://${path}`).pathname.slice(root.length));
    }
  }
  return [...found].sort();
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

/**
 * Bundles the program; what is loaded lazily stays in files of its own.
 *
 * @param entry the module to start with, from the repository's root
 * @param node the module that nodes start with; it gets a bundle of its own in the folder `node`
 * @returns the files' texts by their paths; the entry's path has `.js` for `.ts`
 * @throws {TineError} `bundle`, when it cannot be bundled
 */
export async function bundle(entry: string, node: string): Promise<Map<string, string>> {
  const workers = await workerModules();
  // A common file above all keeps the layout: output paths are relative to the entries' common folder.
  const program = await bundleOf(["main.ts", entry, ...workers, ...Object.values(importable)], workers);
  const nodeProgram = await bundleOf([node], workers, "node/");
  return new Map([...program, ...nodeProgram].sort(([a], [b]) => a < b ? -1 : 1));
}

/** Files of the bundle of some entries, in a folder. */
async function bundleOf(
  entries: readonly string[],
  workers: readonly string[],
  folder = "",
): Promise<[path: string, text: string][]> {
  const out = await Deno.makeTempDir({ prefix: "tine-bundle-" });
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "-q", "--code-splitting", "--outdir", out, ...entries],
      cwd: root,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) {
      const message = new TextDecoder().decode(stderr).split("\nStack backtrace")[0].trim();
      throw new TineError("bundle", `deno bundle failed: ${message}`);
    }
    const files: [string, string][] = [];
    for await (const path of outputs(out)) {
      const name = folder + path.slice(out.length + 1);
      const text = relink(name, await Deno.readTextFile(path), workers);
      files.push([name, withLazyImports(withLazyRequire(text))]);
    }
    return files;
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

async function* outputs(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* outputs(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

/**
 * Hides the addresses in `import("./x.js")` from Deno: it would read and check all modules that the program could ever
 * load before it starts the first one, some 180 of them, which takes longer than most commands.
 */
function withLazyImports(text: string): string {
  return text.replace(/\bimport\(("\.{1,2}\/[^"\n]+\.js")\)/g, "import(String($1))");
}

/** How the bundler provides `require` to packages that are CommonJS. */
const EAGER_REQUIRE =
  /^import \{ createRequire as (\w+) \} from "node:module";\nvar __require = \1\(import\.meta\.url\);$/m;

/**
 * Has `require` loaded when a package calls it: the bundler puts it in front of what all modules share, and the first
 * import of a `node:` module makes each start 14 ms longer. What is required are modules of Node.js only; all others are in
 * the bundle.
 *
 * @throws {TineError} `bundle`, if the bundler provides it in another form
 */
function withLazyRequire(text: string): string {
  const lazy = text.replace(EAGER_REQUIRE, "var __require = (name) => process.getBuiltinModule(name);");
  if (lazy.includes("createRequire")) throw new TineError("bundle", "deno bundle provides require in an unknown form");
  return lazy;
}

/** The bundler moves modules, but not the addresses in them: these are recognized by the file's name. */
function relink(path: string, text: string, workers: readonly string[]): string {
  return text.replace(moduleUrl, (_, specifier: string) => {
    const name = specifier.slice(specifier.lastIndexOf("/"));
    const [worker, ...others] = workers.filter((worker) => `/${worker}`.endsWith(name));
    if (worker === undefined || others.length > 0) {
      throw new TineError(
        "bundle",
        `which module is ${specifier} in ${path}? Modules loaded by address need own names`,
      );
    }
    const up = "../".repeat(path.split("/").length - 1) || "./";
    return `new URL("${up}${worker.replace(/\.ts$/, ".js")}", import.meta.url)`;
  });
}
