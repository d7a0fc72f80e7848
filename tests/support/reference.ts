/**
 * The messages of proto/udf.proto through protobufjs: another encoder and decoder to compare ours with. It loses map keys
 * `__proto__`.
 *
 * @module
 */

import protobuf from "protobufjs";
import {
  EDGE_TYPES,
  type OptionValue,
  type Request,
  type Response,
  VALUE_TYPES,
  type ValueType,
} from "../../src/udf/messages.ts";
import { describe, type Json } from "./describe.ts";
import { Point } from "../../src/udf/point.ts";

const { root } = protobuf.parse(
  Deno.readTextFileSync(new URL("../../proto/udf.proto", import.meta.url)),
  { keepCase: true },
);

type Plain = Record<string, unknown>;

/** Encodes a message with protobufjs. */
export function encodeReference(type: "Request" | "Response", message: Request | Response): Uint8Array<ArrayBuffer> {
  const lookedUp = root.lookupType(`agent.${type}`);
  return lookedUp.encode(lookedUp.fromObject(toPlain(message))).finish().slice();
}

/** Decodes a message with protobufjs and describes what it holds, as {@linkcode describe} does. */
export function describeReference(type: "Request" | "Response", bytes: Uint8Array): { [key: string]: Json } {
  const lookedUp = root.lookupType(`agent.${type}`);
  const plain = lookedUp.toObject(lookedUp.decode(bytes), {
    longs: String,
    enums: Number,
    defaults: true,
    oneofs: true,
  });
  return describe(fromPlain(type, plain));
}

const entries = <T>(map: Map<string, T>, value: (value: T) => unknown = (value) => value) =>
  Object.fromEntries([...map].map(([key, item]) => [key, value(item)]));
const decimal = (value: bigint) => value.toString();

function toPlain(message: Request | Response): Plain {
  const { kind } = message;
  if (kind === "empty") return {};
  return { [kind]: member() };

  function member(): Plain {
    if ("point" in message) {
      const { point } = message;
      return {
        time: decimal(point.time),
        name: point.name,
        database: point.database,
        retentionPolicy: point.retentionPolicy,
        group: point.group,
        dimensions: point.dimensions,
        tags: entries(point.tags),
        fieldsDouble: entries(point.fieldsDouble),
        fieldsInt: entries(point.fieldsInt, decimal),
        fieldsString: entries(point.fieldsString),
        byName: point.byName,
        fieldsBool: entries(point.fieldsBool),
      };
    }
    if ("begin" in message) {
      return { ...message.begin, tags: entries(message.begin.tags), size: decimal(message.begin.size) };
    }
    if ("end" in message) {
      return { ...message.end, tags: entries(message.end.tags), tmax: decimal(message.end.tmax) };
    }
    if ("time" in message) return { time: decimal(message.time) };
    if ("snapshot" in message) return { snapshot: message.snapshot };
    if ("error" in message) return { error: message.error };
    if ("outcome" in message) return { ...message.outcome };
    if ("info" in message) {
      const { wants, provides, options } = message.info;
      return {
        wants: EDGE_TYPES.indexOf(wants),
        provides: EDGE_TYPES.indexOf(provides),
        options: entries(options, (types) => ({ valueTypes: types.map((type) => VALUE_TYPES.indexOf(type)) })),
      };
    }
    if ("init" in message) {
      const { options, taskId, nodeId } = message.init;
      return {
        taskID: taskId,
        nodeID: nodeId,
        options: options.map(({ name, values }) => ({
          name,
          values: values.map(({ type, value }) => ({
            type: VALUE_TYPES.indexOf(type),
            [`${type}Value`]: typeof value === "bigint" ? decimal(value) : value,
          })),
        })),
      };
    }
    return {};
  }
}

const text = (value: unknown): string => {
  if (typeof value !== "string") throw new TypeError(`not a string: ${value}`);
  return value;
};
const map = <T>(value: unknown, convert: (value: unknown) => T): Map<string, T> =>
  new Map(Object.entries(value as Plain).map(([key, item]) => [key, convert(item)]));
const int64 = (value: unknown) => BigInt(text(value));
const double = (value: unknown) => value as number;
const bool = (value: unknown) => value as boolean;
const list = <T>(value: unknown, convert: (value: unknown) => T): T[] => (value as unknown[]).map(convert);

function fromPlain(type: "Request" | "Response", plain: Plain): Request | Response {
  const kind = plain.message as Exclude<Request["kind"] | Response["kind"], "empty"> | undefined;
  if (kind === undefined) return { kind: "empty" };
  const member = plain[kind] as Plain;
  switch (kind) {
    case "point":
      return {
        kind,
        point: new Point({
          time: int64(member.time),
          name: text(member.name),
          database: text(member.database),
          retentionPolicy: text(member.retentionPolicy),
          group: text(member.group),
          dimensions: list(member.dimensions, text),
          tags: map(member.tags, text),
          fieldsDouble: map(member.fieldsDouble, double),
          fieldsInt: map(member.fieldsInt, int64),
          fieldsString: map(member.fieldsString, text),
          byName: bool(member.byName),
          fieldsBool: map(member.fieldsBool, bool),
        }),
      };
    case "begin":
      return {
        kind,
        begin: {
          name: text(member.name),
          group: text(member.group),
          tags: map(member.tags, text),
          size: int64(member.size),
          byName: bool(member.byName),
        },
      };
    case "end":
      return {
        kind,
        end: {
          name: text(member.name),
          group: text(member.group),
          tmax: int64(member.tmax),
          tags: map(member.tags, text),
          byName: bool(member.byName),
        },
      };
    case "keepalive":
      return { kind, time: int64(member.time) };
    case "error":
      return { kind, error: text(member.error) };
    case "snapshot":
      return type === "Request" ? { kind } : { kind, snapshot: member.snapshot as Uint8Array };
    case "restore":
      if (type === "Request") return { kind, snapshot: member.snapshot as Uint8Array };
      return { kind, outcome: { success: bool(member.success), error: text(member.error) } };
    case "info":
      if (type === "Request") return { kind };
      return {
        kind,
        info: {
          wants: EDGE_TYPES[member.wants as number],
          provides: EDGE_TYPES[member.provides as number],
          options: map(member.options, (info) => list((info as Plain).valueTypes, valueType)),
        },
      };
    case "init":
      if (type === "Response") {
        return { kind, outcome: { success: bool(member.success), error: text(member.error) } };
      }
      return {
        kind,
        init: {
          taskId: text(member.taskID),
          nodeId: text(member.nodeID),
          options: list(member.options, (option) => ({
            name: text((option as Plain).name),
            values: list((option as Plain).values, optionValue),
          })),
        },
      };
  }
}

const valueType = (value: unknown): ValueType => VALUE_TYPES[value as number];

function optionValue(plain: unknown): OptionValue {
  const option = plain as Plain;
  const value = option[text(option.value)];
  const type = valueType(option.type);
  if (option.value !== `${type}Value`) throw new TypeError(`${option.value} has the type ${type}`);
  return { type, value: type === "int" || type === "duration" ? int64(value) : value } as OptionValue;
}
