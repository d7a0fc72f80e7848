import { assertEquals } from "@std/assert";
import { importsOf, problemsOf, sizeProblems, strayEntries } from "../../scripts/check_layers.ts";

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
