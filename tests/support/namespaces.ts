/** Whether this machine has network namespaces for tests. */

import { whyNoRoot, whyNotInstalled } from "./unless.ts";

/** Why they cannot be made: as root, or in a user namespace. Undefined where they can. */
export function whyNoNamespaces({ rootless }: { rootless: boolean }): string | undefined {
  const missing = whyNotInstalled("ip", "unshare", "nsenter");
  if (missing !== undefined) return missing;
  const user = rootless ? ["--user", "--map-root-user"] : [];
  if (succeeds("unshare", ...user, "--net", "--mount", "true")) return undefined;
  if (!rootless && whyNoRoot !== undefined) return whyNoRoot;
  return `the kernel forbids ${rootless ? "user" : "network"} namespaces`;
}

/** Words in front of a command that let root make namespaces whose names nobody else sees: tests may run at once. */
export const OWN_NAMES: readonly string[] = [
  "unshare",
  "--mount",
  "sh",
  "-ec",
  'mount -t tmpfs tmpfs /run; exec "$@"',
  "sh",
];

function succeeds(program: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}
