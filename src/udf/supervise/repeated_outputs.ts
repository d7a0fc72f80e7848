import { ByteReader, WireType } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import type { Batch } from "../batcher.ts";
import { decodeResponse, enterPoint } from "../codec.ts";
import type { Point } from "../point.ts";

/** Outputs that are remembered; beyond these, what comes after a restart is handed on again. */
const MAX_OUTPUTS = 4_000_000;

/**
 * Finds what a UDF sends a second time after a restart: it gets all input since its last snapshot again, and a UDF that
 * is deterministic answers as it did. Points are compared in their order, whatever the order of their tags and fields.
 */
export class RepeatedOutputs {
  /** Hashes of what was handed on since the last snapshot. */
  #sent: number[] = [];
  /** How many of them this UDF has sent. */
  #position = 0;
  /** The first difference ends the comparison until the next snapshot. */
  #differs = false;
  #points = 0;
  readonly #reader = new ByteReader();
  readonly #writer = new ByteWriter();

  /** Points that were not handed on a second time. */
  get points(): number {
    return this.#points;
  }

  /** Whether a point has been handed on before; if not, it is from now on. */
  isRepeatedPoint(point: Point): boolean {
    return this.#isRepeated(() => this.#hashOf(point), 1);
  }

  /** As {@linkcode RepeatedOutputs.isRepeatedPoint}, of an encoded response that is a point. */
  isRepeatedFrame(bytes: Uint8Array, start: number, end: number): boolean {
    const reader = this.#reader.reset(bytes, start, end);
    if (enterPoint(reader)) return this.#isRepeated(() => hashOf(bytes, reader.position, end), 1);
    const response = decodeResponse(reader);
    return response.kind === "point" && this.isRepeatedPoint(response.point);
  }

  /** As {@linkcode RepeatedOutputs.isRepeatedPoint}, of a batch. */
  isRepeatedBatch({ begin, points, end }: Batch): boolean {
    const hash = () =>
      points.reduce(
        (hash, point) => (hash * 31 + this.#hashOf(point)) % Number.MAX_SAFE_INTEGER,
        Number(end.tmax % 1_000_000_007n) + begin.group.length,
      );
    return this.#isRepeated(hash, points.length);
  }

  #isRepeated(hashed: () => number, points: number): boolean {
    if (this.#differs || this.#sent.length >= MAX_OUTPUTS) return false;
    const hash = hashed();
    if (this.#position < this.#sent.length && this.#sent[this.#position] === hash) {
      this.#position++;
      this.#points += points;
      return true;
    }
    if (this.#position < this.#sent.length) {
      this.#differs = true;
      this.#sent = [];
    } else {
      this.#sent.push(hash);
      this.#position++;
    }
    return false;
  }

  #hashOf(point: Point): number {
    const writer = this.#writer;
    writer.position = 0;
    point.encode(writer);
    return hashOf(writer.bytes, 0, writer.position);
  }

  /** The UDF has given a snapshot: what it sent before does not come again. */
  saved(): void {
    // What one before it has sent beyond that still comes again.
    this.#sent.splice(0, this.#position);
    this.#position = 0;
    this.#differs = false;
  }

  /** The UDF has died: the next one begins at its last snapshot. */
  died(): void {
    this.#position = 0;
  }
}

/**
 * Returns 53 bits of a message: the sums of hashes of its fields. Their order does not matter, since encoders write the
 * entries of a map in any.
 */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let first = 0, second = 0;
  for (let position = start; position < end;) {
    const next = endOfField(bytes, position, end);
    let hash = 0x811c9dc5; // FNV-1a
    for (let i = position; i < next; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    first = first + hash | 0;
    second = second + Math.imul(hash ^ hash >>> 15, 0x85ebca6b) | 0;
    position = next;
  }
  return (second & 0x1fffff) * 2 ** 32 + (first >>> 0);
}

/** Returns where the field ends that begins at a position; the end, where it is none. */
function endOfField(bytes: Uint8Array, position: number, end: number): number {
  const type = bytes[position] & 7;
  const varint = () => {
    let value = 0;
    for (let shift = 0; position < end; shift += 7) {
      const byte = bytes[position++];
      if (shift < 28) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  varint(); // the tag
  if (type === WireType.VARINT) varint();
  else if (type === WireType.BYTES) position = varint() + position;
  else if (type === WireType.FIXED64) position += 8;
  else if (type === WireType.FIXED32) position += 4;
  else return end;
  return Math.min(position, end);
}
