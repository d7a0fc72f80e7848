import { basename, dirname, join, relative, resolve } from "node:path";
import { TineError } from "../../base/errors.ts";
import { whyNotWritten } from "../../result/store_error.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { escape, writeStdout } from "../terminal.ts";

/** The module that UDFs import their types from. */
const UDF_MODULE = "@tine/tine/udf";
/** The file that holds the types of UDFs where there is only the executable. */
const UDF_TYPES_FILE = "tine_udf.d.ts";
/** The file that declares the module that plans import. */
const PLAN_TYPES_FILE = "tine_node.d.ts";

/** Two points of a rate of 2 a second, for printf; times are seconds. */
const POINTS = "m v=1 1\\nm v=3 2\\n";

/** A module that is a plan, as its name says: `plan.ts`, `my_plan.ts`. */
const PLAN_MODULE = /(^|[^A-Za-z0-9])plan\.[jt]s$/i;

/** The text of a file. */
interface Text {
  readonly default: string;
}

/** A UDF, its test and its cases for each language; `my_udf` in them stands for the name of the UDF. */
const SKELETONS: Readonly<Record<"ts" | "js", () => Promise<Text>[]>> = {
  ts: () => [
    import("./skeletons/my_udf.ts", { with: { type: "text" } }),
    import("./skeletons/my_udf_test.ts", { with: { type: "text" } }),
    import("./skeletons/my_udf_cases.yaml", { with: { type: "text" } }),
  ],
  js: () => [
    import("./skeletons/my_udf.js", { with: { type: "text" } }),
    import("./skeletons/my_udf_test.js", { with: { type: "text" } }),
    import("./skeletons/my_udf_cases.yaml", { with: { type: "text" } }),
  ],
};

/** A plan for each format; the module has no types, so that it is JavaScript as well. */
const PLANS: Readonly<Record<"yaml" | "jsonc" | "ts", () => Promise<Text>>> = {
  yaml: () => import("./skeletons/my_plan.yaml", { with: { type: "text" } }),
  jsonc: () => import("./skeletons/my_plan.jsonc", { with: { type: "text" } }),
  ts: () => import("./skeletons/my_plan.ts", { with: { type: "text" } }),
};

/** `tine init`: a skeleton to start from. */
export const command = defineCommand({
  name: "init",
  summary: "Write a UDF or a plan to start from",
  usage: ["FILE.ts | FILE.js", "FILE.yaml | FILE.jsonc | FILE.json | plan.ts | NAME_plan.ts"],
  description:
    "Writes a small UDF that works, its test, and cases for tine test. The types for editors come with it, as tine_udf.d.ts and an entry in " +
    "deno.json; a UDF needs neither to run. Or writes a plan of tests, with comments (in .json too, tine reads them); a " +
    "module whose name ends with plan is one, and gets its types as tine_node.d.ts. Existing files are never overwritten.",
  flags: {},
  positionals: [{
    name: "FILE",
    help: "a module: .ts or .js; a plan: .yaml, .jsonc, .json, or a module named plan",
    complete: "file",
  }],
  examples: [
    { command: "tine init my_udf.ts", what: "a UDF in TypeScript" },
    { command: "deno test my_udf_test.ts", what: "run its test" },
    { command: "tine test my_udf_cases.yaml", what: "run its cases" },
    {
      command: `printf '${POINTS}' | \\\n    tine host --precision s --handler ./my_udf.ts --set field=v`,
      what: "try it with two points",
    },
    { command: "tine init my_plan.yaml", what: "a plan of tests" },
    { command: "tine init my_plan.ts", what: "one that a program writes" },
  ],

  async run({ positionals: [path] }) {
    if (/\.(ya?ml|jsonc?)$/.test(path) || PLAN_MODULE.test(path)) return await initPlan(path);
    const { language, module, test, cases } = namesFor(path);
    const folder = dirname(path);
    const name = module.replace(/\.\w+$/, "").replace(/\W/g, "_");
    const fill = ({ default: text }: Text) =>
      text.replaceAll(`my_udf_test.${language}`, test).replaceAll("my_udf_cases.yaml", cases)
        .replaceAll(/\.\/my_udf\.[jt]s/g, `./${module}`)
        .replace("@my_udf()", `@${name}()`);
    const [moduleText, testText, casesText] = await Promise.all(SKELETONS[language]());
    const skeleton = [
      { path: join(folder, module), text: fill(moduleText) },
      { path: join(folder, test), text: fill(testText) },
      { path: join(folder, cases), text: fill(casesText) },
    ];
    for (const file of skeleton) await refuseExisting(file.path);
    await refuseSiblings(path);

    // Written where they are missing: another UDF of the same folder has them already.
    const typesPath = join(folder, UDF_TYPES_FILE);
    const { default: text }: Text = await import("../../udf/udf_types.ts", { with: { type: "text" } });
    const support = await missing(typesPath, text);
    const config = await findConfig(folder);
    if (config === undefined) {
      const text = `{\n  "imports": { "${UDF_MODULE}": "./${UDF_TYPES_FILE}" }\n}\n`;
      support.push({ path: join(folder, "deno.json"), text });
    }
    await writeAll([...skeleton, ...support]);

    const shown = path.startsWith("/") ? path : `./${join(path)}`;
    console.error(`
Test it:  deno test ${join(folder, test)}
          tine test ${join(folder, cases)}
Try it:   printf '${POINTS}' | tine host --precision s --handler ${shown} --set field=v
Run it:   tine agent ${shown}`);
    if (config !== undefined && !(await Deno.readTextFile(config)).includes(UDF_MODULE)) {
      const target = relative(dirname(config), resolve(typesPath));
      console.error(`\nFor editors and deno test, add to ${config}:  "imports": { "${UDF_MODULE}": "./${target}" }`);
    }
    return 0;
  },
});

/** Writes a plan. */
async function initPlan(path: string): Promise<number> {
  const file = basename(path);
  if (!/^\w[\w.-]*$/.test(file)) {
    throw new UsageError(`FILE: expected a name of letters, digits, _, - and ., not "${escape(file)}"`);
  }
  await refuseExisting(path);
  await refuseSiblings(path);
  const format = PLAN_MODULE.test(path) ? "ts" : /\.ya?ml$/.test(path) ? "yaml" : "jsonc";
  const { default: text } = await PLANS[format]();
  const reference = format === "ts" ? `/// <reference path="./${PLAN_TYPES_FILE}" />\n` : "";
  const written = [{ path, text: reference + text.replaceAll(`my_plan.${format}`, file) }];
  const types = join(dirname(path), PLAN_TYPES_FILE);
  if (format === "ts") {
    const { nodeTypes } = await import("./node_types.ts");
    // Another plan of the same folder has it already.
    written.push(...await missing(types, nodeTypes()));
  }
  await writeAll(written);
  console.error(`\nRun it:    tine run ${path}\nCheck it:  tine vet ${path}`);
  return 0;
}

/** What the files are called. */
function namesFor(path: string): { language: "ts" | "js"; module: string; test: string; cases: string } {
  const module = basename(path);
  const [, name, language] = /^(.+)\.(ts|js)$/.exec(module) ?? [];
  if (name === undefined || name.endsWith(".d") || path.endsWith("/")) {
    throw new UsageError(
      `FILE: expected a name that ends in .ts or .js for a UDF, or .yaml, .jsonc or .json for a plan, not "${
        escape(path)
      }"`,
    );
  }
  if (!/^\w[\w.-]*$/.test(name)) {
    throw new UsageError(`FILE: expected a name of letters, digits, _, - and ., not "${escape(module)}"`);
  }
  if (/[._]test$/.test(name)) {
    throw new UsageError(
      `FILE: deno test takes ${escape(module)} for a test; the test of my_udf.ts is written with it`,
    );
  }
  if (`${name}.d.ts` === UDF_TYPES_FILE) {
    throw new UsageError(`FILE: ${UDF_TYPES_FILE} has the types of UDFs: expected another name than ${module}`);
  }
  return {
    language: language as "ts" | "js",
    module,
    test: `${name}_test.${language}`,
    cases: `${name}_cases.yaml`,
  };
}

/** Endings of files that stand for each other. */
const SIBLINGS = [["ts", "js"], ["yaml", "yml", "jsonc", "json"]];

/**
 * Refuses a file beside one with the same name in another language: they are easily confused, and compilers write one from
 * the other.
 *
 * @throws {TineError} `exists`
 */
async function refuseSiblings(path: string): Promise<void> {
  const [, stem, ending] = /^(.*)\.(\w+)$/.exec(path)!;
  for (const other of SIBLINGS.find((endings) => endings.includes(ending)) ?? []) {
    if (other === ending || !await exists(`${stem}.${other}`)) continue;
    throw new TineError(
      "exists",
      `${stem}.${other} exists already, and ${basename(path)} beside it is easily taken for it: nothing was written; ` +
        "choose another name or remove it",
    );
  }
}

/** Returns a file where it is missing. Warns of one that is there with another text. */
async function missing(path: string, text: string): Promise<{ path: string; text: string }[]> {
  if (!await exists(path)) return [{ path, text }];
  if (await Deno.readTextFile(path).catch(() => undefined) !== text) {
    console.error(`tine init: warning: ${path} is not that of this version of tine; remove it to have it written anew`);
  }
  return [];
}

async function refuseExisting(path: string): Promise<void> {
  if (!await exists(path)) return;
  throw new TineError("exists", `${path} exists already, nothing was written; choose another name or remove it`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new TineError("cannot-write", `cannot write ${path}: ${whyNotWritten(error)}`, { cause: error });
  }
}

/** The deno.json that counts for a folder: its own, or that of a folder above. */
async function findConfig(folder: string): Promise<string | undefined> {
  for (let current = resolve(folder);; current = dirname(current)) {
    for (const name of ["deno.json", "deno.jsonc"]) {
      const path = join(current, name);
      if (await exists(path)) return path;
    }
    if (dirname(current) === current) return undefined;
  }
}

/** Writes all files and prints their names, or writes no file: a part would keep the next try from writing the rest. */
async function writeAll(files: readonly { path: string; text: string }[]): Promise<void> {
  const written: string[] = [];
  for (const { path, text } of files) {
    try {
      (await Deno.open(path, { write: true, createNew: true })).close();
      written.push(path);
      await Deno.writeTextFile(path, text);
    } catch (error) {
      for (const made of written) await Deno.remove(made).catch(() => {});
      const reason = whyNotWritten(error);
      throw new TineError("cannot-write", `cannot write ${path}: ${reason}`, { cause: error });
    }
  }
  await writeStdout(written.map((path) => `${path}\n`).join(""));
}
