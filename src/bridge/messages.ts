/**
 * The messages between the root and the process that runs its UDFs. The root writes frames of node.proto: first a
 * `setup` with {@linkcode BridgeSetup} as JSON, then messages of the test as they reach it, in the end an `end` with
 * {@linkcode BridgeEnd}. The process writes a {@linkcode BridgeReport} as JSON a line.
 *
 * @module
 */

import type { UdfConfig } from "../node/plan/types.ts";
import type { Owner } from "../result/owner.ts";
import type { UdfSummary } from "../result/summary.ts";

/** What the process works with. */
export interface BridgeSetup {
  readonly udfs: readonly UdfConfig[];
  /** The folder of the test, who owns it, and how much may be written. */
  readonly folder: string;
  readonly owner?: Owner;
  readonly maxBytes: number;
  /** The tags of the test. */
  readonly run?: string;
  readonly id: Readonly<Record<string, string>>;
  readonly idKeys: readonly string[];
  /** The names of all that the test runs. */
  readonly runners: readonly string[];
}

/** No row follows. */
export interface BridgeEnd {
  /** How long UDFs may take to take the rows that wait and to end, in milliseconds. */
  readonly graceMs: number;
  /** Samples that were dropped since more came than could be taken, by the UDF's number. */
  readonly droppedSamples: readonly number[];
}

/** How far a UDF is. */
export interface UdfProgress {
  readonly name: string;
  readonly rowsIn: number;
  readonly pointsOut: number;
  /** The group of the last point that it returned, and its numbers and truth values by field. */
  readonly group: string;
  readonly last: Readonly<Record<string, number | boolean>>;
}

/** What the process reports. */
export type BridgeReport =
  | { readonly type: "progress"; readonly udfs: readonly UdfProgress[] }
  | { readonly type: "log"; readonly udf: string; readonly text: string }
  | { readonly type: "stop"; readonly udf: string; readonly reason: string }
  | { readonly type: "failed"; readonly udf: string; readonly code: string; readonly message: string }
  | { readonly type: "ended"; readonly udfs: readonly UdfSummary[] };
