/**
 * Checks that the top level has what the layout has, and that the sources keep to their layers: a module imports only
 * modules of its own layer and of those below it, no modules import each other in a circle at run time, and no module
 * imports itself, not even later. A short module with one user is part of that one, and none is much too long. An
 * exported name stands for one thing.
 *
 *     deno run --allow-read scripts/check_layers.ts
 *
 * Imports of types count for the layers, since they say what a module knows, and not for circles, since they are gone
 * at run time. Imports that are made later, by `import()`, count likewise.
 *
 * @module
 */
import { dirname, join, relative } from "node:path/posix";

/** The folders of `src`, from top to bottom. */
const LAYERS = [
  "cli",
  "report",
  "experiment",
  "bridge",
  "result",
  "node",
  "flow",
  "udf",
  "sys",
  "wire",
  "base",
] as const;

/** Folders that lie in different halves of the product, and that only the layers above both may join. */
const SEPARATE: readonly (readonly [string, string])[] = [["node", "udf"], ["flow", "udf"], ["sys", "udf"]];

/** An import of one module by another. */
export interface Import {
  readonly from: string;
  readonly to: string;
  /** Whether it is made when the module loads. */
  readonly atStart: boolean;
  /** Whether it is made by `import()`, once it is needed. */
  readonly later?: boolean;
}

const STATEMENT = /^(?:import|export)\s+(type\s+)?(?:([\w*{][^;"]*?)\s+from\s+)?"(\.[^"]+)"/gm;
const DYNAMIC = /\bimport\("(\.[^"]+)"\)/g;
const COMMENT = /\/\*[^]*?\*\/|^\s*\/\/.*$/gm;

/**
 * Finds the relative imports of a module.
 *
 * @param path its path, from the root of the checkout
 * @param source its text, as `deno fmt` writes it
 *
 * @example
 * ```ts
 * import { importsOf } from "./check_layers.ts";
 * const [{ to, atStart }] = importsOf("src/wire/a.ts", 'import type { B } from "../base/b.ts";\n');
 * console.assert(to === "src/base/b.ts" && !atStart);
 * ```
 */
export function importsOf(path: string, source: string): Import[] {
  const code = source.replace(COMMENT, "");
  const to = (specifier: string) => join(dirname(path), specifier);
  const imports: Import[] = [];
  for (const [, type, names, specifier] of code.matchAll(STATEMENT)) {
    imports.push({ from: path, to: to(specifier), atStart: type === undefined && !areTypes(names) });
  }
  for (const [, specifier] of code.matchAll(DYNAMIC)) {
    imports.push({ from: path, to: to(specifier), atStart: false, later: true });
  }
  return imports;
}

/** Whether all names of a list such as `{ type A, type B }` are types. */
function areTypes(names: string | undefined): boolean {
  const list = /^\{([^]*)\}$/.exec(names ?? "")?.[1].split(",").map((name) => name.trim()).filter((name) =>
    name !== ""
  );
  return list !== undefined && list.length > 0 && list.every((name) => name.startsWith("type "));
}

/**
 * Finds what is wrong with imports, one sentence each.
 *
 * @example
 * ```ts
 * import { problemsOf } from "./check_layers.ts";
 * console.assert(problemsOf([{ from: "src/wire/a.ts", to: "src/cli/b.ts", atStart: true }]).length === 1);
 * ```
 */
export function problemsOf(imports: readonly Import[]): string[] {
  const problems: string[] = [];
  for (const { from, to } of imports) {
    if (from === to) problems.push(`${from} imports itself, which deno bundle cannot handle`);
    const [above, below] = [layerOf(from), layerOf(to)];
    if (above === undefined || below === undefined || above === below) continue;
    const rank = (layer: string) => LAYERS.indexOf(layer as typeof LAYERS[number]);
    for (const [path, layer] of [[from, above], [to, below]]) {
      if (rank(layer) < 0) {
        problems.push(`${path} is in src/${layer}, which is no layer: expected ${LAYERS.join(", ")}`);
      }
    }
    if (rank(above) > rank(below)) problems.push(`${from} imports ${to}: src/${above} lies below src/${below}`);
    if (SEPARATE.some((pair) => pair.includes(above) && pair.includes(below))) {
      problems.push(`${from} imports ${to}: src/${above} and src/${below} do not know each other`);
    }
  }
  for (const circle of circlesOf(imports)) problems.push(`these import each other at run time: ${circle.join(" -> ")}`);
  return [...new Set(problems)];
}

/** The folder of `src` that a module lies in; undefined for the modules of other folders, which may import any. */
function layerOf(path: string): string | undefined {
  const layer = /^src\/([^/]+)\//.exec(path)?.[1];
  return layer === "std" ? undefined : layer;
}

/** A circle for each import that closes one, with the first module again at its end. */
function circlesOf(imports: readonly Import[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to, atStart } of imports) {
    if (atStart) next.set(from, [...next.get(from) ?? [], to]);
  }
  const circles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (module: string) => {
    const start = path.indexOf(module);
    if (start >= 0) circles.push([...path.slice(start), module]);
    if (start >= 0 || done.has(module)) return;
    path.push(module);
    for (const imported of next.get(module) ?? []) visit(imported);
    path.pop();
    done.add(module);
  };
  for (const module of next.keys()) visit(module);
  return circles;
}

/** A module with fewer lines than this, and one user, is part of that one. */
const SHORT_LINES = 80;
/** Unless both together have more lines than this: a module of more is split where it has two ideas. */
const LONG_LINES = 400;
/** No idea takes more lines than this. */
const MAX_LINES = 500;

/** Modules that list others of a kind, which have a module each; a `mod.ts` hands on what others use. */
const LISTS = /(?:^|\/)(?:mod|formats|registry|runners)\.ts$|^src\/report\/test_report\.ts$/;

/**
 * Finds modules of `src` that are too long, and short ones that only one other module uses, one sentence each.
 *
 * @param lines how many lines each module has, by its path
 * @param imports of all of them, and of what else is part of the executable
 *
 * @example
 * ```ts
 * import { sizeProblems } from "./check_layers.ts";
 * const imports = [{ from: "src/wire/a.ts", to: "src/wire/b.ts", atStart: true }];
 * const [problem] = sizeProblems(new Map([["src/wire/a.ts", 100], ["src/wire/b.ts", 20]]), imports);
 * console.assert(problem.startsWith("src/wire/b.ts has 20 lines"));
 * ```
 */
export function sizeProblems(lines: ReadonlyMap<string, number>, imports: readonly Import[]): string[] {
  const users = Map.groupBy(imports, ({ to }) => to);
  return Array.from(lines).flatMap(([path, length]) => {
    if (!path.startsWith("src/")) return [];
    if (length > MAX_LINES) return [`${path} has ${length} lines: split it along its ideas, at about ${LONG_LINES}`];
    const [user, ...others] = new Set(users.get(path)?.map(({ from }) => from));
    if (length >= SHORT_LINES || user === undefined || others.length > 0 || LISTS.test(user)) return [];
    // It would be loaded with its user.
    if (users.get(path)?.some(({ later }) => later)) return [];
    if (length + (lines.get(user) ?? 0) > LONG_LINES) return [];
    return [`${path} has ${length} lines, and only ${user} uses it: make it a part of that`];
  });
}

const DECLARATION =
  /^(export )?(?:declare )?(?:abstract )?(?:async )?(?:class|const|enum|function\*?|interface|let|type) (\w+)/gm;
const LIST = /^export (?:type )?\{([^}]*)\};/gm;

/**
 * Finds the names that a module declares and exports, each once. What it passes on of other modules is not among them.
 *
 * @example
 * ```ts
 * import { exportedNames } from "./check_layers.ts";
 * const names = exportedNames('export { a } from "./a.ts";\nexport const b = 1;\n');
 * console.assert([...names].join() === "b");
 * ```
 */
export function exportedNames(source: string): Set<string> {
  const code = source.replace(COMMENT, "");
  const declared = Array.from(code.matchAll(DECLARATION), ([, exported, name]) => ({ exported, name }));
  const listed = Array.from(code.matchAll(LIST), ([, list]) => list.split(",").map((name) => name.trim())).flat();
  return new Set(
    declared.filter(({ exported, name }) => exported || listed.includes(name)).map(({ name }) => name),
  );
}

/** Names that several modules export on purpose. */
export interface SharedNames {
  readonly names: readonly string[];
  /** The modules that may have one. */
  readonly modules: RegExp;
  readonly reason: string;
}

/** All names that stand for several things. */
const SHARED_NAMES: readonly SharedNames[] = [
  {
    names: ["command"],
    modules: /^src\/cli\//,
    reason: "each command's module declares it, and the registry lists them",
  },
  {
    names: ["createHandler"],
    modules: /^src\/(?:udf\/handlers|cli\/init\/skeletons)\/\w+\.ts$/,
    reason: "the interface of UDF modules asks for it",
  },
  {
    names: "counters packetClient packetServer resultStream sleep streamClient streamServer sysInfo system".split(" "),
    modules: /^src\/node\/(?:plan\/builders\.ts$|runners\/)/,
    reason: "plans written in TypeScript name a runner as plans in YAML do",
  },
  {
    names: "count duration flag integer list number object optional rate size text workers".split(" "),
    modules:
      /^src\/(?:base\/(?:schema|shape)|cli\/(?:flags|traffic\/(?:client_flags|listen))|flow\/(?:report_fields|thread_schema))\.ts$/,
    reason: "validators, fields of plans, fields of reports and flags are small languages with the same words",
  },
  {
    names: ["FromWorker", "ToWorker"],
    modules: /^src\/(?:flow\/engine|udf\/module)\/messages\.ts$/,
    reason: "each kind of worker has its messages",
  },
  {
    names: ["Point"],
    modules: /^src\/udf\/(?:point|udf_types)\.ts$/,
    reason: "authors of UDFs see the interface of the class",
  },
  {
    names: ["Host"],
    modules: /^src\/(?:udf\/host|node\/launch\/launcher)\.ts$/,
    reason: "a library each exports it: a host of UDFs, and a host in a network",
  },
];

/**
 * Finds names that several modules of `src` export, and exceptions that are not needed any more, one sentence each.
 *
 * @param sources the text of each module by its path
 * @param shared the exceptions
 *
 * @example
 * ```ts
 * import { nameProblems } from "./check_layers.ts";
 * const sources = new Map([["src/udf/a.ts", "export type Row = string;"], ["src/cli/b.ts", "export class Row {}"]]);
 * console.assert(nameProblems(sources, []).length === 1);
 * ```
 */
export function nameProblems(
  sources: ReadonlyMap<string, string>,
  shared: readonly SharedNames[] = SHARED_NAMES,
): string[] {
  const modulesOf = new Map<string, string[]>();
  for (const [path, source] of sources) {
    if (!path.startsWith("src/")) continue;
    for (const name of exportedNames(source)) modulesOf.set(name, [...modulesOf.get(name) ?? [], path]);
  }
  const isShared = (name: string, modules: readonly string[]) =>
    shared.some(({ names, modules: allowed }) => names.includes(name) && modules.every((path) => allowed.test(path)));
  const problems = Array.from(modulesOf).flatMap(([name, modules]) =>
    modules.length === 1 || isShared(name, modules) ? [] : [
      `${name} is exported by ${modules.join(", ")}: make it one thing, or rename the less central one`,
    ]
  );
  const unneeded = shared.flatMap(({ names }) => names).filter((name) => (modulesOf.get(name)?.length ?? 0) < 2);
  return [
    ...problems,
    ...unneeded.map((name) => `${name} is not exported by several modules any more: remove it from SHARED_NAMES`),
  ];
}

/** What the top level may have, beside dot files and what is ignored: `.gitignore` has the latter. */
const TOP_LEVEL = [
  ..."README.md LICENSE deno.json deno.lock main.ts".split(" "),
  ..."src proto examples tests scripts node_modules results".split(" "),
];

/**
 * Finds what does not belong at the top level of a checkout, such as files that a profiler left, one sentence each.
 *
 * @param names what there is
 */
export function strayEntries(names: readonly string[]): string[] {
  const stray = names.filter((name) => !TOP_LEVEL.includes(name) && !name.startsWith(".") && !name.endsWith(".tmp"));
  return stray.map((name) => `${name} is no part of the top level: expected ${TOP_LEVEL.join(", ")} and dot files`);
}

function* sourcesIn(folder: string): Iterable<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* sourcesIn(`${folder}/${name}`);
    else if (name.endsWith(".ts") && !name.endsWith(".d.ts")) yield `${folder}/${name}`;
  }
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url).pathname;
  const sources = new Map<string, string>();
  const lines = new Map<string, number>();
  const imports: Import[] = [];
  for (const folder of ["src", "scripts/build"]) {
    for (const file of sourcesIn(root + folder)) {
      const path = relative(root, file), source = Deno.readTextFileSync(file);
      sources.set(path, source);
      lines.set(path, source.split("\n").length - 1);
      imports.push(...importsOf(path, source));
    }
  }
  const problems = [
    ...strayEntries(Array.from(Deno.readDirSync(root), ({ name }) => name)),
    ...problemsOf(imports),
    ...sizeProblems(lines, imports),
    ...nameProblems(sources),
  ];
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
