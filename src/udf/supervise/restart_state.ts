import type { Host } from "../host.ts";
import type { EdgeType, Option, Request } from "../messages.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { encodeRequest } from "../codec.ts";

/** What the deaths of UDFs cost. */
export interface ReplayCounts {
  /** Points that were sent again. */
  resentPoints: number;
  /** Points that the UDF had sent since its last known state when it died: they may come a second time. */
  repeatedOutputs: number;
  /** Points whose effect on the state is lost, since the UDF gave no snapshot that holds it. */
  lostPoints: number;
}

/** What a UDF gets when it is started again: its options, its last state, and all input since. */
export class RestartState {
  /** The input since the last state. */
  readonly log = new ReplayLog();
  /** The options, once a UDF has accepted them. */
  options: Option[] | undefined;
  /** What the UDF provides, once that is known. */
  edge: EdgeType | undefined;
  /** The last state; undefined: the UDF starts empty. */
  state: Uint8Array | undefined;
  readonly #counts: ReplayCounts = { resentPoints: 0, repeatedOutputs: 0, lostPoints: 0 };
  /** Points that the UDF has sent since its last snapshot. */
  #outputs = 0;
  /** Points that no snapshot of this UDF holds, and the log neither. */
  #unsaved = 0;
  /** While no UDF is in use: points of the log that one has got, counted from its beginning. */
  #given = 0;

  get counts(): ReplayCounts {
    return { ...this.#counts };
  }

  /** The UDF has sent points. */
  sent(points: number): void {
    this.#outputs += points;
  }

  /**
   * The UDF has given a snapshot; an empty one holds nothing.
   *
   * @param mark of the log, where the snapshot was asked for
   */
  saved(mark: number, state: Uint8Array): void {
    const points = this.log.dropBefore(mark);
    this.#outputs = 0;
    if (state.length > 0) {
      this.state = state;
      this.#unsaved = 0;
    } else {
      this.#unsaved += points;
    }
  }

  /**
   * The UDF has been given a state from elsewhere: what was sent before has no effect any more.
   *
   * @param mark of the log, where the state was sent
   */
  restored(mark: number, state: Uint8Array): void {
    this.log.dropBefore(mark);
    this.state = state;
    this.#outputs = this.#unsaved = 0;
  }

  /** The UDF is not used any more: it has got what is in the log, and gets nothing of what comes now. */
  allGiven(): void {
    this.#given = this.log.points;
  }

  /** No UDF has got what is in the log: all of it came when no UDF was in use. */
  noneGiven(): void {
    this.#given = 0;
  }

  /** The UDF has died: what it sent since its last state may come again, what no snapshot holds is lost. */
  died(): void {
    this.#counts.repeatedOutputs += this.#outputs;
    this.#counts.lostPoints += this.#unsaved;
    this.#outputs = this.#unsaved = 0;
  }

  /** The UDF has ended in order, after it gave its state: nothing is repeated or lost. */
  ended(): void {
    this.#outputs = this.#unsaved = 0;
  }

  /**
   * Sends a UDF the input in the log, also what comes meanwhile.
   *
   * @param mark where to begin
   * @param complete called in the very moment in which the UDF has all
   */
  async give(host: Pick<Host, "frames">, mark: number, complete: () => void): Promise<void> {
    let sent = 0;
    for (const segment of this.log.segments(mark)) {
      let bytes = 0;
      let points = 0;
      while (bytes < segment.writer.position) {
        const piece = segment.writer.bytes.slice(bytes, segment.writer.position);
        const more = segment.points - points;
        bytes += piece.length;
        points += more;
        this.#counts.resentPoints += Math.max(0, Math.min(more, this.#given - sent));
        sent += more;
        const full = host.frames(piece, more);
        this.#given = Math.max(this.#given, sent);
        if (full !== undefined) await full;
      }
    }
    // In the same turn as the last look at the log: nothing can have come in between.
    complete();
  }
}

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
