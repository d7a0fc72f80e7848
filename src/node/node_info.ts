import config from "../../deno.json" with { type: "json" };
import { bootId } from "../sys/clock.ts";
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
