/** The messages of proto/udf.proto in TypeScript: int64 is bigint, maps are Map, times are ns since the epoch. */

import type { Point } from "./point.ts";
import type { BeginBatch, EdgeType, EndBatch, InitRequest, Outcome, ValueType } from "./udf_types.ts";
export type {
  BeginBatch,
  EdgeType,
  EndBatch,
  InitRequest,
  Option,
  OptionValue,
  Outcome,
  ValueType,
} from "./udf_types.ts";

/** Edge types in the order of their numbers on the wire. */
export const EDGE_TYPES: readonly EdgeType[] = ["stream", "batch"];

/** Value types in the order of their numbers on the wire. */
export const VALUE_TYPES: readonly ValueType[] = ["bool", "int", "double", "string", "duration"];

/** The edges that a UDF wants and provides, and its options. */
export interface InfoResponse {
  wants: EdgeType;
  provides: EdgeType;
  /** For each option the types of its values by position; empty: a flag. */
  options: Map<string, ValueType[]>;
}

/** A message from the host to the UDF. An empty or unknown message has the kind `empty` and is skipped. */
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

/** A message from the UDF to the host. */
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
