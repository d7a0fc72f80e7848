/**
 * Messages as plain JSON values, so that what different programs decoded can be compared: integers of 64 bits as decimal
 * strings, doubles as the 16 hex digits of their bits, byte strings in hex, maps as lists of pairs sorted by UTF-16 units.
 *
 * @module
 */

import type { OptionValue, Request, Response } from "../../src/udf/messages.ts";
import type { Point, PointInit } from "../../src/udf/point.ts";

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const view = new DataView(new ArrayBuffer(8));

/** The bits of a double; all NaN are one. */
export function describeDouble(value: number): string {
  view.setFloat64(0, value);
  return Number.isNaN(value) ? "nan" : view.getBigUint64(0).toString(16).padStart(16, "0");
}

/** Bytes in hex. */
export function describeBytes(bytes: Uint8Array): string {
  return bytes.toHex();
}

/** The entries of a map, sorted. */
export function describeMap<T>(map: Iterable<readonly [string, T]>, value: (value: T) => Json): Json {
  return [...map].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0).map(([key, item]) => [key, value(item)]);
}

const same = <T extends Json>(value: T): T => value;
const decimal = (value: bigint): string => value.toString();

/** Everything a point holds; reads every property. */
export function describePoint(point: Point | Required<PointInit>): { [key: string]: Json } {
  return {
    time: decimal(point.time),
    name: point.name,
    database: point.database,
    retentionPolicy: point.retentionPolicy,
    group: point.group,
    dimensions: point.dimensions,
    tags: describeMap(point.tags, same),
    fieldsDouble: describeMap(point.fieldsDouble, describeDouble),
    fieldsInt: describeMap(point.fieldsInt, decimal),
    fieldsString: describeMap(point.fieldsString, same),
    byName: point.byName,
    fieldsBool: describeMap(point.fieldsBool, same),
  };
}

function describeOptionValue(option: OptionValue): Json {
  switch (option.type) {
    case "int":
    case "duration":
      return [option.type, decimal(option.value)];
    case "double":
      return [option.type, describeDouble(option.value)];
    default:
      return [option.type, option.value];
  }
}

/** Everything a message holds. */
export function describe(message: Request | Response): { [key: string]: Json } {
  const { kind } = message;
  if ("point" in message) return { kind, ...describePoint(message.point) };
  if ("begin" in message) {
    const { name, group, tags, size, byName } = message.begin;
    return { kind, name, group, tags: describeMap(tags, same), size: decimal(size), byName };
  }
  if ("end" in message) {
    const { name, group, tmax, tags, byName } = message.end;
    return { kind, name, group, tmax: decimal(tmax), tags: describeMap(tags, same), byName };
  }
  if ("time" in message) return { kind, time: decimal(message.time) };
  if ("snapshot" in message) return { kind, snapshot: describeBytes(message.snapshot) };
  if ("error" in message) return { kind, error: message.error };
  if ("outcome" in message) return { kind, success: message.outcome.success, error: message.outcome.error };
  if ("info" in message) {
    const { wants, provides, options } = message.info;
    return { kind, wants, provides, options: describeMap(options, (types) => types) };
  }
  if ("init" in message) {
    const { options, taskId, nodeId } = message.init;
    return {
      kind,
      options: options.map(({ name, values }) => ({ name, values: values.map(describeOptionValue) })),
      taskId,
      nodeId,
    };
  }
  return { kind };
}
