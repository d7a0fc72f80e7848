import type { Host } from "../host.ts";
import { RepeatedOutputs } from "./repeated_outputs.ts";
import type { EdgeType, Option, Request } from "../messages.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { ByteReader } from "../../wire/byte_reader.ts";
import { concat } from "../../wire/bytes.ts";
import { decodeRequest, encodeRequest } from "../codec.ts";

/** What the deaths of UDFs cost. */
export interface ReplayCounts {
  /** Points that were sent again. */
  resentPoints: number;
  /** Points that the UDF had sent since its last known state when it died: they may come a second time. */
  repeatedOutputs: number;
  /** Points that the UDF has sent a second time, and that were left out. */
  dedupedOutputs: number;
  /** Points whose effect on the state is lost, since the UDF gave no snapshot that holds it. */
  lostPoints: number;
}

/** What a UDF gets when it is started again: its options, its last state, and all input since. */
export class RestartState {
  /** The input since the last state. */
  readonly log = new ReplayLog();
  /** The options, once a UDF has accepted them. */
  options: Option[] | undefined;
  /** Finds outputs that come a second time; undefined: they are handed on again. */
  readonly repeats: RepeatedOutputs | undefined;
  /** What the UDF provides, once that is known. */
  edge: EdgeType | undefined;
  /** The last state; undefined: the UDF starts empty. */
  state: Uint8Array | undefined;
  readonly #counts: ReplayCounts = { resentPoints: 0, repeatedOutputs: 0, dedupedOutputs: 0, lostPoints: 0 };
  /** Points that the UDF has sent since its last snapshot. */
  #outputs = 0;
  /** Points that no snapshot of this UDF holds, and the log neither. */
  #unsaved = 0;
  /** While no UDF is in use: points of the log that one has got, counted from its beginning. */
  #given = 0;

  /** @param dedupe find outputs that come a second time */
  constructor({ dedupe = false } = {}) {
    if (dedupe) this.repeats = new RepeatedOutputs();
  }

  get counts(): ReplayCounts {
    const left = this.repeats?.points ?? 0;
    // What was found to be repeated was not handed on.
    return { ...this.#counts, repeatedOutputs: Math.max(0, this.#counts.repeatedOutputs - left), dedupedOutputs: left };
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
    this.repeats?.saved();
    this.#outputs = 0;
    if (state.length > 0) {
      this.state = state;
      this.#unsaved = 0;
    } else {
      this.#unsaved += points;
    }
  }

  /**
   * The UDF is given points of the log anew.
   *
   * @param before points of the log before them
   */
  gives(before: number, points: number): void {
    this.#counts.resentPoints += Math.max(0, Math.min(points, this.#given - before));
    this.#given = Math.max(this.#given, before + points);
  }

  /** The UDF has given a snapshot that holds points from the beginning of the log, which were taken out of it. */
  savedBefore(points: number, state: Uint8Array): void {
    this.state = state;
    this.repeats?.saved();
    this.#outputs = this.#unsaved = 0;
    this.forget(points);
  }

  /** Points that a UDF got were taken out of the log. */
  forget(points: number): void {
    this.#given = Math.max(0, this.#given - points);
  }

  /**
   * The UDF has been given a state from elsewhere: what was sent before has no effect any more.
   *
   * @param mark of the log, where the state was sent
   */
  restored(mark: number, state: Uint8Array): void {
    this.log.dropBefore(mark);
    this.repeats?.saved();
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
    this.repeats?.died();
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
    let sent = this.log.pointsBefore(mark);
    for (const segment of this.log.segments(mark)) {
      let bytes = 0;
      let points = 0;
      while (bytes < segment.writer.position) {
        const piece = segment.writer.bytes.slice(bytes, segment.writer.position);
        const more = segment.points - points;
        bytes += piece.length;
        points += more;
        this.gives(sent, more);
        sent += more;
        const full = host.frames(piece, more);
        if (full !== undefined) await full;
      }
    }
    // In the same turn as the last look at the log: nothing can have come in between.
    complete();
  }
}

/** A point, or a whole batch, of the log. */
export interface LoggedUnit {
  /** Its requests, each with its length. */
  readonly frames: Uint8Array;
  readonly points: number;
}

/** Decodes requests, each with its length; `start` and `end` are the places of both. */
export function* requestsIn(frames: Uint8Array): Generator<{ request: Request; start: number; end: number }> {
  const reader = new ByteReader();
  for (let start = 0, end = 0; start < frames.length; start = end) {
    const length = reader.reset(frames, start).uint32();
    end = reader.position + length;
    yield { request: decodeRequest(new ByteReader().reset(frames, reader.position, end)), start, end };
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

  /** Points before a mark. */
  pointsBefore(mark: number): number {
    return this.#segments.slice(0, Math.max(0, mark - this.#dropped)).reduce((sum, { points }) => sum + points, 0);
  }

  /** Takes all points and whole batches out of the log; what has begun of a batch stays. */
  takeUnits(): LoggedUnit[] {
    const units: LoggedUnit[] = [];
    const frames = concat(this.#segments.map(({ writer }) => writer.bytes.subarray(0, writer.position)));
    let from = 0, points = 0, inside = false;
    for (const { request: { kind }, end } of requestsIn(frames)) {
      if (kind === "begin") inside = true;
      else if (kind === "end") inside = false;
      else points++;
      if (inside) continue;
      units.push({ frames: frames.slice(from, end), points });
      from = end;
      points = 0;
    }
    this.#segments = [];
    this.#bytes = this.#points = 0;
    this.#prepend(frames.subarray(from), points);
    return units;
  }

  /**
   * Puts units back, to the beginning.
   *
   * @returns the mark behind them
   */
  putBack(units: readonly LoggedUnit[]): number {
    this.#prepend(concat(units.map(({ frames }) => frames)), units.reduce((sum, { points }) => sum + points, 0));
    return this.#dropped + (units.length > 0 ? 1 : 0);
  }

  #prepend(frames: Uint8Array, points: number): void {
    this.#sealed = true;
    if (frames.length === 0) return;
    const writer = new ByteWriter(frames.length);
    writer.raw(frames, 0, frames.length);
    this.#segments.unshift({ writer, points });
    this.#bytes += frames.length;
    this.#points += points;
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
