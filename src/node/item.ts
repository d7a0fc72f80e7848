import config from "../../deno.json" with { type: "json" };
import { now } from "../base/time.ts";
import type { ClockRelation } from "./clock_relation.ts";
import { bootId } from "../sys/clock.ts";
import { thisPlatform } from "./platform.ts";
import type { FlowProgress } from "../flow/report.ts";
import type { Unsigned } from "./runner.ts";

/** What a node is: sent first of all. */
export interface NodeInfo {
  readonly type: "nodeInfo";
  readonly nodeId: string;
  /** Such as `linux-x64`. */
  readonly platform: string;
  readonly hostname: string;
  /** Of the kernel; clocks are shared exactly where boot ids are equal. */
  readonly bootId: string;
  /** How its clock relates to that of the root node. */
  readonly clock: ClockRelation;
  /** When that was taken: nanoseconds since 1970, by the node's clock. Absent in results of older versions. */
  readonly time?: bigint;
  readonly pid: number;
  readonly versions: { readonly tine: string; readonly deno: string; readonly kernel: string };
}

/** What a node finds once its runs have ended: its clock may have drifted since its {@linkcode NodeInfo}. */
export interface NodeEnd {
  readonly type: "nodeEnd";
  readonly nodeId: string;
  /** How its clock relates to that of the root node by then. */
  readonly clock: ClockRelation;
  /** When that was taken: nanoseconds since 1970, by the node's clock. */
  readonly time: bigint;
}

/** A line of a log. */
export interface LogEntry {
  readonly type: "log";
  readonly nodeId: string;
  /** Nanoseconds since 1970, by the node's clock. */
  readonly time: bigint;
  /** What it is about: the name of a runner, of a command. */
  readonly tag: string;
  readonly text: string;
}

/** An unrecoverable error; it keeps its origin while it travels. */
export interface ErrorItem {
  readonly type: "error";
  readonly nodeId: string;
  /** Nanoseconds since 1970, by the node's clock. */
  readonly time: bigint;
  /** The name of the runner, or what the node was doing. */
  readonly tag: string;
  /** For programs, in kebab-case. */
  readonly code: string;
  readonly message: string;
}

/** A piece of a file; pieces of the same name belong one behind the other. */
export interface FileData {
  readonly type: "fileData";
  readonly nodeId: string;
  /** A relative path in the folder of results; not trusted. */
  readonly name: string;
  readonly data: Uint8Array;
}

/** What sysInfo found. */
export interface SysInfoData {
  readonly type: "sysInfo";
  readonly nodeId: string;
  /** Sections by title, such as `kernel`; each holds values by name, or text. */
  readonly sections: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

/** The feedback that a test ended with. */
export interface FeedbackItem {
  readonly type: "feedback";
  readonly nodeId: string;
  readonly values: Readonly<Record<string, string>>;
}

/** What an end of a flow knows of it, a few times a second and at its end. */
export interface Progress {
  readonly type: "progress";
  readonly nodeId: string;
  readonly flow: string;
  readonly report: FlowProgress;
}

/** What the samples of a flow refer to. */
export interface FlowInfo {
  readonly type: "streamInfo" | "packetInfo" | "transactionInfo";
  readonly nodeId: string;
  readonly flow: string;
  /** Nanoseconds since 1970: the base of the flow's relative times. */
  readonly tinit: bigint;
  /** Whether the server sends it, rather than the client. */
  readonly server: boolean;
  /** Addresses, direction, congestion control and the like. */
  readonly values: Readonly<Record<string, string | number | boolean>>;
}

/** Samples of a flow; decoded by src/flow/records. */
export interface Records {
  readonly type: "records";
  readonly nodeId: string;
  readonly flow: string;
  readonly chunk: Uint8Array;
}

/** What a node does just now. */
export interface Activity {
  readonly type: "activity";
  readonly nodeId: string;
  /** The runs under way, the oldest first; not all of them if they are many. */
  readonly running: readonly string[];
  /** The number of others that are under way. */
  readonly more: number;
  /** The number of those that have ended. */
  readonly ended: number;
}

/** Results that will not come, since their node died. */
export interface Missing {
  readonly type: "missing";
  /** The node that reports it. */
  readonly nodeId: string;
  /** The node whose results are missing. */
  readonly from: string;
  /** What is missing, as far as is known. */
  readonly what: string;
}

/** The time that a run of the tree took: of a list of runs, a child or a runner. */
export interface RunTime {
  /** Its place in the plan, such as `tests[0].serial[2].child.serial[0]`. */
  readonly path: string;
  /** `serial`, `parallel`, `schedule`, `child` or the runner; of a command, the name of its program. */
  readonly name: string;
  /** Nanoseconds since 1970, by the node's clock. */
  readonly start: bigint;
  /** When it ended, on the same clock; absent while it goes on. */
  readonly end?: bigint;
  /** What it failed with, or why it was canceled. */
  readonly error?: string;
}

/** Runs of the tree that started or ended. A run stands in one of these when it starts, and in one when it has ended. */
export interface RunTimes {
  readonly type: "runTimes";
  readonly nodeId: string;
  /** A run that ends soon after its start stands here only once, with its end. */
  readonly runs: readonly RunTime[];
}

/** Counters of a system at a time: of an interface, of one of its queues, or of a processor. */
export interface CounterSample {
  /** When it was taken: nanoseconds since 1970, by the node's clock. */
  readonly time: bigint;
  readonly counter: "qdisc" | "link" | "cpu" | "softnet";
  /** The interface or the processor, such as `eth0` or `cpu1`. */
  readonly device: string;
  /** Of a queue: its kind, handle and place, such as `tbf 8001: root`; else empty. */
  readonly detail: string;
  /** By names that carry their units; counts are since the system made what counts. */
  readonly values: Readonly<Record<string, number>>;
}

/** What the runner counters has read. */
export interface Counters {
  readonly type: "counters";
  readonly nodeId: string;
  readonly samples: readonly CounterSample[];
}

/** What reaches the root while a test runs. */
export type Item =
  | NodeInfo
  | NodeEnd
  | LogEntry
  | ErrorItem
  | FileData
  | SysInfoData
  | FeedbackItem
  | Progress
  | FlowInfo
  | Records
  | Activity
  | Missing
  | RunTimes
  | Counters;

/** Describes this node. */
export function nodeInfo(clock: ClockRelation): Unsigned<NodeInfo> {
  return {
    type: "nodeInfo",
    platform: thisPlatform(),
    hostname: Deno.hostname(),
    bootId: bootId(),
    clock,
    time: now(),
    pid: Deno.pid,
    versions: { tine: config.version, deno: Deno.version.deno, kernel: Deno.osRelease() },
  };
}
