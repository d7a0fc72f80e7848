import type { Test } from "../node/plan/types.ts";
import { sortedJson } from "../node/plan/visits.ts";

/**
 * What tells whether a test was changed: SHA-256 of it as JSON with sorted keys.
 *
 * @example
 * ```ts
 * import { hashTest } from "./test_hash.ts";
 * const hash = await hashTest({ id: { name: "hello" }, timeout: 60_000, sleep: 1000 });
 * console.assert(hash === await hashTest({ sleep: 1000, timeout: 60_000, id: { name: "hello" } }));
 * ```
 */
export async function hashTest(test: Test): Promise<string> {
  const bytes = new TextEncoder().encode(sortedJson(test));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
