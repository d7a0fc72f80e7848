import { assertEquals } from "@std/assert";
import {
  exportedNames,
  importsOf,
  nameProblems,
  problemsOf,
  sizeProblems,
  strayEntries,
} from "../../scripts/check_layers.ts";

const problems = (path: string, source: string) => problemsOf(importsOf(path, source));

Deno.test("problemsOf() names imports upwards, of the other half, and of the module itself", () => {
  assertEquals(problems("src/wire/a.ts", 'import { b } from "../base/b.ts";\n'), []);
  assertEquals(problems("src/base/b.ts", 'import type { A } from "../wire/a.ts";\n'), [
    "src/base/b.ts imports src/wire/a.ts: src/base lies below src/wire",
  ]);
  assertEquals(problems("src/node/a.ts", 'import { b } from "../udf/b.ts";\n'), [
    "src/node/a.ts imports src/udf/b.ts: src/node and src/udf do not know each other",
  ]);
  assertEquals(problems("src/cli/a.ts", 'const { b } = await import("./a.ts");\n'), [
    "src/cli/a.ts imports itself, which deno bundle cannot handle",
  ]);
  assertEquals(problems("src/cli/a.ts", '/** `await import("./a.ts")` */\n'), []);
});

Deno.test("problemsOf() names circles at run time", () => {
  const imports = [
    ...importsOf("src/cli/a.ts", 'import { b } from "./b.ts";\n'),
    ...importsOf("src/cli/b.ts", 'import { a } from "./a.ts";\n'),
  ];
  assertEquals(problemsOf(imports), [
    "these import each other at run time: src/cli/a.ts -> src/cli/b.ts -> src/cli/a.ts",
  ]);
  assertEquals(problemsOf(imports.map((each) => ({ ...each, atStart: false }))), []);
});

Deno.test("strayEntries() names what a profiler left at the top level", () => {
  assertEquals(strayEntries(["src", "README.md", ".ci", "results", "a.tmp"]), []);
  assertEquals(strayEntries(["src", "isolate-0x1-2-v8.log"]).map((problem) => problem.split(":")[0]), [
    "isolate-0x1-2-v8.log is no part of the top level",
  ]);
});

Deno.test("sizeProblems() names short modules with one user, and long ones", () => {
  const lines = new Map([["src/udf/a.ts", 321], ["src/udf/b.ts", 79], ["src/udf/mod.ts", 20], ["src/cli/c.ts", 300]]);
  const use = (from: string) => ({ from, to: "src/udf/b.ts", atStart: true });
  assertEquals(sizeProblems(lines, [use("src/udf/a.ts"), use("src/udf/a.ts")]), [
    "src/udf/b.ts has 79 lines, and only src/udf/a.ts uses it: make it a part of that",
  ]);
  assertEquals(sizeProblems(lines, [use("src/udf/a.ts"), use("src/cli/c.ts")]), []);
  assertEquals(sizeProblems(lines, [use("src/udf/mod.ts")]), []);
  const [later] = importsOf("src/udf/a.ts", 'const { b } = await import("./b.ts");\n');
  assertEquals(sizeProblems(lines, [later]), []);
  assertEquals(sizeProblems(lines.set("src/udf/a.ts", 322), [use("src/udf/a.ts")]), []);
  assertEquals(sizeProblems(new Map([["src/udf/a.ts", 500], ["tests/b.ts", 900]]), []), []);
  assertEquals(sizeProblems(new Map([["src/udf/a.ts", 501]]), []), [
    "src/udf/a.ts has 501 lines: split it along its ideas, at about 400",
  ]);
  assertEquals(sizeProblems(lines.set("src/udf/b.ts", 80), [use("src/cli/c.ts")]), []);
});

Deno.test("exportedNames() finds what a module declares, and not what it passes on", () => {
  const names = (source: string) => [...exportedNames(source)];
  assertEquals(names("export async function* a() {}\nexport abstract class B {}\nexport type C = 1;\n"), [
    "a",
    "B",
    "C",
  ]);
  assertEquals(names("export function a(x: 1): 1;\nexport function a(x: 2): 2;\n"), ["a"]);
  assertEquals(names("const a = 1;\nexport { a };\n"), ["a"]);
  assertEquals(names('import { a } from "./a.ts";\nexport { a };\nexport { b } from "./b.ts";\nconst c = 1;\n'), []);
  assertEquals(names("/*\nexport const a = 1;\n*/\n// export const b = 1;\n"), []);
});

Deno.test("nameProblems() names what two modules export, unless they may, and exceptions without need", () => {
  const sources = new Map([
    ["src/udf/a.ts", "export interface Row {}\nexport const command = 1;\n"],
    ["src/cli/b.ts", "export class Row {}\nexport const command = 2;\n"],
    ["src/cli/mod.ts", 'export { Row } from "./b.ts";\n'],
    ["scripts/build/c.ts", "export const Row = 1;\n"],
  ]);
  const shared = (modules: RegExp, ...names: string[]) => [{ names, modules, reason: "" }];
  const problem = "Row is exported by src/udf/a.ts, src/cli/b.ts: make it one thing, or rename the less central one";
  assertEquals(nameProblems(sources, shared(/^src\//, "command")), [problem]);
  assertEquals(nameProblems(sources, shared(/^src\/cli\//, "command")).length, 2);
  assertEquals(nameProblems(sources, shared(/^src\//, "command", "Row")), []);
  assertEquals(nameProblems(sources, shared(/^src\//, "command", "Row", "Column")), [
    "Column is not exported by several modules any more: remove it from SHARED_NAMES",
  ]);
});
