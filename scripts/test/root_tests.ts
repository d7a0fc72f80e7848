import { importsOf } from "../check_layers.ts";

/** In the environment of tests: of all of them, only those run that ask who runs them. */
export const ASKING = "TINE_TESTS_ASKING";

/** How a test asks whether root runs it. */
const QUESTION = /\bDeno\.uid\b|\bwhyNoRoot\b/;
/** It has the answers, and is imported for others as well. */
const ANSWERS = "tests/support/unless.ts";

/**
 * Returns whether a test, or what it takes from other modules of tests, asks who runs it.
 *
 * @param file its path, from the root of the checkout
 * @param read returns the text of a module; undefined where there is none
 *
 * @example
 * ```ts
 * import { asksWhoRunsIt } from "./root_tests.ts";
 * console.assert(asksWhoRunsIt("tests/a_test.ts", () => "const ROOT = Deno.uid() === 0;\n"));
 * ```
 */
export function asksWhoRunsIt(file: string, read: (path: string) => string | undefined): boolean {
  const modules = new Set([file]);
  for (const path of modules) {
    // What stands in a text, such as a test of this, may look like an import.
    const source = read(path) ?? "";
    if (QUESTION.test(source)) return true;
    for (const { to } of importsOf(path, source)) {
      if (to.startsWith("tests/") && to.endsWith(".ts") && to !== ANSWERS) modules.add(to);
    }
  }
  return false;
}
