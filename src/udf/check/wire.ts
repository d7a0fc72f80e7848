/** Requests as raw bytes, also such as no encoder makes. */

import { concat } from "../../wire/bytes.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { encodeRequest } from "../codec.ts";
import type { Request } from "../messages.ts";

/** A request without its length. */
export function payloadOf(request: Request): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  encodeRequest(writer, request);
  return writer.written().slice();
}

/** Bytes with their length before them. */
export function frame(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(payload.length + 5);
  writer.uint32(payload.length);
  writer.raw(payload);
  return writer.written().slice();
}

/** Requests as they go over the wire. */
export function framesOf(requests: readonly Request[]): Uint8Array<ArrayBuffer> {
  return concat(requests.map((request) => frame(payloadOf(request))));
}

/**
 * A request as a later version of the protocol may send it: with fields that today's does not know, inside and outside.
 */
export function withUnknownFields(request: Request): Uint8Array<ArrayBuffer> {
  const payload = payloadOf(request);
  const unknown = unknownFields();
  if (payload.length === 0) return frame(unknown);
  // A request is one field: its tag, its length, its bytes.
  const tagEnd = varintEnd(payload, 0);
  const inner = payload.subarray(varintEnd(payload, tagEnd));
  return frame(concat([payload.subarray(0, tagEnd), frame(concat([inner, unknown])), unknown]));
}

/** One unknown field of each wire type that is in use. */
function unknownFields(): Uint8Array {
  const writer = new ByteWriter();
  writer.uint32(1000 << 3);
  writer.int64(-1n);
  writer.uint32(1001 << 3 | 1);
  writer.double(0.5);
  writer.uint32(1002 << 3 | 2);
  writer.string("from a later version");
  writer.uint32(1003 << 3 | 5);
  writer.raw(new Uint8Array([1, 2, 3, 4]));
  return writer.written().slice();
}

function varintEnd(bytes: Uint8Array, start: number): number {
  while (bytes[start] > 0x7f) start++;
  return start + 1;
}
