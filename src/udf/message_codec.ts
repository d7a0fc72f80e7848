/**
 * The messages that Request and Response hold, to and from bytes.
 *
 * @module
 */

import { type ByteReader, WireType } from "../wire/byte_reader.ts";
import { type ByteWriter, writeBool, writeBytes, writeInt64, writeString } from "../wire/byte_writer.ts";
import { WireError } from "../base/errors.ts";
import { readEntry, readStringEntry, writeMap } from "./field_codec.ts";
import {
  type BeginBatch,
  EDGE_TYPES,
  type EdgeType,
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

/** The field of Request and Response that holds a point. */
export const POINT = 17;

/** Writes a point as the member of a Request or Response. */
export function encodePoint(writer: ByteWriter, point: Point): void {
  writer.uint32(POINT << 3 | BYTES);
  const length = point.encodedLength;
  if (length !== undefined) {
    writer.uint32(length);
    return point.encode(writer);
  }
  const start = writer.openLength(writer.guess);
  point.encode(writer);
  // Moving a point for a length of another size costs a tenth of its time.
  writer.guess = writer.closeLength(start, writer.guess);
}

/** Writes an embedded message as the field of this number. */
export function writeMessage<T>(
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
export function writeNothing(): void {}

/** Writes the fields of a keepalive. */
export function encodeTime(writer: ByteWriter, time: bigint): void {
  writeInt64(writer, 1, time);
}

/** Writes the fields of a snapshot. */
export function encodeSnapshot(writer: ByteWriter, snapshot: Uint8Array): void {
  writeBytes(writer, 1, snapshot);
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
    writeMessage(writer, 3, (writer) => {
      writer.uint32(1 << 3 | BYTES);
      writer.string(name);
      writeMessage(writer, 2, encodeOptionInfo, types);
    }, undefined);
  }
}

function encodeOptionInfo(writer: ByteWriter, types: ValueType[]): void {
  if (types.length === 0) return;
  writeMessage(writer, 1, (writer) => {
    for (const type of types) writer.uint32(enumNumber(VALUE_TYPES, type));
  }, undefined);
}

/** Writes the fields of an InitRequest. */
export function encodeInit(writer: ByteWriter, init: InitRequest): void {
  for (const option of init.options) writeMessage(writer, 1, encodeOption, option);
  writeString(writer, 2, init.taskId);
  writeString(writer, 3, init.nodeId);
}

function encodeOption(writer: ByteWriter, option: Option): void {
  writeString(writer, 1, option.name);
  for (const value of option.values) writeMessage(writer, 2, encodeOptionValue, value);
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

/** Returns the number of a name. Handlers in JavaScript can pass names that the type does not allow. */
function enumNumber<T>(names: readonly T[], name: T): number {
  const number = names.indexOf(name);
  if (number < 0) throw new WireError("unknown-enum", `${name} is none of ${names.join(", ")}`);
  return number;
}

/**
 * Reads all fields of a message. `field` gets each tag, and returns whether it has read the value; other values are
 * skipped.
 */
function eachField(reader: ByteReader, field: (tag: number) => boolean): void {
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    if (!field(tag)) reader.skip(tag);
  }
}

/** Decodes the embedded message that starts here with its length. */
function embedded<T>(reader: ByteReader, decode: (reader: ByteReader) => T): T {
  const outer = reader.end;
  reader.end = reader.delimited();
  const decoded = decode(reader);
  reader.end = outer;
  return decoded;
}

/** Skips what a message without fields holds. */
export function skipAll(reader: ByteReader): void {
  eachField(reader, () => false);
}

/** Reads the fields of a keepalive. */
export function decodeTime(reader: ByteReader): bigint {
  let time = 0n;
  eachField(reader, (tag) => {
    if (tag !== (1 << 3 | VARINT)) return false;
    time = reader.int64();
    return true;
  });
  return time;
}

/** Reads the fields of a snapshot. */
export function decodeSnapshot(reader: ByteReader): Uint8Array {
  let snapshot: Uint8Array = new Uint8Array();
  eachField(reader, (tag) => {
    if (tag !== (1 << 3 | BYTES)) return false;
    snapshot = reader.byteString();
    return true;
  });
  return snapshot;
}

/** Reads the fields of an ErrorResponse. */
export function decodeError(reader: ByteReader): string {
  let error = "";
  eachField(reader, (tag) => {
    if (tag !== (1 << 3 | BYTES)) return false;
    error = reader.string();
    return true;
  });
  return error;
}

/** Reads the fields of an InitResponse or RestoreResponse. */
export function decodeOutcome(reader: ByteReader): Outcome {
  const outcome: Outcome = { success: false, error: "" };
  eachField(reader, (tag) => {
    if (tag === (1 << 3 | VARINT)) outcome.success = reader.bool();
    else if (tag === (2 << 3 | BYTES)) outcome.error = reader.string();
    else return false;
    return true;
  });
  return outcome;
}

/** Reads the fields of an InfoResponse. */
export function decodeInfo(reader: ByteReader): InfoResponse {
  const info: InfoResponse = { wants: "stream", provides: "stream", options: new Map() };
  eachField(reader, (tag) => {
    if (tag === (1 << 3 | VARINT)) info.wants = edgeType(reader);
    else if (tag === (2 << 3 | VARINT)) info.provides = edgeType(reader);
    else if (tag === (3 << 3 | BYTES)) readEntry(reader, info.options, BYTES, [], readOptionInfo);
    else return false;
    return true;
  });
  return info;
}

const readOptionInfo = (reader: ByteReader) => embedded(reader, decodeOptionInfo);

function decodeOptionInfo(reader: ByteReader): ValueType[] {
  const types: ValueType[] = [];
  eachField(reader, (tag) => {
    if (tag === (1 << 3 | VARINT)) types.push(valueType(reader));
    else if (tag === (1 << 3 | BYTES)) {
      embedded(reader, () => {
        while (reader.position < reader.end) types.push(valueType(reader));
      });
    } else return false;
    return true;
  });
  return types;
}

/** Reads the fields of an InitRequest. */
export function decodeInit(reader: ByteReader): InitRequest {
  const init: InitRequest = { options: [], taskId: "", nodeId: "" };
  eachField(reader, (tag) => {
    if (tag === (1 << 3 | BYTES)) init.options.push(embedded(reader, decodeOption));
    else if (tag === (2 << 3 | BYTES)) init.taskId = reader.string();
    else if (tag === (3 << 3 | BYTES)) init.nodeId = reader.string();
    else return false;
    return true;
  });
  return init;
}

function decodeOption(reader: ByteReader): Option {
  const option: Option = { name: "", values: [] };
  eachField(reader, (tag) => {
    if (tag === (1 << 3 | BYTES)) option.name = reader.string();
    else if (tag === (2 << 3 | BYTES)) option.values.push(embedded(reader, decodeOptionValue));
    else return false;
    return true;
  });
  return option;
}

/**
 * The member of the oneof decides the type of the value. Without a member the value is the default of the declared
 * type.
 */
function decodeOptionValue(reader: ByteReader): OptionValue {
  let type: ValueType = "bool";
  let value: OptionValue | undefined;
  eachField(reader, (tag) => {
    if (tag === (1 << 3 | VARINT)) type = valueType(reader);
    else if (tag === (2 << 3 | VARINT)) value = { type: "bool", value: reader.bool() };
    else if (tag === (3 << 3 | VARINT)) value = { type: "int", value: reader.int64() };
    else if (tag === (4 << 3 | FIXED64)) value = { type: "double", value: reader.double() };
    else if (tag === (5 << 3 | BYTES)) value = { type: "string", value: reader.string() };
    else if (tag === (6 << 3 | VARINT)) value = { type: "duration", value: reader.int64() };
    else return false;
    return true;
  });
  return value ?? defaultValue(type);
}

function defaultValue(type: ValueType): OptionValue {
  switch (type) {
    case "bool":
      return { type, value: false };
    case "double":
      return { type, value: 0 };
    case "string":
      return { type, value: "" };
    default:
      return { type, value: 0n };
  }
}

/** Reads the fields of a BeginBatch. */
export function decodeBegin(reader: ByteReader): BeginBatch {
  const begin: BeginBatch = { name: "", group: "", tags: new Map(), size: 0n, byName: false };
  eachField(reader, (tag) => {
    if (tag === (1 << 3 | BYTES)) begin.name = reader.string();
    else if (tag === (2 << 3 | BYTES)) begin.group = reader.string();
    else if (tag === (3 << 3 | BYTES)) readStringEntry(reader, begin.tags);
    else if (tag === (4 << 3 | VARINT)) begin.size = reader.int64();
    else if (tag === (5 << 3 | VARINT)) begin.byName = reader.bool();
    else return false;
    return true;
  });
  return begin;
}

/** Reads the fields of an EndBatch. */
export function decodeEnd(reader: ByteReader): EndBatch {
  const end: EndBatch = { name: "", group: "", tmax: 0n, tags: new Map(), byName: false };
  eachField(reader, (tag) => {
    if (tag === (1 << 3 | BYTES)) end.name = reader.string();
    else if (tag === (2 << 3 | BYTES)) end.group = reader.string();
    else if (tag === (3 << 3 | VARINT)) end.tmax = reader.int64();
    else if (tag === (4 << 3 | BYTES)) readStringEntry(reader, end.tags);
    else if (tag === (5 << 3 | VARINT)) end.byName = reader.bool();
    else return false;
    return true;
  });
  return end;
}

function edgeType(reader: ByteReader): EdgeType {
  return enumName(reader, EDGE_TYPES, "EdgeType");
}

function valueType(reader: ByteReader): ValueType {
  return enumName(reader, VALUE_TYPES, "ValueType");
}

function enumName<T>(reader: ByteReader, names: readonly T[], type: string): T {
  const number = reader.uint32();
  const name = names[number];
  if (name === undefined) {
    throw new WireError("unknown-enum", `${type} ${number} is unknown, expected 0 to ${names.length - 1}`);
  }
  return name;
}
