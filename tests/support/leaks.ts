/** What nodes may leave behind on this machine: processes, namespaces, mounts, temporary folders. */

/** What there is of all that, in lines that can be compared. */
export interface Leftovers {
  /** Processes that descend from a node, and watchdogs: `123 sleep 1000`. */
  readonly processes: readonly string[];
  /** Names of network namespaces. */
  readonly namespaces: readonly string[];
  /** Where namespaces are mounted. */
  readonly mounts: readonly string[];
  /** Temporary folders of nodes. */
  readonly folders: readonly string[];
}

/** How long a watchdog may need after a node was killed: nodes below get some seconds to end by themselves. */
const PATIENCE_MS = 20_000;
const POLL_MS = 50;

/**
 * Looks for what nodes have left.
 *
 * @param marker only processes with this in their environment, and watchdogs that were given it; by default those of
 * any node
 */
export function leftovers(marker = "TINE_NODE="): Leftovers {
  return {
    processes: processesWith(marker),
    namespaces: namesIn("/run/netns"),
    mounts: Deno.readTextFileSync("/proc/self/mountinfo").split("\n").map((line) => line.split(" ")[4] ?? "")
      .filter((place) => place.startsWith("/run/netns/")),
    folders: namesIn(Deno.env.get("TMPDIR") || "/tmp").filter((name) => /^tine-[0-9a-f]{16}-/.test(name)),
  };
}

/**
 * Notes what there is, and on disposal waits until there is nothing more than that.
 *
 * @param marker see {@linkcode leftovers}
 *
 * @example
 * ```ts
 * import { noLeftovers } from "./leaks.ts";
 * await using _ = noLeftovers();
 * ```
 */
export function noLeftovers(marker?: string): AsyncDisposable {
  const before = leftovers(marker);
  return {
    async [Symbol.asyncDispose]() {
      const deadline = Date.now() + PATIENCE_MS;
      for (;;) {
        const more = difference(leftovers(marker), before);
        if (more.length === 0) return;
        if (Date.now() > deadline) throw new Error(`left behind: ${more.join("; ")}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
  };
}

function difference(after: Leftovers, before: Leftovers): string[] {
  return (["processes", "namespaces", "mounts", "folders"] as const).flatMap((kind) => {
    const known = new Set(before[kind]);
    return after[kind].filter((line) => !known.has(line)).map((line) => `${kind}: ${line}`);
  });
}

/** The living processes that have a text in their environment, or are watchdogs with it in their arguments. */
export function processesWith(marker: string): string[] {
  const found: string[] = [];
  for (const name of namesIn("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    try {
      const args = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      const environ = Deno.readTextFileSync(`/proc/${name}/environ`);
      const watchdog = args[3] === "tine-watchdog";
      if (environ.includes(marker) || (watchdog && args.includes(marker))) {
        found.push(`${name} ${(watchdog ? args.slice(3) : args).join(" ").slice(0, 200).trim()}`);
      }
    } catch {
      // It has just ended, or belongs to somebody else.
    }
  }
  return found;
}

function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch {
    return [];
  }
}
