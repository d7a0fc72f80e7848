/** The messages of proto/udf.proto as TypeScript sees them: int64 is bigint, maps are Map, times are ns since the epoch. */

import type { Point } from "./point.ts";

/** What flows along an edge: single points, or batches of them. */
export type EdgeType = "stream" | "batch";

/** Edge types in the order of their numbers on the wire. */
export const EDGE_TYPES: readonly EdgeType[] = ["stream", "batch"];

/** The type of one value of an option. */
export type ValueType = "bool" | "int" | "double" | "string" | "duration";

/** Value types in the order of their numbers on the wire. */
export const VALUE_TYPES: readonly ValueType[] = ["bool", "int", "double", "string", "duration"];

/** What a UDF wants, provides and can be told. */
export interface InfoResponse {
  wants: EdgeType;
  provides: EdgeType;
  /** For each option the types of its values by position; none: a flag. */
  options: Map<string, ValueType[]>;
}

/** One value of an option; a duration is in ns. */
export type OptionValue =
  | { type: "bool"; value: boolean }
  | { type: "int"; value: bigint }
  | { type: "double"; value: number }
  | { type: "string"; value: string }
  | { type: "duration"; value: bigint };

/** One call of an option in a script. */
export interface Option {
  name: string;
  values: OptionValue[];
}

/** What a UDF is told before its data: the options in the order of the script, names may repeat. */
export interface InitRequest {
  options: Option[];
  taskId: string;
  nodeId: string;
}

/** Whether init or restore succeeded; a failure does not end the agent. */
export interface Outcome {
  success: boolean;
  /** Why not; empty on success. */
  error: string;
}

/** The head of a batch. */
export interface BeginBatch {
  name: string;
  group: string;
  /** The tags of the group. */
  tags: Map<string, string>;
  /** How many points follow; 0: unknown. */
  size: bigint;
  byName: boolean;
}

/** The end of a batch. */
export interface EndBatch {
  name: string;
  group: string;
  /** The time of the batch, ns since the epoch. */
  tmax: bigint;
  tags: Map<string, string>;
  byName: boolean;
}

/** What a host says. An empty or unknown message has the kind `empty` and is skipped. */
export type Request =
  | { kind: "info" }
  | { kind: "init"; init: InitRequest }
  | { kind: "keepalive"; time: bigint }
  | { kind: "snapshot" }
  | { kind: "restore"; snapshot: Uint8Array }
  | { kind: "begin"; begin: BeginBatch }
  | { kind: "point"; point: Point }
  | { kind: "end"; end: EndBatch }
  | { kind: "empty" };

/** What a UDF says. */
export type Response =
  | { kind: "info"; info: InfoResponse }
  | { kind: "init"; outcome: Outcome }
  | { kind: "keepalive"; time: bigint }
  | { kind: "snapshot"; snapshot: Uint8Array }
  | { kind: "restore"; outcome: Outcome }
  | { kind: "error"; error: string }
  | { kind: "begin"; begin: BeginBatch }
  | { kind: "point"; point: Point }
  | { kind: "end"; end: EndBatch }
  | { kind: "empty" };
