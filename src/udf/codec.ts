/**
 * Requests and responses to and from protobuf bytes, by hand: protobufjs loses a map key `__proto__`, has no bigint,
 * and takes five times as long for points. Tests hold both against each other.
 *
 * @module
 */

import { type ByteReader, WireType } from "../wire/byte_reader.ts";
import type { ByteWriter } from "../wire/byte_writer.ts";
import { WireError } from "../wire/errors.ts";
import { readEntry, readStringEntry, writeStringMap } from "./map_field.ts";
import { layOut } from "./point_layout.ts";
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
  type Request,
  type Response,
  VALUE_TYPES,
  type ValueType,
} from "./messages.ts";
import { Point } from "./point.ts";

const { VARINT, FIXED64, BYTES } = WireType;

// Members of the oneof in Request and Response.
const INFO = 1, INIT = 2, KEEPALIVE = 3, SNAPSHOT = 4, RESTORE = 5, ERROR = 6, BEGIN = 16, POINT = 17, END = 18;

const EMPTY: { kind: "empty" } = { kind: "empty" };

/**
 * Decodes the Request that fills the reader.
 *
 * @throws {WireError} if the bytes are no Request
 */
export function decodeRequest(reader: ByteReader): Request {
  if (isPoint(reader)) return { kind: "point", point: Point.decode(reader) };
  return decodeOneof<Request>(reader, requestMember, EMPTY);
}

/**
 * Decodes the Response that fills the reader.
 *
 * @throws {WireError} if the bytes are no Response
 */
export function decodeResponse(reader: ByteReader): Response {
  if (isPoint(reader)) return { kind: "point", point: Point.decode(reader) };
  return decodeOneof<Response>(reader, responseMember, EMPTY);
}

/** Writes a Request; the caller writes its length. An empty one writes nothing. */
export function encodeRequest(writer: ByteWriter, request: Request): void {
  switch (request.kind) {
    case "info":
      return message(writer, INFO, nothing, undefined);
    case "init":
      return message(writer, INIT, encodeInit, request.init);
    case "keepalive":
      return message(writer, KEEPALIVE, encodeTime, request.time);
    case "snapshot":
      return message(writer, SNAPSHOT, nothing, undefined);
    case "restore":
      return message(writer, RESTORE, encodeSnapshot, request.snapshot);
    case "begin":
      return message(writer, BEGIN, encodeBegin, request.begin);
    case "point":
      return encodePoint(writer, request.point);
    case "end":
      return message(writer, END, encodeEnd, request.end);
  }
}

/** Writes a Response; the caller writes its length. An empty one writes nothing. */
export function encodeResponse(writer: ByteWriter, response: Response): void {
  switch (response.kind) {
    case "info":
      return message(writer, INFO, encodeInfo, response.info);
    case "init":
      return message(writer, INIT, encodeOutcome, response.outcome);
    case "keepalive":
      return message(writer, KEEPALIVE, encodeTime, response.time);
    case "snapshot":
      return message(writer, SNAPSHOT, encodeSnapshot, response.snapshot);
    case "restore":
      return message(writer, RESTORE, encodeOutcome, response.outcome);
    case "error":
      return message(writer, ERROR, encodeError, response.error);
    case "begin":
      return message(writer, BEGIN, encodeBegin, response.begin);
    case "point":
      return encodePoint(writer, response.point);
    case "end":
      return message(writer, END, encodeEnd, response.end);
  }
}

/**
 * Whether a message, Request or Response, is a point that can be handed on as it is: laid out as usual, its text valid. The reader
 * may then stand anywhere; otherwise it stays where it is.
 */
export function isIntactPoint(reader: ByteReader): boolean {
  const { position } = reader;
  if (isPoint(reader) && layOut(reader) !== undefined) return true;
  reader.position = position;
  return false;
}

/** Steps to the point of a message that holds one and nothing else: nearly all messages do. */
export function isPoint(reader: ByteReader): boolean {
  const { bytes, position, end } = reader;
  if (end - position < 4 || bytes[position] !== 0x8a || bytes[position + 1] !== 0x01) return false;
  let start = position + 3;
  let length = bytes[position + 2];
  if (length > 0x7f) {
    length = length & 0x7f | bytes[start++] << 7; // 16 KiB and more: the usual way
  }
  if (start + length !== end || length > 0x3fff) return false;
  reader.position = start;
  return true;
}

/** Of several members of a oneof the last one counts; unknown fields are skipped. */
function decodeOneof<T>(reader: ByteReader, member: (reader: ByteReader, field: number) => T | undefined, empty: T): T {
  const { bytes, end } = reader;
  let decoded = empty;
  while (reader.position < end) {
    const tag = reader.uint32();
    if ((tag & 7) !== BYTES) {
      reader.skip(tag);
      continue;
    }
    const inner = reader.delimited();
    reader.end = inner;
    if (tag >>> 3 === 0) throw new WireError("bad-field", "a protobuf field has the number 0");
    decoded = member(reader, tag >>> 3) ?? decoded;
    // Decoding a point that is laid out as usual leaves the reader where the point starts.
    reader.reset(bytes, inner, end);
  }
  return decoded;
}

function requestMember(reader: ByteReader, field: number): Request | undefined {
  switch (field) {
    case POINT:
      return { kind: "point", point: Point.decode(reader) };
    case BEGIN:
      return { kind: "begin", begin: decodeBegin(reader) };
    case END:
      return { kind: "end", end: decodeEnd(reader) };
    case KEEPALIVE:
      return { kind: "keepalive", time: decodeTime(reader) };
    case INFO:
      return skipAll(reader), { kind: "info" };
    case INIT:
      return { kind: "init", init: decodeInit(reader) };
    case SNAPSHOT:
      return skipAll(reader), { kind: "snapshot" };
    case RESTORE:
      return { kind: "restore", snapshot: decodeSnapshot(reader) };
  }
}

function responseMember(reader: ByteReader, field: number): Response | undefined {
  switch (field) {
    case POINT:
      return { kind: "point", point: Point.decode(reader) };
    case BEGIN:
      return { kind: "begin", begin: decodeBegin(reader) };
    case END:
      return { kind: "end", end: decodeEnd(reader) };
    case KEEPALIVE:
      return { kind: "keepalive", time: decodeTime(reader) };
    case INFO:
      return { kind: "info", info: decodeInfo(reader) };
    case INIT:
      return { kind: "init", outcome: decodeOutcome(reader) };
    case SNAPSHOT:
      return { kind: "snapshot", snapshot: decodeSnapshot(reader) };
    case RESTORE:
      return { kind: "restore", outcome: decodeOutcome(reader) };
    case ERROR:
      return { kind: "error", error: decodeError(reader) };
  }
}

/** Reads all fields of a message; `field` gets each tag and says whether it took the value. */
function eachField(reader: ByteReader, field: (tag: number) => boolean): void {
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    if (!field(tag)) reader.skip(tag);
  }
}

/** Runs `decode` on the embedded message that starts here, with its length. */
function embedded<T>(reader: ByteReader, decode: (reader: ByteReader) => T): T {
  const outer = reader.end;
  reader.end = reader.delimited();
  const decoded = decode(reader);
  reader.end = outer;
  return decoded;
}

function skipAll(reader: ByteReader): void {
  eachField(reader, () => false);
}

function decodeTime(reader: ByteReader): bigint {
  let time = 0n;
  eachField(reader, (tag) => {
    if (tag !== (1 << 3 | VARINT)) return false;
    time = reader.int64();
    return true;
  });
  return time;
}

function decodeSnapshot(reader: ByteReader): Uint8Array {
  let snapshot: Uint8Array = new Uint8Array();
  eachField(reader, (tag) => {
    if (tag !== (1 << 3 | BYTES)) return false;
    snapshot = reader.byteString();
    return true;
  });
  return snapshot;
}

function decodeError(reader: ByteReader): string {
  let error = "";
  eachField(reader, (tag) => {
    if (tag !== (1 << 3 | BYTES)) return false;
    error = reader.string();
    return true;
  });
  return error;
}

function decodeOutcome(reader: ByteReader): Outcome {
  const outcome: Outcome = { success: false, error: "" };
  eachField(reader, (tag) => {
    if (tag === (1 << 3 | VARINT)) outcome.success = reader.bool();
    else if (tag === (2 << 3 | BYTES)) outcome.error = reader.string();
    else return false;
    return true;
  });
  return outcome;
}

function decodeInfo(reader: ByteReader): InfoResponse {
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

function decodeInit(reader: ByteReader): InitRequest {
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

/** The member of the oneof says what the value is; without one it is the default of the declared type. */
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

function decodeBegin(reader: ByteReader): BeginBatch {
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

function decodeEnd(reader: ByteReader): EndBatch {
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

function encodePoint(writer: ByteWriter, point: Point): void {
  writer.uint32(POINT << 3 | BYTES);
  const start = writer.openLength(2);
  point.encode(writer);
  writer.closeLength(start, 2);
}

/** Writes an embedded message as the field of this number. */
function message<T>(
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

function nothing(): void {}

function encodeTime(writer: ByteWriter, time: bigint): void {
  writeInt64(writer, 1, time);
}

function encodeSnapshot(writer: ByteWriter, snapshot: Uint8Array): void {
  if (snapshot.length === 0) return;
  writer.uint32(1 << 3 | BYTES);
  writer.uint32(snapshot.length);
  writer.raw(snapshot);
}

function encodeError(writer: ByteWriter, error: string): void {
  writeString(writer, 1, error);
}

function encodeOutcome(writer: ByteWriter, outcome: Outcome): void {
  writeBool(writer, 1, outcome.success);
  writeString(writer, 2, outcome.error);
}

function encodeInfo(writer: ByteWriter, info: InfoResponse): void {
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

function encodeInit(writer: ByteWriter, init: InitRequest): void {
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

function encodeBegin(writer: ByteWriter, begin: BeginBatch): void {
  writeString(writer, 1, begin.name);
  writeString(writer, 2, begin.group);
  writeStringMap(writer, 3 << 3 | BYTES, begin.tags);
  writeInt64(writer, 4, begin.size);
  writeBool(writer, 5, begin.byName);
}

function encodeEnd(writer: ByteWriter, end: EndBatch): void {
  writeString(writer, 1, end.name);
  writeString(writer, 2, end.group);
  writeInt64(writer, 3, end.tmax);
  writeStringMap(writer, 4 << 3 | BYTES, end.tags);
  writeBool(writer, 5, end.byName);
}

function writeString(writer: ByteWriter, field: number, text: string): void {
  if (text === "") return;
  writer.uint32(field << 3 | BYTES);
  writer.string(text);
}

function writeInt64(writer: ByteWriter, field: number, value: bigint): void {
  if (value === 0n) return;
  writer.uint32(field << 3 | VARINT);
  writer.int64(value);
}

function writeBool(writer: ByteWriter, field: number, value: boolean): void {
  if (!value) return;
  writer.uint32(field << 3 | VARINT);
  writer.uint32(1);
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
