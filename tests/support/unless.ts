/** Tests that are left out where something is missing, with names that say what. */

import { findTool } from "../../src/node/process/tools.ts";

/** Why a test that takes root is left out; undefined where it is not. */
export const whyNoRoot: string | undefined = Deno.uid() === 0 ? undefined : "it takes root";

/** Why a test that takes these programs is left out; undefined where it is not. */
export function whyNotInstalled(...programs: string[]): string | undefined {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return undefined;
  return `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} not installed`;
}

/**
 * Names a test that is left out for a reason.
 *
 * @param why what is missing; undefined: the test runs
 *
 * @example
 * ```ts
 * import { unless, whyNotInstalled } from "./unless.ts";
 * Deno.test({ ...unless(whyNotInstalled("ssh"), "ssh knows its options"), fn() {} });
 * ```
 */
export function unless(why: string | undefined, name: string): { readonly name: string; readonly ignore: boolean } {
  return why === undefined ? { name, ignore: false } : { name: `${name} (skipped: ${why})`, ignore: true };
}

function isInstalled(program: string): boolean {
  try {
    findTool(program, "");
    return true;
  } catch {
    return false;
  }
}
