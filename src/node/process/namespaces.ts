import { NAMESPACE_NAME } from "../../base/limits.ts";
import { TineError } from "../../base/errors.ts";
import { findTool } from "./tools.ts";

/**
 * Checks the name of a network namespace.
 *
 * @throws {TineError} `bad-namespace`
 */
export function checkNamespaceName(name: string): void {
  if (NAMESPACE_NAME.test(name)) return;
  throw new TineError("bad-namespace", `${JSON.stringify(name)} is no name of a network namespace`);
}

/**
 * Why a namespace could not be created.
 *
 * @param reason the error of `ip netns add`
 */
export function namespaceError(name: string, reason: string): TineError {
  if (reason.includes("File exists")) {
    return new TineError(
      "namespace-exists",
      `the network namespace ${name} exists already: delete it (ip netns delete ${name}), or take another name`,
    );
  }
  return new TineError("namespace-failed", `cannot create the network namespace ${name}: ${reason}`);
}

/**
 * The words in front of a command that let it run in the mount namespace of another process; no words where that is ours.
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
