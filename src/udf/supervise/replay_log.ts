import { ByteWriter } from "../../wire/byte_writer.ts";
import { encodeRequest } from "../codec.ts";
import type { Request } from "../messages.ts";

const SEGMENT_BYTES = 256 * 1024;

/** Requests one behind the other, each with its length. */
export interface Segment {
  readonly writer: ByteWriter;
  points: number;
}

/** The requests that a UDF would have to get again if it died now: all since the state that is known. */
export class ReplayLog {
  #segments: Segment[] = [];
  /** Segments that have been dropped. */
  #dropped = 0;
  #sealed = true;
  #guess = 1;
  #bytes = 0;
  #points = 0;

  /** Bytes of all requests. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Points among the requests. */
  get points(): number {
    return this.#points;
  }

  /**
   * Adds a request.
   *
   * @returns its bytes, with its length; valid until the next call
   */
  add(request: Request): Uint8Array {
    const segment = this.#current();
    const { writer } = segment;
    const before = writer.position;
    const start = writer.openLength(this.#guess);
    try {
      encodeRequest(writer, request);
    } catch (error) {
      writer.position = before;
      throw error;
    }
    this.#guess = writer.closeLength(start, this.#guess);
    this.#bytes += writer.position - before;
    if (request.kind === "point") {
      segment.points++;
      this.#points++;
    }
    return writer.bytes.subarray(before, writer.position);
  }

  /** Marks where the log stands, for {@linkcode dropBefore}. */
  mark(): number {
    this.#sealed = true;
    return this.#dropped + this.#segments.length;
  }

  /**
   * Drops what came before a mark.
   *
   * @returns how many points that were
   */
  dropBefore(mark: number): number {
    let points = 0;
    const dropped = this.#segments.splice(0, Math.max(0, mark - this.#dropped));
    this.#dropped += dropped.length;
    for (const segment of dropped) {
      points += segment.points;
      this.#bytes -= segment.writer.position;
    }
    this.#points -= points;
    return points;
  }

  /** The segments since a mark, also those that are added while one iterates. */
  *segments(mark = 0): Generator<Segment> {
    for (let i = Math.max(mark, this.#dropped); i < this.#dropped + this.#segments.length; i++) {
      if (i >= this.#dropped) yield this.#segments[i - this.#dropped];
    }
  }

  /**
   * Adds the point in `bytes[start, end)`, an encoded Request without its length.
   */
  addPoint(bytes: Uint8Array, start: number, end: number): void {
    const segment = this.#current();
    const { writer } = segment;
    const before = writer.position;
    writer.uint32(end - start);
    writer.raw(bytes, start, end);
    this.#bytes += writer.position - before;
    segment.points++;
    this.#points++;
  }

  #current(): Segment {
    const last = this.#segments.at(-1);
    if (!this.#sealed && last !== undefined && last.writer.position < SEGMENT_BYTES) return last;
    this.#sealed = false;
    // The first one is small, since most connections are.
    const capacity = last === undefined ? 4096 : last.writer.bytes.length * 2;
    const segment = { writer: new ByteWriter(Math.min(capacity, SEGMENT_BYTES * 2)), points: 0 };
    this.#segments.push(segment);
    return segment;
  }
}
