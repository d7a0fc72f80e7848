import { TineError } from "../../base/errors.ts";

/**
 * The environment variable by which descendants of a node are found, also those that left its process groups and
 * sessions. What it holds grows with each generation: a random marker a node, and behind it how the next is related.
 */
export const LINEAGE = "TINE_NODE";

/** Behind a marker: a command of the node, a node that it launched, the watchdog of such a node. */
const COMMAND = "!";
const NODE = ".";
const WATCHDOG = "~";

/** Longer than the deepest tree makes it; what does not look like ours is not carried on. */
const VALID = /^(?:[0-9a-f]{16}[!.~]){0,100}$/;

/** The place of this process among nodes, their commands and their watchdogs. */
export interface Lineage {
  /** In the environment of all that this node starts, and of nothing else: 16 hexadecimal digits. */
  readonly marker: string;
  /** The value of {@linkcode LINEAGE} for commands of this node. */
  readonly command: string;
  /** The value of {@linkcode LINEAGE} for nodes that it launches. */
  readonly node: string;
  /**
   * The value of {@linkcode LINEAGE} for its own watchdog. An ancestor that kills commands and nodes below it does not
   * match it: watchdogs have work to do then.
   */
  readonly watchdog: string;
  /** The value of {@linkcode LINEAGE} for what must outlive the nodes below, as their watchdogs do. */
  readonly keeper: string;
}

/**
 * Makes the lineage of a node that runs in this process.
 *
 * @param inherited what this process has in {@linkcode LINEAGE}, if it was started by a node
 *
 * @example
 * ```ts
 * import { createLineage } from "./lineage.ts";
 * const lineage = createLineage("0123456789abcdef.");
 * console.assert(lineage.command === `0123456789abcdef.${lineage.marker}!`);
 * console.assert(lineage.watchdog === "0123456789abcdef~");
 * ```
 */
export function createLineage(inherited = ""): Lineage {
  const above = VALID.test(inherited) ? inherited : "";
  const marker = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const watchdog = above.replaceAll(/[!.]/g, WATCHDOG);
  return {
    marker,
    command: above + marker + COMMAND,
    node: above + marker + NODE,
    watchdog,
    keeper: watchdog + marker + WATCHDOG,
  };
}

/**
 * A process id as it stands in a request to a program.
 *
 * @throws {TineError} `bad-pid`, if it may not be signalled
 */
export function pidText(pid: number): string {
  if (!Number.isSafeInteger(pid) || pid < 2) throw new TineError("bad-pid", `${pid} is no process that may be ended`);
  return String(pid);
}
