import { type ByteReader, WireType } from "../wire/byte_reader.ts";
import { WireError } from "../base/errors.ts";
import { readEntry, readStringEntry } from "./map_field.ts";
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

const { VARINT, FIXED64, BYTES } = WireType;

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

/** Reads over a message without fields. */
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
