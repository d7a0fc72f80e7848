/**
 * What a UDF and tine have to do with each other, as types. `tine init` puts
 * this file, as it is, beside a UDF as tine_udf.d.ts, for editors and type
 * checks. A UDF runs without it.
 *
 * @module
 */

/** A value, or the promise of one. */
export type Awaitable<T> = T | PromiseLike<T>;

/** What flows along an edge: single points, or batches of them. */
export type EdgeType = "stream" | "batch";

/** The type of one value of an option. */
export type ValueType = "bool" | "int" | "double" | "string" | "duration";

/** The value of a field: a number is a double, a bigint an int64. */
export type FieldValue = number | bigint | string | boolean;

/** Makes the handler of one task: `export function createHandler(agent)`. */
export type CreateHandler = (agent: Output) => Awaitable<Handler>;

/**
 * A UDF. Its methods are never called concurrently: the next request waits for
 * the promise that one returns. An error that a method throws ends the agent
 * and reaches the host as an ErrorResponse.
 *
 * @example
 * ```ts
 * import type { Handler, Output } from "@tine/tine/udf";
 * export function createHandler(agent: Output): Handler {
 *   return {
 *     info: () => ({ wants: "stream", provides: "stream" }),
 *     init() {},
 *     point: (point) => agent.point(point),
 *   };
 * }
 * ```
 */
export interface Handler {
  /**
   * Returns what the UDF wants and provides, and its options. May be called
   * before, after and without init.
   */
  info(): Awaitable<HandlerInfo>;
  /**
   * Takes the options. Returns nothing or `{ success: true }` where they are
   * fine. A failure does not end the agent.
   */
  init(request: InitRequest): Awaitable<Outcome | void>;
  /** Returns the state after all data so far, or nothing. */
  snapshot?(): Awaitable<Uint8Array | void>;
  /**
   * Takes the state that an earlier snapshot returned. A failure does not end
   * the agent.
   */
  restore?(snapshot: Uint8Array): Awaitable<Outcome | void>;
  /** Takes a point of the stream, or of the batch that has begun. */
  point?(point: Point): Awaitable<void>;
  /** Takes the head of a batch. */
  beginBatch?(begin: BeginBatch): Awaitable<void>;
  /** Takes the end of a batch. */
  endBatch?(end: EndBatch): Awaitable<void>;
  /**
   * Called when there is no more input. Points may be written until the promise
   * that it returns is done.
   */
  stop?(): Awaitable<void>;
}

/** What a handler wants, provides and takes as options. */
export interface HandlerInfo {
  wants: EdgeType;
  provides: EdgeType;
  /** For each option the types of its values by position; a flag has none. */
  options?: MapLike<readonly ValueType[]>;
}

/**
 * What a handler writes to: in a call, between calls, and until its `stop` is
 * done. What is written before `init`, and the `restore` that may follow, have
 * succeeded is held until then, since hosts take no data before. On a
 * connection without `init` it is dropped.
 *
 * Each method returns a promise when the host reads more slowly than the
 * handler writes: wait for it before you write more.
 */
export interface Output {
  /** Writes a point, of the stream or of the batch that was begun. */
  point(point: Point | OutputPoint): Promise<void> | void;
  /** Begins a batch; `size`, where not 0, is the number of its points. */
  beginBatch(begin: BeginBatchInit): Promise<void> | void;
  /** Ends the batch that was begun. */
  endBatch(end: EndBatchInit): Promise<void> | void;
}

/** What a UDF receives before its data. */
export interface InitRequest {
  /** In the order of the script; names may repeat. */
  options: Option[];
  taskId: string;
  nodeId: string;
}

/** One call of an option in a script. */
export interface Option {
  name: string;
  values: OptionValue[];
}

/** One value of an option; a duration is in ns. */
export type OptionValue =
  | { type: "bool"; value: boolean }
  | { type: "int"; value: bigint }
  | { type: "double"; value: number }
  | { type: "string"; value: string }
  | { type: "duration"; value: bigint };

/** Whether init or restore succeeded; a failure does not end the agent. */
export interface Outcome {
  success: boolean;
  /** Why not; empty on success. */
  error: string;
}

/** What a new point holds; left out: zero, empty or false. */
export interface PointInit {
  /** ns since the epoch */
  time?: bigint;
  /** The measurement. */
  name?: string;
  database?: string;
  retentionPolicy?: string;
  /** The id of the group. */
  group?: string;
  /** The tags that make the group, sorted. */
  dimensions?: string[];
  tags?: Map<string, string>;
  fieldsDouble?: Map<string, number>;
  fieldsInt?: Map<string, bigint>;
  fieldsString?: Map<string, string>;
  /** Whether the name is part of the group. */
  byName?: boolean;
  fieldsBool?: Map<string, boolean>;
}

/** A map, or a plain object that stands for one. */
export type MapLike<T> = Map<string, T> | Readonly<Record<string, T>>;

/** The maps of a point. */
type Maps = "tags" | `fields${"Double" | "Int" | "String" | "Bool"}`;

/** A point that a handler writes; maps may be plain objects. */
export interface OutputPoint extends Omit<PointInit, Maps> {
  tags?: MapLike<string>;
  /**
   * Fields of all types, in place of the four maps below: numbers become
   * doubles, bigints int64.
   */
  fields?: MapLike<FieldValue>;
  fieldsDouble?: MapLike<number>;
  fieldsInt?: MapLike<bigint>;
  fieldsString?: MapLike<string>;
  fieldsBool?: MapLike<boolean>;
}

/** A point as it came; it can be changed and sent on. */
export interface Point extends Required<PointInit> {
  /** The field of this name, of whatever type; the fastest way to read. */
  field(name: string): FieldValue | undefined;
  /** Replaces all fields, of all types. */
  setFields(fields: readonly (readonly [string, FieldValue])[]): void;
  /** All fields, each name once. */
  fields(): Generator<[string, FieldValue]>;
  /** Returns a copy; keep this rather than the point itself. */
  copy(): Point;
}

/** The head of a batch. */
export interface BeginBatch {
  name: string;
  group: string;
  /** The tags of the group. */
  tags: Map<string, string>;
  /** The number of points that follow; 0: unknown. */
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

/** The head of a batch that a handler writes; left out: empty, size unknown. */
export type BeginBatchInit = Partial<BeginBatch> & { name: string };

/** The end of a batch that a handler writes; the rest is as it began. */
export type EndBatchInit = Partial<EndBatch> & { tmax: bigint };
