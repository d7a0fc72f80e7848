/** Tests that wait for most of their time, and so do it together. */

/** One of them. */
export interface Scenario {
  readonly name: string;
  readonly ignore?: boolean;
  readonly fn: (t: Deno.TestContext) => Promise<void>;
}

/**
 * Registers a test whose steps run at the same time, a few at once, in the order given: the longest should come first.
 * Each needs names, folders and users of its own. That nothing of theirs stays open in this process is checked for all
 * of them, at the end.
 *
 * @param name of the whole
 * @param atOnce how many; those that mostly wait do not mind more
 *
 * @example
 * ```ts
 * import { testTogether } from "./together.ts";
 * const wait = () => new Promise<void>((resolve) => setTimeout(resolve, 100));
 * testTogether("waiting", ["once", "twice"].map((name) => ({ name, fn: wait })), 2);
 * ```
 */
export function testTogether(name: string, scenarios: readonly Scenario[], atOnce: number): void {
  Deno.test({
    name,
    ignore: scenarios.every(({ ignore }) => ignore),
    fn: (t) => runTogether(t, scenarios, atOnce),
  });
}

/** The same within a test that sets up what its steps share. */
export async function runTogether(t: Deno.TestContext, scenarios: readonly Scenario[], atOnce: number): Promise<void> {
  // What one has open is not a leak of another.
  const sanitizers = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  const waiting = scenarios.values();
  const runInTurn = async () => {
    for (const scenario of waiting) await t.step({ ...scenario, ...sanitizers });
  };
  await Promise.all(Array.from({ length: atOnce }, runInTurn));
}
