import type { Batch } from "./batcher.ts";
import type { BeginBatch, EdgeType, EndBatch, InfoResponse, InitRequest, Outcome, ValueType } from "./messages.ts";
import { type FieldValue, Point, type PointInit } from "./point.ts";

/** A value, or the promise of one. */
export type Awaitable<T> = T | PromiseLike<T>;

/** What a handler says about itself; options may be given as a plain object. */
export interface HandlerInfo {
  wants: EdgeType;
  provides: EdgeType;
  /** For each option the types of its values by position; none: a flag. */
  options?: Map<string, readonly ValueType[]> | Record<string, readonly ValueType[]>;
}

/**
 * A user-defined function.
 *
 * Methods are never called concurrently: the next request waits for the promise that one returns. An error that a
 * method throws ends the agent and reaches the host as an ErrorResponse.
 *
 * @example
 * ```ts
 * import type { Handler, Output } from "./handler.ts";
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
  /** What the UDF wants, provides and can be told. May be called before, after and without init. */
  info(): Awaitable<HandlerInfo>;
  /** Takes the options; nothing or `{ success: true }` says that they are fine. A failure does not end the agent. */
  init(request: InitRequest): Awaitable<Outcome | void>;
  /** The state, reflecting all data so far; nothing: there is none. */
  snapshot?(): Awaitable<Uint8Array | void>;
  /** Takes the state that an earlier snapshot gave. A failure does not end the agent. */
  restore?(snapshot: Uint8Array): Awaitable<Outcome | void>;
  /** A point of the stream, or of the batch that has begun. */
  point?(point: Point): Awaitable<void>;
  beginBatch?(begin: BeginBatch): Awaitable<void>;
  endBatch?(end: EndBatch): Awaitable<void>;
  /** There is no more input. What it returns is waited for; points may be written until then. */
  stop?(): Awaitable<void>;
}

/** The head of a batch that a handler writes; left out: empty, and a size that is unknown. */
export type BeginBatchInit = Partial<BeginBatch> & { name: string };

/** The end of a batch that a handler writes; name, group and tags are those of its beginning. */
export type EndBatchInit = Partial<EndBatch> & { tmax: bigint };

/** A map, or a plain object that stands for one. */
export type MapLike<T> = Map<string, T> | Readonly<Record<string, T>>;

/** A point that a handler writes; maps may be plain objects. */
export interface OutputPoint
  extends Omit<PointInit, "tags" | "fieldsDouble" | "fieldsInt" | "fieldsString" | "fieldsBool"> {
  tags?: MapLike<string>;
  /** Fields of all types: numbers become doubles, bigints int64. In place of the four maps below. */
  fields?: MapLike<FieldValue>;
  fieldsDouble?: MapLike<number>;
  fieldsInt?: MapLike<bigint>;
  fieldsString?: MapLike<string>;
  fieldsBool?: MapLike<boolean>;
}

/**
 * What a handler writes to: in a call, between calls, and until its `stop` is done.
 *
 * What is written before init and the restore that may follow have succeeded is held until then, since hosts take no data before;
 * on a connection without init it is dropped.
 *
 * Each method returns a promise when the host reads more slowly than the handler writes; wait for it before
 * writing more.
 */
export interface Output {
  /** Writes a point, of the stream or of the batch that was begun. */
  point(point: Point | OutputPoint): Promise<void> | void;
  /** Begins a batch. `size`, where not 0, must be the number of points that follow. */
  beginBatch(begin: BeginBatchInit): Promise<void> | void;
  /** Ends the batch that was begun. */
  endBatch(end: EndBatchInit): Promise<void> | void;
}

/**
 * What a relay is on both of its ends: it can take a point as an encoded message, Request or Response, which look the
 * same, without its length. That saves decoding what is only handed on.
 */
export interface FrameTaker {
  /** Takes the point in `bytes[start, end)`, valid until this returns. */
  pointFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void;
}

/** What a relay writes to: it hands on what another UDF wrote, which is not judged as that of a handler is. */
export interface RelayOutput extends Output, FrameTaker {
  /** Sends a batch as the other UDF wrote it; the size that it announces is its real one. */
  batch(batch: Batch): Promise<void>;
}

/** Whether an output is that of an agent, which a relay needs. */
export function isRelayOutput(output: Output): output is RelayOutput {
  return takesFrames(output) && "batch" in output && typeof output.batch === "function";
}

/** Whether somebody can take encoded points. */
export function takesFrames<T extends object>(taker: T): taker is T & FrameTaker {
  return "pointFrame" in taker && typeof taker.pointFrame === "function";
}

/** Makes the handler of one connection. */
export type CreateHandler = (agent: Output) => Awaitable<Handler>;

/**
 * The info of a handler as a message.
 *
 * @throws {TypeError} that says what is wrong with it
 */
export function infoResponse(info: HandlerInfo): InfoResponse {
  if (typeof info !== "object" || info === null) {
    throw new TypeError(`info() must return { wants, provides, options }, got ${info}`);
  }
  for (const key of ["wants", "provides"] as const) {
    if (info[key] !== "stream" && info[key] !== "batch") {
      throw new TypeError(`info().${key} must be "stream" or "batch", got ${JSON.stringify(info[key])}`);
    }
  }
  const options = new Map<string, ValueType[]>();
  const given = info.options ?? {};
  for (const [name, types] of given instanceof Map ? given : Object.entries(given)) {
    if (!Array.isArray(types) || !types.every(isValueType)) {
      throw new TypeError(
        `info().options.${name} must list the types of its values ("bool", "int", "double", "string", "duration"), ` +
          `got ${JSON.stringify(types)}`,
      );
    }
    options.set(name, [...types]);
  }
  return { wants: info.wants, provides: info.provides, options };
}

function isValueType(type: unknown): type is ValueType {
  return type === "bool" || type === "int" || type === "double" || type === "string" || type === "duration";
}

/** The methods that a handler must have for the edge it wants, each with the line to write. */
const METHODS: Readonly<Record<EdgeType, readonly [keyof Handler, string][]>> = {
  stream: [["point", "point(point) { ... }"]],
  batch: [
    ["beginBatch", "beginBatch(begin) { ... }"],
    ["point", "point(point) { ... }"],
    ["endBatch", "endBatch(end) { ... }"],
  ],
};

/**
 * What createHandler returned, if it is a handler.
 *
 * @throws {TypeError} that says which line is missing
 */
export function checkHandler(handler: unknown): Handler {
  if (typeof handler !== "object" || handler === null) {
    throw new TypeError(
      `createHandler() must return a handler, got ${handler === null ? "null" : typeof handler}; ` +
        "write: return { info() { ... }, init(request) { ... }, point(point) { ... } };",
    );
  }
  checkMethod(handler, "info", 'info() { return { wants: "stream", provides: "stream" }; }');
  checkMethod(handler, "init", "init(request) { ... }");
  return handler as Handler;
}

/**
 * Makes sure that a handler has the methods that its edge needs.
 *
 * @throws {TypeError} that says which line is missing
 */
export function checkMethods(handler: Handler, wants: EdgeType): void {
  for (const [name, line] of METHODS[wants]) checkMethod(handler, name, line);
}

function checkMethod(handler: object, name: string, line: string): void {
  if (typeof Reflect.get(handler, name) === "function") return;
  throw new TypeError(`the handler has no method ${name}(); write: ${line}`);
}

/** The point itself, or one made from what describes it. */
export function toPoint(point: Point | OutputPoint): Point {
  if (point instanceof Point) return point;
  const made = new Point({
    ...point,
    tags: toMap(point.tags),
    fieldsDouble: toMap(point.fieldsDouble),
    fieldsInt: toMap(point.fieldsInt),
    fieldsString: toMap(point.fieldsString),
    fieldsBool: toMap(point.fieldsBool),
  });
  if (point.fields !== undefined) made.setFields([...toMap(point.fields)!]);
  return made;
}

function toMap<T>(map: MapLike<T> | undefined): Map<string, T> | undefined {
  return map === undefined || map instanceof Map ? map : new Map(Object.entries(map));
}
