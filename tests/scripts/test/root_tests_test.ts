import { assertEquals } from "@std/assert";
import { asksWhoRunsIt } from "../../../scripts/test/root_tests.ts";

const MODULES: Readonly<Record<string, string>> = {
  "tests/own_test.ts": "const ROOT = Deno.uid() === 0;\n",
  "tests/why_test.ts": 'import { unless, whyNoRoot } from "./support/unless.ts";\n',
  "tests/text_test.ts": 'const { gone } = await import("./gone.ts");\n',
  "tests/program_test.ts": 'import { unless, whyNotInstalled } from "./support/unless.ts";\n',
  "tests/below_test.ts": 'import { link } from "./support/link.ts";\n',
  "tests/late_test.ts": 'const { link } = await import("./support/link.ts");\n',
  "tests/product_test.ts": 'import { launch } from "../src/node/launch/launch.ts";\n',
  "tests/support/link.ts": 'import { OWN } from "./namespaces.ts";\nexport const link = OWN;\n',
  "tests/support/namespaces.ts": "export const OWN = Deno.uid();\n",
  "tests/support/unless.ts": "export const whyNoRoot = Deno.uid();\n",
  "src/node/launch/launch.ts": "export const launch = () => Deno.uid();\n",
};

Deno.test("asksWhoRunsIt() knows tests that ask, also by what they import of other tests", () => {
  const asking = Object.keys(MODULES).filter((path) =>
    path.endsWith("_test.ts") && asksWhoRunsIt(path, (path) => MODULES[path])
  );
  assertEquals(asking, ["tests/own_test.ts", "tests/why_test.ts", "tests/below_test.ts", "tests/late_test.ts"]);
});
