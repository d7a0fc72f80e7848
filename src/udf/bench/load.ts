import type { PointOrBatch } from "../batcher.ts";
import { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { pointsOf, requestsOf, spanOf } from "../check/data.ts";
import { encodeRequest } from "../codec.ts";
import type { Request } from "../messages.ts";

/** Times between these take 9 bytes, so that a later one can be written over an earlier one: years 1972 to 2262. */
const MIN_TIME = 1n << 56n;
const END_OF_TIMES = 1n << 63n;
/** Bytes of the varint of such a time. */
const TIME_BYTES = 9;

/** A piece of a load: frames, end to end. */
export interface Piece {
  /** Valid until the next piece is taken. */
  readonly frames: Uint8Array;
  /** Points of a stream, or batches. */
  readonly units: number;
  readonly points: number;
}

/**
 * What a UDF is fed with in a benchmark: points or batches that are encoded ahead, again and again without an end. Times
 * go on from pass to pass, since a UDF may drop what is older than what it has seen.
 *
 * Encoding a point takes as long as a fast UDF takes for it; here each point costs the host a time and a copy.
 *
 * @example
 * ```ts
 * import { generatePoints } from "./generate.ts";
 * import { Load } from "./load.ts";
 * const load = new Load(generatePoints({ groups: 2, points: 10 }));
 * console.assert(load.units === 10 && load.take(3).points === 3);
 * ```
 */
export class Load {
  /** Points of a stream, or batches, in a pass. */
  readonly units: number;
  readonly points: number;
  /** The number of different groups. */
  readonly groups: number;
  /** Bytes of a pass on the wire. */
  readonly bytes: number;

  readonly #frames: Uint8Array;
  /** Of each unit: where its frames end, the number of points up to its end, and that of times. */
  readonly #ends: Int32Array;
  readonly #pointEnds: Int32Array;
  readonly #timeEnds: Int32Array;
  /** Where times stand in the frames, and what they are in the first pass. */
  readonly #places: Int32Array;
  readonly #times: BigInt64Array;
  /** How much later each pass is, and the one at hand. */
  readonly #span: bigint;
  #shift = 0n;
  #next = 0;

  /** @param units at least one; points without a group are in one group together */
  constructor(units: readonly PointOrBatch[]) {
    if (units.length === 0) throw new RangeError("a load has at least one point or batch");
    const writer = new ByteWriter(64 * 1024);
    const message = new ByteWriter();
    const reader = new ByteReader();
    const places: number[] = [];
    const times: bigint[] = [];
    this.#ends = new Int32Array(units.length);
    this.#pointEnds = new Int32Array(units.length);
    this.#timeEnds = new Int32Array(units.length);
    const groups = new Set<string>();
    const [first, last] = timesOf(units);
    // Where times are too small for 9 bytes, all of them are later; what lies between them stays.
    const later = first < MIN_TIME ? MIN_TIME - first : 0n;
    let points = 0;
    for (const [i, unit] of units.entries()) {
      for (const request of requestsOf([unit])) {
        message.position = 0;
        encodeRequest(message, moved(request, later));
        const time = timeOf(request);
        writer.uint32(message.position);
        const place = time === undefined ? undefined : placeOfTime(reader.reset(message.written()), request);
        if (place !== undefined) {
          places.push(writer.position + place);
          times.push(time! + later);
        }
        writer.raw(message.bytes, 0, message.position);
      }
      groups.add(unit.kind === "point" ? unit.point.group : unit.batch.begin.group);
      points += pointsOf(unit).length;
      this.#ends[i] = writer.position;
      this.#pointEnds[i] = points;
      this.#timeEnds[i] = times.length;
    }
    this.#frames = writer.written().slice();
    this.#places = Int32Array.from(places);
    this.#times = BigInt64Array.from(times);
    this.#span = last + later >= END_OF_TIMES ? 0n : spanOf(units);
    this.units = units.length;
    this.points = points;
    this.groups = groups.size;
    this.bytes = this.#frames.length;
  }

  /**
   * Takes the next units, at least one.
   *
   * @param most units
   * @param mostBytes where one unit alone is not longer
   */
  take(most: number, mostBytes = Infinity): Piece {
    const from = this.#next;
    const start = from === 0 ? 0 : this.#ends[from - 1];
    let to = from + 1;
    while (to < this.units && to - from < most && this.#ends[to] - start <= mostBytes) to++;
    for (let i = before(this.#timeEnds, from); i < this.#timeEnds[to - 1]; i++) {
      this.#write(this.#places[i], BigInt.asIntN(64, this.#times[i] + this.#shift));
    }
    this.#next = to;
    if (to === this.units) this.#turn();
    return {
      frames: this.#frames.subarray(start, this.#ends[to - 1]),
      units: to - from,
      points: this.#pointEnds[to - 1] - before(this.#pointEnds, from),
    };
  }

  #turn(): void {
    this.#next = 0;
    this.#shift += this.#span;
    const last = this.#times.at(-1);
    if (last !== undefined && last + this.#shift + this.#span >= END_OF_TIMES) this.#shift = 0n;
  }

  /** Writes a time over one of the same length, 7 bits a byte. */
  #write(place: number, time: bigint): void {
    const frames = this.#frames;
    scratch[0] = time; // halves as numbers: shifting a bigint nine times costs ten times as much
    const low = halves[LOW], high = halves[1 - LOW];
    let bits = low & 0xfffffff;
    for (let i = 0; i < 4; i++, bits >>>= 7) frames[place + i] = bits & 0x7f | 0x80;
    bits = (low >>> 28 | high << 4) & 0xfffffff;
    for (let i = 4; i < 8; i++, bits >>>= 7) frames[place + i] = bits & 0x7f | 0x80;
    frames[place + 8] = high >>> 24;
  }
}

const scratch = new BigInt64Array(1);
const halves = new Uint32Array(scratch.buffer);
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

function before(ends: Int32Array, unit: number): number {
  return unit === 0 ? 0 : ends[unit - 1];
}

/** The first and the last time in any of the units. */
function timesOf(units: readonly PointOrBatch[]): [bigint, bigint] {
  const times = units.flatMap((unit) => requestsOf([unit]).map(timeOf)).filter((time) => time !== undefined);
  return times.reduce(([first, last], time) => [time < first ? time : first, time > last ? time : last], [
    times[0] ?? MIN_TIME,
    times[0] ?? MIN_TIME,
  ]);
}

/** The time that a request carries. */
function timeOf(request: Request): bigint | undefined {
  if (request.kind === "point") return request.point.time;
  return request.kind === "end" ? request.end.tmax : undefined;
}

function moved(request: Request, later: bigint): Request {
  if (later === 0n) return request;
  if (request.kind === "point") {
    const point = request.point.copy();
    point.time += later;
    return { kind: "point", point };
  }
  return request.kind === "end" ? { ...request, end: { ...request.end, tmax: request.end.tmax + later } } : request;
}

/** Where the time of an encoded point, or the end of a batch, stands; undefined where it does not take 9 bytes. */
function placeOfTime(reader: ByteReader, { kind }: Request): number | undefined {
  const tagOfTime = (kind === "point" ? 1 : 3) << 3;
  reader.uint32();
  reader.end = reader.delimited();
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    const { position } = reader;
    reader.skip(tag);
    if (tag === tagOfTime) return reader.position - position === TIME_BYTES ? position : undefined;
  }
}
