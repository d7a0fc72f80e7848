import config from "../../deno.json" with { type: "json" };
import type { ClockRelation } from "./clock_relation.ts";
import type { NodeInfo } from "./item.ts";
import { thisPlatform } from "./platform.ts";
import type { Unsigned } from "./runner.ts";

/** What a node tells of itself. */
export function nodeInfo(clock: ClockRelation): Unsigned<NodeInfo> {
  return {
    type: "nodeInfo",
    platform: thisPlatform(),
    hostname: Deno.hostname(),
    bootId: bootId(),
    clock,
    pid: Deno.pid,
    versions: { tine: config.version, deno: Deno.version.deno, kernel: Deno.osRelease() },
  };
}

/** What is the same for all that share the clocks of a kernel; empty where there is none. */
export function bootId(): string {
  return read("/proc/sys/kernel/random/boot_id");
}

/** The text of a file of the kernel; empty where there is none. */
function read(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return "";
  }
}
