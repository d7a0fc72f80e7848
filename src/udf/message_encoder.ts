import { WireType } from "../wire/byte_reader.ts";
import type { ByteWriter } from "../wire/byte_writer.ts";
import { WireError } from "../base/errors.ts";
import { writeBool, writeInt64, writeMap, writeString } from "./map_field.ts";
import {
  type BeginBatch,
  EDGE_TYPES,
  type EndBatch,
  type InfoResponse,
  type InitRequest,
  type Option,
  type OptionValue,
  type Outcome,
  VALUE_TYPES,
  type ValueType,
} from "./messages.ts";
import type { Point } from "./point.ts";

const { VARINT, FIXED64, BYTES } = WireType;

/** The member of Request and Response that is a point. */
export const POINT = 17;

/** Writes a point as the member of a Request or Response. */
export function encodePoint(writer: ByteWriter, point: Point): void {
  writer.uint32(POINT << 3 | BYTES);
  const start = writer.openLength(2);
  point.encode(writer);
  writer.closeLength(start, 2);
}

/** Writes an embedded message as the field of this number. */
export function message<T>(
  writer: ByteWriter,
  field: number,
  encode: (writer: ByteWriter, value: T) => void,
  value: T,
): void {
  writer.uint32(field << 3 | BYTES);
  const start = writer.openLength();
  encode(writer, value);
  writer.closeLength(start);
}

/** Writes a message without fields. */
export function nothing(): void {}

/** Writes the fields of a keepalive. */
export function encodeTime(writer: ByteWriter, time: bigint): void {
  writeInt64(writer, 1, time);
}

/** Writes the fields of a snapshot. */
export function encodeSnapshot(writer: ByteWriter, snapshot: Uint8Array): void {
  if (snapshot.length === 0) return;
  writer.uint32(1 << 3 | BYTES);
  writer.uint32(snapshot.length);
  writer.raw(snapshot);
}

/** Writes the fields of an ErrorResponse. */
export function encodeError(writer: ByteWriter, error: string): void {
  writeString(writer, 1, error);
}

/** Writes the fields of an InitResponse or RestoreResponse. */
export function encodeOutcome(writer: ByteWriter, outcome: Outcome): void {
  writeBool(writer, 1, outcome.success);
  writeString(writer, 2, outcome.error);
}

/** Writes the fields of an InfoResponse. */
export function encodeInfo(writer: ByteWriter, info: InfoResponse): void {
  writeEnum(writer, 1, EDGE_TYPES, info.wants);
  writeEnum(writer, 2, EDGE_TYPES, info.provides);
  for (const [name, types] of info.options) {
    message(writer, 3, (writer) => {
      writer.uint32(1 << 3 | BYTES);
      writer.string(name);
      message(writer, 2, encodeOptionInfo, types);
    }, undefined);
  }
}

function encodeOptionInfo(writer: ByteWriter, types: ValueType[]): void {
  if (types.length === 0) return;
  message(writer, 1, (writer) => {
    for (const type of types) writer.uint32(enumNumber(VALUE_TYPES, type));
  }, undefined);
}

/** Writes the fields of an InitRequest. */
export function encodeInit(writer: ByteWriter, init: InitRequest): void {
  for (const option of init.options) message(writer, 1, encodeOption, option);
  writeString(writer, 2, init.taskId);
  writeString(writer, 3, init.nodeId);
}

function encodeOption(writer: ByteWriter, option: Option): void {
  writeString(writer, 1, option.name);
  for (const value of option.values) message(writer, 2, encodeOptionValue, value);
}

/** Members of a oneof are written even when they are 0, false or empty. */
function encodeOptionValue(writer: ByteWriter, option: OptionValue): void {
  writeEnum(writer, 1, VALUE_TYPES, option.type);
  switch (option.type) {
    case "bool":
      writer.uint32(2 << 3 | VARINT);
      return writer.uint32(option.value ? 1 : 0);
    case "int":
      writer.uint32(3 << 3 | VARINT);
      return writer.int64(option.value);
    case "double":
      writer.uint32(4 << 3 | FIXED64);
      return writer.double(option.value);
    case "string":
      writer.uint32(5 << 3 | BYTES);
      return writer.string(option.value);
    case "duration":
      writer.uint32(6 << 3 | VARINT);
      return writer.int64(option.value);
  }
}

/** Writes the fields of a BeginBatch. */
export function encodeBegin(writer: ByteWriter, begin: BeginBatch): void {
  writeString(writer, 1, begin.name);
  writeString(writer, 2, begin.group);
  writeMap(writer, 3 << 3 | BYTES, "string", begin.tags);
  writeInt64(writer, 4, begin.size);
  writeBool(writer, 5, begin.byName);
}

/** Writes the fields of an EndBatch. */
export function encodeEnd(writer: ByteWriter, end: EndBatch): void {
  writeString(writer, 1, end.name);
  writeString(writer, 2, end.group);
  writeInt64(writer, 3, end.tmax);
  writeMap(writer, 4 << 3 | BYTES, "string", end.tags);
  writeBool(writer, 5, end.byName);
}

function writeEnum<T>(writer: ByteWriter, field: number, names: readonly T[], name: T): void {
  const number = enumNumber(names, name);
  if (number === 0) return;
  writer.uint32(field << 3 | VARINT);
  writer.uint32(number);
}

/** Handlers written in JavaScript can have names here that no type allows. */
function enumNumber<T>(names: readonly T[], name: T): number {
  const number = names.indexOf(name);
  if (number < 0) throw new WireError("unknown-enum", `${name} is none of ${names.join(", ")}`);
  return number;
}
