import { TineError } from "../../base/errors.ts";
import { findIp, inWorkingFolder, runTool } from "../process/tools.ts";
import { checkNamespaceName, intoMounts, namespaceError } from "../process/namespaces.ts";
import type { Watchdog } from "../process/watchdog.ts";
import { intoHolder } from "./holder.ts";
import type { Host } from "./launcher.ts";

/** Makes network namespaces, and lets commands run in them. */
export interface Namespaces {
  /**
   * Creates one, with its loopback interface up.
   *
   * @returns deletes it when disposed of, after killing what still runs in it
   * @throws {TineError} `namespace-exists`, `namespace-failed` or `no-program`
   */
  create(name: string): Promise<AsyncDisposable>;
  /**
   * Prepares an existing one.
   *
   * @throws {TineError} `no-namespace` or `no-program`
   */
  open(name: string): Promise<void>;
  /** The words in front of a command that let it run in a namespace. */
  enter(name: string): string[];
}

/**
 * The namespaces of the machine, by their names as the root node sees them. It needs root.
 *
 * @param watchdog of this node, made with the same host
 */
export function hostNamespaces(watchdog: Watchdog, host: Host): Namespaces {
  return {
    create: (name) => watchdog.createNamespace(name),
    open: (name) => open(name, [...intoMounts(host.mounts), findIp()]),
    enter(name) {
      checkNamespaceName(name);
      const there = intoMounts(host.mounts);
      return [...there, ...(there.length > 0 ? inWorkingFolder() : []), findIp(), "netns", "exec", name];
    },
  };
}

/**
 * The namespaces in a holder, for a node outside of it. They end with the holder at the latest, so the watchdog need not
 * know them.
 *
 * @param holder its init
 */
export function holderNamespaces(holder: number): Namespaces {
  return {
    async create(name) {
      checkNamespaceName(name);
      findIp();
      const reason = await runTool([...intoHolder(holder), "sh", "-c", CREATE, "sh", name]);
      if (reason !== undefined) throw namespaceError(name, reason);
      return {
        async [Symbol.asyncDispose]() {
          const reason = await runTool([...intoHolder(holder), "sh", "-c", DELETE, "sh", name]);
          if (reason === undefined || !isAlive(holder)) return;
          throw new TineError("namespace-failed", `cannot delete the network namespace ${name}: ${reason}`);
        },
      };
    },
    open: (name) => open(name, [...intoHolder(holder), findIp()]),
    enter(name) {
      checkNamespaceName(name);
      return [...intoHolder(holder), ...inWorkingFolder(), findIp(), "netns", "exec", name];
    },
  };
}

const CREATE = `
ip netns add "$1" && { ip -n "$1" link set lo up || { ip netns delete "$1"; false; }; }
`;

const DELETE = `
round=0
while pids=$(ip netns pids "$1" 2>/dev/null) && [ -n "$pids" ] && [ $round -lt 60 ]; do
  kill -KILL $pids 2>/dev/null
  [ $round -lt 3 ] || sleep 0.1 2>/dev/null || sleep 1
  round=$((round + 1))
done
ip netns delete "$1"
`;

async function open(name: string, ip: readonly string[]): Promise<void> {
  checkNamespaceName(name);
  const reason = await runTool([...ip, "-n", name, "link", "set", "lo", "up"]);
  if (reason === undefined) return;
  if (reason.includes("No such file")) {
    throw new TineError("no-namespace", `there is no network namespace ${name}: create it, or give create: true`);
  }
  throw new TineError("namespace-failed", `cannot use the network namespace ${name}: ${reason}`);
}

function isAlive(pid: number): boolean {
  try {
    Deno.statSync(`/proc/${pid}/ns/net`);
    return true;
  } catch {
    return false;
  }
}
