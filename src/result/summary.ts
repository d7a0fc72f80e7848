/**
 * The JSON files of a results folder. Other programs read them too: members are added, not changed.
 *
 * @module
 */

import { TineError, whyNotRead } from "../base/errors.ts";
import { boolean, list, map, number, object, oneOf, optional, passes, text } from "../base/shape.ts";
import { readJsonText } from "./regular_file.ts";
import type { UdfColumn } from "./udf_columns.ts";

/** How a test ended; `running` until then, and for ever where tine was killed. */
export type TestStatus = "running" | "ok" | "failed" | "canceled" | "timeout";

/** An unrecoverable error. */
export interface ErrorSummary {
  /** Nanoseconds since 1970, by the node's clock. */
  time: string;
  nodeId: string;
  tag: string;
  code: string;
  message: string;
}

/** A node, as it described itself. */
export interface NodeSummary {
  nodeId: string;
  platform: string;
  hostname: string;
  bootId: string;
  pid: number;
  versions: { tine: string; deno: string; kernel: string };
}

/** Results that did not reach the root. */
export interface MissingResults {
  nodeId: string;
  /** Such as `12 frames of records`. */
  what: string;
}

/** `test.json`: a test and what is in its folder. */
export interface TestSummary {
  version: 1;
  id: Record<string, string>;
  /** Of the test as it was run; equal tests have equal ones. */
  hash: string;
  status: TestStatus;
  /** ISO 8601. */
  started: string;
  ended?: string;
  durationMs?: number;
  errors: ErrorSummary[];
  /** Errors beyond those in the list. */
  moreErrors: number;
  nodes: NodeSummary[];
  /** The final feedback. */
  feedback: Record<string, string>;
  /** In the folder `files`. */
  files: { name: string; nodeId: string; bytes: number }[];
  logs: { entries: number; bytes: number };
  records: { frames: number; bytes: number; samples: Record<string, number> };
  missing: MissingResults[];
  /** Why it ended early without having failed: a UDF has seen enough. */
  stopped?: string;
  /** The UDFs that rows of it flowed through, where the plan has some. */
  udfs?: UdfSummary[];
}

/** What became of a UDF of the plan. */
export interface UdfSummary {
  name: string;
  /** The table whose rows it got. */
  table: string;
  /** Rows that it was given. */
  rowsIn: number;
  pointsOut: number;
  batchesOut: number;
  /** Rows that it did not get, since it was too slow or had ended, or came too late for their batch. */
  droppedRows: number;
  /** Samples of which no rows were made, since more came than could be taken. */
  droppedSamples: number;
  /** How often it was started again. */
  restarts: number;
  /** Of what it returned. */
  bytes: number;
  /** Tags and fields of what it returned. */
  columns: UdfColumn[];
  /** How many of the points that it returned have true in a field, by the field. */
  marks?: Record<string, number>;
  /** Sentences about what it did that takes processor time from the test, and what was done about it. */
  warnings?: readonly string[];
  /** What it failed of, for good. */
  error?: { code: string; message: string };
  /** The verdict of its alert, where the plan has one. */
  alert?: UdfAlert;
}

/** What an alert of a UDF has found. */
export interface UdfAlert {
  /** Such as `avg above 30`. */
  condition: string;
  /** `no-data`: no point with the field was returned, which is no pass. */
  verdict: "passed" | "failed" | "no-data";
  /** Points that met the condition. */
  points: number;
  /** The first one of them: its time in nanoseconds since 1970, its group and the value. */
  first?: { time: string; group: string; value: number };
}

/** A test in `run.json`. */
export interface TestEntry {
  id: Record<string, string>;
  hash: string;
  /** In the folder of the run. */
  folder: string;
  status: TestStatus;
  started: string;
  durationMs?: number;
  /** Of records, logs, files and what UDFs returned together. */
  bytes: number;
  errors: number;
  /** The run that it is kept from, where it was not run again. */
  keptFrom?: string;
}

/** `run.json`: a run and its tests so far. */
export interface RunSummary {
  version: 1;
  /** The plan's name. */
  plan: string;
  /** The version of tine. */
  tine: string;
  /** `running` until all is written, and for ever where tine was killed. */
  status: "running" | "complete";
  started: string;
  ended?: string;
  durationMs?: number;
  tests: TestEntry[];
}

/** The names of the JSON files. */
export const RUN_FILE = "run.json";
export const TEST_FILE = "test.json";
export const PLAN_FILE = "plan.json";
/** The verdicts of a test's gates, in its folder. */
export const GATES_FILE = "gates.json";

/** What the name of a run's folder ends with until the run is complete. */
export const WORK_SUFFIX = ".work";

/** The test's entry in `run.json`. */
export function entryOf(summary: TestSummary, folder: string, keptFrom?: string): TestEntry {
  const { id, hash, status, started, durationMs, errors, moreErrors, records, logs, files, udfs = [] } = summary;
  return {
    id,
    hash,
    folder,
    status,
    started,
    durationMs,
    bytes: [...files, ...udfs].reduce((sum, { bytes }) => sum + bytes, records.bytes + logs.bytes),
    errors: errors.length + moreErrors,
    ...(keptFrom === undefined ? {} : { keptFrom }),
  };
}

/**
 * Reads `run.json`.
 *
 * @param folder of the run
 * @returns undefined, if the folder has none
 * @throws {TineError} `bad-results`, if it is damaged or of another version; `cannot-read`
 */
export async function readRunSummary(folder: string): Promise<RunSummary | undefined> {
  const path = `${folder}/${RUN_FILE}`;
  const summary = await readJson(path) as RunSummary | undefined;
  if (summary === undefined) return undefined;
  if (!passes(RUN, summary) || !summary.tests.every(({ folder }) => isFolderName(folder))) throw damaged(path);
  return summary;
}

/**
 * Reads `test.json`.
 *
 * @param folder of the test
 * @returns undefined, if the folder has none
 * @throws {TineError} `bad-results`, if it is damaged or of another version; `cannot-read`
 */
export async function readTestSummary(folder: string): Promise<TestSummary | undefined> {
  const path = `${folder}/${TEST_FILE}`;
  const summary = await readJson(path) as TestSummary | undefined;
  if (summary === undefined) return undefined;
  if (!passes(TEST, summary)) throw damaged(path);
  return summary;
}

async function readJson(path: string): Promise<unknown> {
  let value;
  try {
    value = JSON.parse(await readJsonText(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof SyntaxError) throw damaged(path, error);
    if (error instanceof TineError) throw error;
    throw new TineError("cannot-read", `cannot read ${path}: ${whyNotRead(error)}`, { cause: error });
  }
  if (typeof value !== "object" || value === null) throw damaged(path);
  const { version } = value as { version?: unknown };
  if (version === undefined) throw damaged(path);
  if (version !== 1) {
    throw new TineError("bad-results", `${path} is of version ${JSON.stringify(version)}, this tine reads version 1`);
  }
  return value;
}

/** Members that came later are left out in older results. */
const RUN = object({
  plan: text,
  tine: text,
  status: text,
  started: text,
  ended: optional(text),
  durationMs: optional(number),
  tests: list(object({
    id: map(text),
    hash: text,
    folder: text,
    status: text,
    started: text,
    durationMs: optional(number),
    bytes: number,
    errors: number,
    keptFrom: optional(text),
  })),
});

const ALERT = object({
  condition: text,
  verdict: oneOf("passed", "failed", "no-data"),
  points: number,
  first: optional(object({ time: text, group: text, value: number })),
});

const UDF = object({
  name: text,
  table: text,
  rowsIn: number,
  pointsOut: number,
  batchesOut: number,
  droppedRows: number,
  droppedSamples: optional(number),
  restarts: number,
  bytes: number,
  columns: list(
    object({ name: text, type: oneOf("int", "double", "text", "bool"), tag: optional(boolean) }),
  ),
  marks: optional(map(number)),
  warnings: optional(list(text)),
  error: optional(object({ code: text, message: text })),
  alert: optional(ALERT),
});

const TEST = object({
  id: map(text),
  hash: text,
  status: text,
  started: text,
  ended: optional(text),
  durationMs: optional(number),
  errors: list(object({ time: text, nodeId: text, tag: text, code: text, message: text })),
  moreErrors: number,
  nodes: list(object({
    nodeId: text,
    platform: text,
    hostname: text,
    bootId: text,
    pid: number,
    versions: object({ tine: text, deno: text, kernel: text }),
  })),
  feedback: map(text),
  files: list(object({ name: text, nodeId: text, bytes: number })),
  logs: object({ entries: number, bytes: number }),
  records: object({ frames: number, bytes: number, samples: map(number) }),
  missing: list(object({ nodeId: text, what: text })),
  stopped: optional(text),
  udfs: optional(list(UDF)),
});

/** What stands in a file is no path: it could lead elsewhere. */
function isFolderName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value !== "." && value !== ".." && !value.includes("/");
}

function damaged(path: string, cause?: unknown): TineError {
  return new TineError("bad-results", `${path} is damaged: it is not what tine writes there`, { cause });
}
