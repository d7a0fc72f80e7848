import type { FlowInfoEvent } from "../../flow/flows.ts";
import { version } from "../version.ts";

/**
 * Returns who measured and when, so that a JSON object stands alone: the version of tine, the command line, and times by
 * the wall clock of this machine.
 *
 * @param started when it began
 * @param ended when it was over; absent: it is not
 */
export function provenance(started: Date, ended?: Date): object {
  return {
    tine: version,
    command: ["tine", ...Deno.args],
    started: started.toISOString(),
    ...ended && { ended: ended.toISOString() },
  };
}

/** What an info event states of a connection; all else is how the flow was to be. */
const CONNECTION = ["client", "server", "worker", "cpus", "realtimePriority", "mssBytes"] as const;
/** What other keys have, and what is of no use outside of the flow. */
const LEFT_OUT = new Set<string>([...CONNECTION, "engine", "direction", "cca", "warmupEndNanos", "sharesClock"]);

/**
 * Returns the addresses and ports of both ends of a flow, what they agreed on, and what was asked for, as a JSON object
 * has it.
 *
 * @param info of the flow; undefined: it has not come to that
 */
export function connectionJson(info: FlowInfoEvent | undefined): object {
  if (info === undefined) return {};
  const { values } = info;
  const options = Object.entries(values).filter(([name]) => !LEFT_OUT.has(name) && !isNegotiated(info, name));
  return {
    ...Object.fromEntries(CONNECTION.flatMap((name) => values[name] === undefined ? [] : [[name, values[name]]])),
    options: Object.fromEntries(options),
  };
}

/** Whether a value is what the ends have agreed on: of UDP, ecn is what was asked for. */
function isNegotiated({ type }: FlowInfoEvent, name: string): boolean {
  return type === "streamInfo" && name === "ecn";
}

/** When a flow began, by the clock of this end. */
export function startDate({ tinit }: FlowInfoEvent): Date {
  return new Date(Number(tinit / 1_000_000n));
}
