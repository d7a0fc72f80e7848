import { findTool } from "./find_program.ts";

/**
 * The words in front of a command that let it run in the mount namespace of another process; none where that is ours.
 *
 * @param pid such as `mounts` of `Host`; this process by default
 */
export function intoMounts(pid = Deno.pid): string[] {
  if (pid === Deno.pid) return [];
  const namespaceOf = (pid: string | number) => Deno.readLinkSync(`/proc/${pid}/ns/mnt`);
  try {
    if (namespaceOf("self") === namespaceOf(pid)) return [];
  } catch {
    // An ordinary user may not see those of root. Such a node has no part in namespaces.
    return [];
  }
  const nsenter = findTool("nsenter", "it reaches the namespaces of the host; install util-linux");
  return [nsenter, "--target", String(pid), "--mount", "--"];
}
