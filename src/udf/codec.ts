/**
 * Requests and responses to and from protobuf bytes, by hand: protobufjs loses a map key `__proto__`, has no bigint,
 * and takes five times as long for points. Tests and `tine check` compare the two.
 *
 * @module
 */

import { type ByteReader, WireType } from "../wire/byte_reader.ts";
import type { ByteWriter } from "../wire/byte_writer.ts";
import { WireError } from "../base/errors.ts";
import {
  decodeBegin,
  decodeEnd,
  decodeError,
  decodeInfo,
  decodeInit,
  decodeOutcome,
  decodeSnapshot,
  decodeTime,
  encodeBegin,
  encodeEnd,
  encodeError,
  encodeInfo,
  encodeInit,
  encodeOutcome,
  encodePoint,
  encodeSnapshot,
  encodeTime,
  POINT,
  skipAll,
  writeMessage,
  writeNothing,
} from "./message_codec.ts";
import type { Request, Response } from "./messages.ts";
import { Point } from "./point.ts";
import { locatePointFields } from "./point_layout.ts";

const { BYTES } = WireType;

// Members of the oneof in Request and Response.
const INFO = 1, INIT = 2, KEEPALIVE = 3, SNAPSHOT = 4, RESTORE = 5, ERROR = 6, BEGIN = 16, END = 18;

const EMPTY: { kind: "empty" } = { kind: "empty" };

/**
 * Decodes the Request that fills the reader.
 *
 * @throws {WireError} if the bytes are no Request
 */
export function decodeRequest(reader: ByteReader): Request {
  if (enterPoint(reader)) return { kind: "point", point: Point.decode(reader) };
  return decodeOneof<Request>(reader, requestMember, EMPTY);
}

/**
 * Decodes the Response that fills the reader.
 *
 * @throws {WireError} if the bytes are no Response
 */
export function decodeResponse(reader: ByteReader): Response {
  if (enterPoint(reader)) return { kind: "point", point: Point.decode(reader) };
  return decodeOneof<Response>(reader, responseMember, EMPTY);
}

/** Writes a Request; the caller writes its length. An empty one writes writeNothing. */
export function encodeRequest(writer: ByteWriter, request: Request): void {
  switch (request.kind) {
    case "info":
      return writeMessage(writer, INFO, writeNothing, undefined);
    case "init":
      return writeMessage(writer, INIT, encodeInit, request.init);
    case "keepalive":
      return writeMessage(writer, KEEPALIVE, encodeTime, request.time);
    case "snapshot":
      return writeMessage(writer, SNAPSHOT, writeNothing, undefined);
    case "restore":
      return writeMessage(writer, RESTORE, encodeSnapshot, request.snapshot);
    case "begin":
      return writeMessage(writer, BEGIN, encodeBegin, request.begin);
    case "point":
      return encodePoint(writer, request.point);
    case "end":
      return writeMessage(writer, END, encodeEnd, request.end);
  }
}

/** Writes a Response; the caller writes its length. An empty one writes writeNothing. */
export function encodeResponse(writer: ByteWriter, response: Response): void {
  switch (response.kind) {
    case "info":
      return writeMessage(writer, INFO, encodeInfo, response.info);
    case "init":
      return writeMessage(writer, INIT, encodeOutcome, response.outcome);
    case "keepalive":
      return writeMessage(writer, KEEPALIVE, encodeTime, response.time);
    case "snapshot":
      return writeMessage(writer, SNAPSHOT, encodeSnapshot, response.snapshot);
    case "restore":
      return writeMessage(writer, RESTORE, encodeOutcome, response.outcome);
    case "error":
      return writeMessage(writer, ERROR, encodeError, response.error);
    case "begin":
      return writeMessage(writer, BEGIN, encodeBegin, response.begin);
    case "point":
      return encodePoint(writer, response.point);
    case "end":
      return writeMessage(writer, END, encodeEnd, response.end);
  }
}

/**
 * Whether a message, Request or Response, is a point that can be handed on as it is: laid out as usual, its text valid.
 *
 * @param reader may stand anywhere after true; after false it stays where it is
 */
export function isIntactPoint(reader: ByteReader): boolean {
  const { position } = reader;
  if (enterPoint(reader) && locatePointFields(reader) !== undefined) return true;
  reader.position = position;
  return false;
}

/**
 * Moves the reader to the first field of the point, where a message, Request or Response, is one point and nothing
 * else: nearly all messages are.
 *
 * @returns false where the message is something else: the reader stays where it is
 */
export function enterPoint(reader: ByteReader): boolean {
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

/**
 * Decodes the members of a oneof: the last one counts, joined with those of its kind just before it; unknown fields are
 * skipped. Joined are their bytes, which by the encoding of protobuf is to join what they hold.
 */
function decodeOneof<T>(reader: ByteReader, member: (reader: ByteReader, field: number) => T | undefined, empty: T): T {
  const { bytes, end } = reader;
  let decoded = empty;
  let last = 0;
  let held: Uint8Array = new Uint8Array();
  while (reader.position < end) {
    const tag = reader.uint32();
    if ((tag & 7) !== BYTES) {
      reader.skip(tag);
      continue;
    }
    const inner = reader.delimited();
    const field = tag >>> 3;
    if (field === 0) throw new WireError("bad-field", "a protobuf field has the number 0");
    const own = bytes.subarray(reader.position, inner);
    if (field === last) reader.reset(held = joined(held, own));
    else reader.end = inner;
    const read = member(reader, field);
    if (read !== undefined) {
      decoded = read;
      if (field !== last) [last, held] = [field, own];
    }
    // Decoding a point that is laid out as usual leaves the reader where the point starts.
    reader.reset(bytes, inner, end);
  }
  return decoded;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
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
