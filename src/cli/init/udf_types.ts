/**
 * What `@tine/tine/udf` means to editors and type checks in a folder that has only the tine executable. A test holds it
 * against the types themselves.
 */
export const UDF_TYPES = `/**
 * What a UDF has to do with tine, as types: \`tine init\` wrote this file for
 * editors and type checks. It is not needed to run a UDF.
 */

/** A value, or the promise of one. */
export type Awaitable<T> = T | PromiseLike<T>;

/** What flows along an edge: single points, or batches of them. */
export type EdgeType = "stream" | "batch";

/** The type of one value of an option. */
export type ValueType = "bool" | "int" | "double" | "string" | "duration";

/** The value of a field: a number is a double, a bigint an int64. */
export type FieldValue = number | bigint | string | boolean;

/** Makes the handler of one task: \`export function createHandler(agent)\`. */
export type CreateHandler = (agent: Output) => Awaitable<Handler>;

/** A UDF. Its methods are never called concurrently. */
export interface Handler {
  /** What the UDF wants, provides and can be told. */
  info(): Awaitable<HandlerInfo>;
  /** Takes the options; nothing or \`{ success: true }\` says they are fine. */
  init(request: InitRequest): Awaitable<Outcome | void>;
  /** The state, reflecting all data so far; nothing: there is none. */
  snapshot?(): Awaitable<Uint8Array | void>;
  /** Takes the state that an earlier snapshot gave. */
  restore?(snapshot: Uint8Array): Awaitable<Outcome | void>;
  /** A point of the stream, or of the batch that has begun. */
  point?(point: Point): Awaitable<void>;
  beginBatch?(begin: BeginBatch): Awaitable<void>;
  endBatch?(end: EndBatch): Awaitable<void>;
  /** There is no more input; points may be written until it is done. */
  stop?(): Awaitable<void>;
}

/** What a handler says about itself. */
export interface HandlerInfo {
  wants: EdgeType;
  provides: EdgeType;
  /** For each option the types of its values by position; none: a flag. */
  options?:
    | Map<string, readonly ValueType[]>
    | Record<string, readonly ValueType[]>;
}

/**
 * What a handler writes to, until its \`stop\` is done. What is written before
 * \`init\`, and a \`restore\` that follows, are done waits for them: hosts take no
 * data before. On a connection without \`init\` it is dropped.
 */
export interface Output {
  /** Writes a point. A promise says: wait before you write more. */
  point(point: Point | OutputPoint): Promise<void> | void;
  /** Begins a batch; \`size\`, where not 0, is the number of its points. */
  beginBatch(begin: BeginBatchInit): Promise<void> | void;
  /** Ends the batch that was begun. */
  endBatch(end: EndBatchInit): Promise<void> | void;
}

/** What a UDF is told before its data. */
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

/** Whether init or restore succeeded. */
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

/** A point that a handler writes; maps may be plain objects. */
export interface OutputPoint extends
  Omit<
    PointInit,
    "tags" | "fieldsDouble" | "fieldsInt" | "fieldsString" | "fieldsBool"
  > {
  tags?: MapLike<string>;
  /** Fields of all types: numbers become doubles, bigints int64. */
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
  /** A point of its own; keep this one rather than the point itself. */
  copy(): Point;
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

/** The head of a batch that a handler writes. */
export type BeginBatchInit = Partial<BeginBatch> & { name: string };

/** The end of a batch that a handler writes; the rest is as it began. */
export type EndBatchInit = Partial<EndBatch> & { tmax: bigint };
`;
