import { describeValue } from "../base/errors.ts";
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

/**
 * Returns the point itself, or one made from what describes it.
 *
 * @throws {TypeError} for what is no point: nothing that a handler writes may vanish, or become an empty point
 */
export function toPoint(point: PointOfHandler | OutputPoint): Point {
  if (point instanceof Point) return point;
  if (typeof point !== "object" || point === null || Array.isArray(point)) {
    throw new TypeError(`a point must be an object, got ${describeValue(point)}`);
  }
  const { fields } = point;
  if (fields === undefined && !FIELD_MAPS.some((name) => point[name] !== undefined)) checkWithoutFields(point);
  if (point.dimensions !== undefined && !Array.isArray(point.dimensions)) {
    throw new TypeError(`dimensions must be an array, got ${describeValue(point.dimensions)}`);
  }
  // A spread would lose what has a getter, as all of a point of another copy of tine has.
  const { time, name, database, retentionPolicy, group, byName, dimensions } = point;
  const made = new Point({
    time,
    name,
    database,
    retentionPolicy,
    group,
    byName,
    dimensions,
    tags: toMap(point.tags, "tags"),
    fieldsDouble: toMap(point.fieldsDouble, "fieldsDouble"),
    fieldsInt: toMap(point.fieldsInt, "fieldsInt"),
    fieldsString: toMap(point.fieldsString, "fieldsString"),
    fieldsBool: toMap(point.fieldsBool, "fieldsBool"),
  });
  // A point that is not of this class has a method of this name, and its fields are in the maps.
  if (fields !== undefined && typeof fields !== "function") made.setFields([...toMap(fields, "fields")!]);
  return made;
}

const TEXTS = ["name", "database", "retentionPolicy", "group"] as const;
const FIELD_MAPS = ["fieldsDouble", "fieldsInt", "fieldsString", "fieldsBool"] as const;

/** A point without fields is rare, but one whose fields have another name, or a spread of a point, is not. */
function checkWithoutFields(point: object): void {
  const names = Object.keys(point);
  const known: readonly string[] = [...TEXTS, "time", "tags", "dimensions", "byName", "fields", ...FIELD_MAPS];
  if (names.length > 0 && names.every((name) => known.includes(name))) return;
  const given = names.join(", ") || "no property, as a spread of a point is: change the point itself";
  throw new TypeError(`a point needs fields, such as { name: "cpu", time: 1n, fields: { v: 1.5 } }, got ${given}`);
}

/** Finds a property of a point that has a value of another type, which handlers in JavaScript can set. */
export function findWrongProperty(point: Point): string | undefined {
  const wrong = (name: string, type: string, value: unknown) => `${name} must be ${type}, got ${describeValue(value)}`;
  if (typeof point.time !== "bigint") return wrong("time", "a bigint, in ns", point.time);
  for (const name of TEXTS) if (typeof point[name] !== "string") return wrong(name, "a string", point[name]);
  for (const name of ["tags", ...FIELD_MAPS] as const) {
    if (!(point[name] instanceof Map)) return wrong(name, "a Map", point[name]);
    for (const key of point[name].keys()) {
      if (typeof key !== "string") return wrong(`a key of ${name}`, "a string", key);
    }
  }
  const { dimensions } = point;
  if (!Array.isArray(dimensions)) return wrong("dimensions", "an array", dimensions);
  const other = dimensions.find((name) => typeof name !== "string");
  return other === undefined ? undefined : wrong("a dimension", "a string", other);
}

function toMap<T>(map: MapLike<T> | undefined, name: string): Map<string, T> | undefined {
  if (map === undefined || map instanceof Map) return map;
  if (typeof map === "object" && map !== null && !Array.isArray(map)) return new Map(Object.entries(map));
  throw new TypeError(`${name} must be an object or a Map, got ${describeValue(map)}`);
}
