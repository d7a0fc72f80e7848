import type { Batch } from "./batcher.ts";
import type { EdgeType, InfoResponse, ValueType } from "./messages.ts";
import { Point } from "./point.ts";
import type { Handler, HandlerInfo, MapLike, Output, OutputPoint, Point as PointOfHandler } from "./udf_types.ts";
export type {
  Awaitable,
  BeginBatchInit,
  CreateHandler,
  EndBatchInit,
  Handler,
  HandlerInfo,
  MapLike,
  Output,
  OutputPoint,
} from "./udf_types.ts";

/**
 * Takes points as encoded messages, so that a relay need not decode what it only hands on. A Request and a Response
 * with a point are the same bytes.
 */
export interface FrameTaker {
  /** Takes the message in `bytes[start, end)`, without its length. The bytes are valid until this returns. */
  pointFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void;
}

/** The output that a relay writes to. It sends on what another UDF wrote, without the checks of a handler's output. */
export interface RelayOutput extends Output, FrameTaker {
  /** Sends a batch as the other UDF wrote it, with its real size. */
  batch(batch: Batch): Promise<void>;
}

/** Whether an output is the output of an agent, which a relay needs. */
export function isRelayOutput(output: Output): output is RelayOutput {
  return takesFrames(output) && "batch" in output && typeof output.batch === "function";
}

/** Whether an object takes encoded points. */
export function takesFrames<T extends object>(taker: T): taker is T & FrameTaker {
  return "pointFrame" in taker && typeof taker.pointFrame === "function";
}

/**
 * Returns the info of a handler as a message.
 *
 * @throws {TypeError} with what is wrong with it
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
 * Returns what createHandler returned, if it is a handler.
 *
 * @throws {TypeError} with the line that is missing
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
 * @throws {TypeError} with the line that is missing
 */
export function checkMethods(handler: Handler, wants: EdgeType): void {
  for (const [name, line] of METHODS[wants]) checkMethod(handler, name, line);
}

function checkMethod(handler: object, name: string, line: string): void {
  if (typeof Reflect.get(handler, name) === "function") return;
  throw new TypeError(`the handler has no method ${name}(); write: ${line}`);
}

/** Returns the point itself, or one made from what describes it. */
export function toPoint(point: PointOfHandler | OutputPoint): Point {
  if (point instanceof Point) return point;
  const { fields } = point;
  const made = new Point({
    ...point,
    tags: toMap(point.tags),
    fieldsDouble: toMap(point.fieldsDouble),
    fieldsInt: toMap(point.fieldsInt),
    fieldsString: toMap(point.fieldsString),
    fieldsBool: toMap(point.fieldsBool),
  });
  // A point that is not of this class has a method of this name, and its fields are in the maps.
  if (fields !== undefined && typeof fields !== "function") made.setFields([...toMap(fields)!]);
  return made;
}

function toMap<T>(map: MapLike<T> | undefined): Map<string, T> | undefined {
  return map === undefined || map instanceof Map ? map : new Map(Object.entries(map));
}
