/** Whether this machine has network namespaces for tests. */

/** Why they cannot be made: as root, or in a user namespace. Undefined where they can. */
export function whyNoNamespaces({ rootless }: { rootless: boolean }): string | undefined {
  for (const program of ["ip", "unshare", "nsenter"]) {
    if (!succeeds("sh", "-c", `PATH=$PATH:/usr/sbin:/sbin; command -v ${program}`)) {
      return `${program} is not installed`;
    }
  }
  const user = rootless ? ["--user", "--map-root-user"] : [];
  if (succeeds("unshare", ...user, "--net", "--mount", "true")) return undefined;
  if (Deno.uid() !== 0 && !rootless) return "it needs root";
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
