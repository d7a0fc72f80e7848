/** What nodes may leave behind on this machine: processes, namespaces, mounts, temporary folders. */

import { LINEAGE } from "../../src/node/process/lineage.ts";
import { processesWith } from "./processes_with.ts";

/** What there is of all that, in lines that can be compared. */
interface Leftovers {
  /** Processes that descend from a node, and watchdogs: `123 sleep 1000`. */
  readonly processes: readonly string[];
  /** Names of network namespaces. */
  readonly namespaces: readonly string[];
  /** Where namespaces are mounted. */
  readonly mounts: readonly string[];
  /** Temporary files and folders. */
  readonly files: readonly string[];
}

/** How long a watchdog may need after a node was killed: nodes below get some seconds to end by themselves. */
const PATIENCE_MS = 20_000;
const POLL_MS = 50;

/** All that the tests of a file start has this in its environment, so that it can be distinguished from what others start. */
const marker = crypto.getRandomValues(new Uint8Array(8)).toHex();
let folder = "";
const before: Record<string, string | undefined> = {};

Deno.test.beforeAll(() => {
  folder = Deno.makeTempDirSync({ prefix: "tine-leaks-" });
  for (const [name, value] of [["TMPDIR", folder], [LINEAGE, `${marker}!`]]) {
    before[name] = Deno.env.get(name);
    Deno.env.set(name, value);
  }
});

Deno.test.afterAll(() => {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) Deno.env.delete(name);
    else Deno.env.set(name, value);
  }
  Deno.removeSync(folder, { recursive: true });
});

/**
 * Notes what there is, and on disposal waits until there is nothing more than that.
 *
 * Namespaces are those of this process, whose names end with its id.
 *
 * @example
 * ```ts
 * import { noLeftovers } from "./leaks.ts";
 * await using _ = noLeftovers();
 * ```
 */
export function noLeftovers(): AsyncDisposable {
  const before = leftovers();
  return {
    async [Symbol.asyncDispose]() {
      const deadline = Date.now() + PATIENCE_MS;
      for (;;) {
        const more = difference(leftovers(), before);
        if (more.length === 0) return;
        if (Date.now() > deadline) throw new Error(`left behind: ${more.join("; ")}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
  };
}

function leftovers(): Leftovers {
  const isOwn = (name: string) => name.endsWith(String(Deno.pid));
  return {
    processes: processesWith(marker),
    namespaces: namesIn("/run/netns").filter(isOwn),
    mounts: Deno.readTextFileSync("/proc/self/mountinfo").split("\n").map((line) => line.split(" ")[4] ?? "")
      .filter((place) => place.startsWith("/run/netns/") && isOwn(place)),
    files: namesIn(folder),
  };
}

function difference(after: Leftovers, before: Leftovers): string[] {
  return (["processes", "namespaces", "mounts", "files"] as const).flatMap((kind) => {
    const known = new Set(before[kind]);
    return after[kind].filter((line) => !known.has(line)).map((line) => `${kind}: ${line}`);
  });
}

function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch {
    return [];
  }
}
