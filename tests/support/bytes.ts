/** Bytes for tests: joined, framed, and read in pieces. */

import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from "../../src/udf/codec.ts";
import type { Request, Response } from "../../src/udf/messages.ts";
import { ByteReader } from "../../src/wire/byte_reader.ts";
import { ByteWriter } from "../../src/wire/byte_writer.ts";
import type { ByteSource } from "../../src/wire/connection.ts";
import { FrameReader } from "../../src/wire/frame_reader.ts";

/** Byte strings end to end. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

/** An unsigned varint, by the book. */
export function varint(value: number | bigint): Uint8Array<ArrayBuffer> {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return new Uint8Array(bytes);
}

/** A frame: the length, then the bytes. */
export function frame(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat([varint(payload.length), payload]);
}

/** A length-delimited protobuf field. */
export function field(number: number, ...payload: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concat([varint(number << 3 | 2), frame(concat(payload))]);
}

/** A varint protobuf field. */
export function varintField(number: number, value: number | bigint): Uint8Array<ArrayBuffer> {
  return concat([varint(number << 3), varint(value)]);
}

/** A double protobuf field. */
export function doubleField(number: number, value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return concat([varint(number << 3 | 1), bytes]);
}

/** A text protobuf field. */
export function textField(number: number, text: string): Uint8Array<ArrayBuffer> {
  return field(number, new TextEncoder().encode(text));
}

/** A source that gives these pieces one read at a time (in parts, where the buffer is too small), then its end. */
export function sourceOf(...pieces: Uint8Array[]): ByteSource {
  const waiting = pieces.filter((piece) => piece.length > 0);
  return {
    read(buffer) {
      const piece = waiting.shift();
      if (piece === undefined) return Promise.resolve(null);
      const length = Math.min(piece.length, buffer.length);
      buffer.set(piece.subarray(0, length));
      if (length < piece.length) waiting.unshift(piece.subarray(length));
      return Promise.resolve(length);
    },
  };
}

/** Bytes in pieces of one size. */
export function cutInto(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let i = 0; i < bytes.length; i += size) pieces.push(bytes.subarray(i, i + size));
  return pieces;
}

/** All frames of a source; `onFrame` gets each before the next is read, so also those before an error. */
export async function readFrames(
  frames: FrameReader,
  onFrame: (payload: Uint8Array) => void,
  readAhead = false,
): Promise<void> {
  do {
    if (readAhead) frames.readAhead();
    while (frames.next()) onFrame(frames.bytes.subarray(frames.start, frames.end));
  } while (await frames.fill());
}

/** The payloads of all frames in these bytes. */
export async function payloads(bytes: Uint8Array): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  await readFrames(new FrameReader(sourceOf(bytes)), (payload) => found.push(payload));
  return found;
}

/** A Request as bytes of its own, without a length. */
export function requestBytes(request: Request): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  encodeRequest(writer, request);
  return writer.written().slice();
}

/** A Response as bytes of its own, without a length. */
export function responseBytes(response: Response): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  encodeResponse(writer, response);
  return writer.written().slice();
}

/** The Request in these bytes. */
export function requestIn(bytes: Uint8Array, reader: ByteReader = new ByteReader()): Request {
  return decodeRequest(reader.reset(bytes));
}

/** The Response in these bytes. */
export function responseIn(bytes: Uint8Array, reader: ByteReader = new ByteReader()): Response {
  return decodeResponse(reader.reset(bytes));
}
