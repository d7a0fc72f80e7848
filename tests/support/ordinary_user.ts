/** Tests that root cannot make. */

import { unless, whyNotInstalled } from "./unless.ts";

const NOBODY = "65534";
const UNSHARE = ["unshare", "--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];

/**
 * Registers a test that takes an ordinary user. Where the tests run as root, it runs in another process and in a user
 * namespace in which that is one: files that root owns are its own, but their permissions count.
 *
 * @param file the test's `import.meta.filename`
 *
 * @example
 * ```ts ignore
 * testAsOrdinaryUser(import.meta.filename!, "makeDir() says that it may not", () => {
 *   assertThrows(() => makeDir("/x"), Deno.errors.PermissionDenied);
 * });
 * ```
 */
export function testAsOrdinaryUser(file: string, name: string, fn: () => Promise<void>): void {
  if (Deno.uid() !== 0) return Deno.test(name, fn);
  Deno.test({
    ...unless(whyNotUnshared(), name),
    async fn() {
      const [program, ...args] = [...UNSHARE, Deno.execPath(), "test", "-A", "--no-check", "--filter", name, file];
      const { success, stdout } = await new Deno.Command(program, { args, env: { NO_COLOR: "1" } }).output();
      const text = new TextDecoder().decode(stdout);
      if (!success || !text.includes("| 1 passed |")) throw new Error(text);
    },
  });
}

function whyNotUnshared(): string | undefined {
  const missing = whyNotInstalled("unshare");
  if (missing !== undefined) return missing;
  const [program, ...args] = [...UNSHARE, "true"];
  const { success } = new Deno.Command(program, { args, stderr: "null" }).outputSync();
  return success ? undefined : "the kernel forbids user namespaces";
}
