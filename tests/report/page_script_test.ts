import { assert, assertEquals, assertThrows } from "@std/assert";
import { linkModules, pageScript } from "../../src/report/page_script.ts";

Deno.test("pageScript() is one script without types, comments and imports", () => {
  const script = pageScript();
  // A browser would not even start one with a mistake.
  new Function(script);
  assertEquals(/^\s*(\/\*\*|\/\/)|\bimport\b|\bexport\b/m.exec(script), null);
  // It ends no script element, and starts no comment of HTML in one.
  assertEquals(/<\/script|<!--/i.exec(script), null);
  assert(script.length < 60_000, `${script.length} characters`);
});

Deno.test("linkModules() runs modules in order, with what they import from each other", () => {
  const script = linkModules([
    ["a/one.ts", "/** One. */\nexport const one: number = 1;\nexport async function none(): Promise<void> {}\n"],
    [
      "b.ts",
      'import {\n  type N,\n  one as uno,\n} from "./a/one.ts";\nexport class B { constructor(readonly n = uno) {} }\n',
    ],
    ["c.ts", 'import type { A } from "./gone.ts";\nimport { B } from "./b.ts";\nglobalThis.linked = new B().n;\n'],
  ]);
  const scope = { linked: 0 };
  new Function("globalThis", script)(scope);
  assertEquals(scope.linked, 1);
});

Deno.test("linkModules() refuses modules out of order, and what it cannot link", () => {
  const error = (...modules: [string, string][]) => () => linkModules(modules);
  assertThrows(error(["a.ts", 'import { b } from "./b.ts";\nb();\n']), Error, "a.ts imports b.ts");
  assertThrows(error(["a.ts", "const a = 1;\nexport { a };\n"]), Error, 'a.ts has "export {');
  assertThrows(error(["a.ts", 'import a from "npm:a";\na();\n']), Error, 'a.ts has "import a');
});
