import { ByteReader } from "../../wire/byte_reader.ts";
import { varintSize } from "../../wire/byte_writer.ts";
import { Point } from "../point.ts";
import type { PointShape } from "./input_item.ts";
import { isSameText, OWN, PointShapes, type PointTexts } from "./point_shapes.ts";

/** The tag of a point in a Request, in two bytes: field 17. */
const POINT_TAG = [0x8a, 0x01];
// Tags of the fields of Point, see proto/udf.proto.
const TIME = 0x08, NAME = 0x12, DATABASE = 0x1a, RETENTION_POLICY = 0x22, GROUP = 0x2a, DIMENSION = 0x32, TAG = 0x3a;
const BY_NAME = 0x58;
/** Tags of the maps of fields, by {@linkcode ValueType}. */
const MAPS = [0x42, 0x4a, 0x52, 0x62];

/** The type of a field, in the order in which points are encoded. */
const DOUBLE = 0, INT = 1, STRING = 2, BOOL = 3, ABSENT = 4;
type ValueType = 0 | 1 | 2 | 3 | 4;

const MAX_ENTRIES = 1024;
const MAX_TEXT_BYTES = 0x3fff;
const OWN_BYTES = 64 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** A call of set() takes longer than a loop up to this. */
const SHORT = 32;

/**
 * Encodes points as they are read, straight from the bytes of their texts.
 *
 * A reader sets {@linkcode input}, calls {@linkcode begin}, then sets the name and adds tags and fields, each by where
 * its text stands, and at last {@linkcode finish}. The point is then a frame of a Request that ends where the next one
 * begins, or a {@linkcode point}. Texts that do not stand in the input as they are, such as those with
 * escapes, are written to {@linkcode own}, and their positions are those in there plus `OWN`.
 */
export class PointEncoder implements PointTexts {
  /** The bytes in which texts stand. They need be valid only until {@linkcode finish}. */
  input: Uint8Array = new Uint8Array();
  /** Texts that do not stand in the input. */
  readonly own: Uint8Array;
  /** Where {@linkcode own} is free. */
  ownEnd: number;

  nameStart = 0;
  nameEnd = 0;
  databaseStart = 0;
  databaseEnd = 0;
  retentionPolicyStart = 0;
  retentionPolicyEnd = 0;
  groupStart = 0;
  groupEnd = 0;
  byName = false;
  /** The shape of the point that was finished last. */
  shape: PointShape | undefined;
  /** The frame of the point that was finished last is in `bytes[frameStart, frameEnd)`, which never changes. */
  bytes: Uint8Array = new Uint8Array(CHUNK_BYTES);
  frameStart = 0;
  frameEnd = 0;

  readonly #ownStart: number;
  readonly #databaseStart: number;
  readonly #retentionPolicyStart: number;
  /** Something does not fit. */
  #over = false;
  /** Bytes of all texts. */
  #size = 0;

  #tags = 0;
  readonly #tagKeyStarts = new Int32Array(MAX_ENTRIES);
  readonly #tagKeyEnds = new Int32Array(MAX_ENTRIES);
  readonly #tagStarts = new Int32Array(MAX_ENTRIES);
  readonly #tagEnds = new Int32Array(MAX_ENTRIES);

  #dimensions = 0;
  readonly #dimensionStarts = new Int32Array(MAX_ENTRIES);
  readonly #dimensionEnds = new Int32Array(MAX_ENTRIES);

  #fields = 0;
  readonly #types = new Uint8Array(MAX_ENTRIES);
  /** The number of fields of each type. */
  readonly #counts = new Int32Array(5);
  readonly #keyStarts = new Int32Array(MAX_ENTRIES);
  readonly #keyEnds = new Int32Array(MAX_ENTRIES);
  readonly #doubles = new Float64Array(MAX_ENTRIES);
  /** Where a string starts, the lower word of an integer, 1 for true. */
  readonly #lows = new Int32Array(MAX_ENTRIES);
  /** Where a string ends, the upper word of an integer. */
  readonly #highs = new Int32Array(MAX_ENTRIES);

  readonly #shapes = new PointShapes(this);
  readonly #reader = new ByteReader();
  #view = new DataView(this.bytes.buffer);
  #position = 0;
  /** Where the fields of the point are. */
  readonly #offsets = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  /** Bytes before the point that was finished last: they are mostly as many before the next one. */
  #headerBytes = 4;

  /**
   * @param fixed texts to which positions refer from `OWN` on, end to end
   * @param database of points that name none
   * @param retentionPolicy of points that name none
   */
  constructor(database: string, retentionPolicy: string, fixed: Uint8Array = new Uint8Array()) {
    const encoder = new TextEncoder();
    const [databaseBytes, retentionPolicyBytes] = [encoder.encode(database), encoder.encode(retentionPolicy)];
    this.#databaseStart = fixed.length;
    this.#retentionPolicyStart = this.#databaseStart + databaseBytes.length;
    this.#ownStart = this.ownEnd = this.#retentionPolicyStart + retentionPolicyBytes.length;
    this.own = new Uint8Array(this.#ownStart + OWN_BYTES);
    this.own.set(fixed);
    this.own.set(databaseBytes, this.#databaseStart);
    this.own.set(retentionPolicyBytes, this.#retentionPolicyStart);
  }

  /** Starts a point. */
  begin(): void {
    this.ownEnd = this.#ownStart;
    this.nameStart =
      this.nameEnd =
      this.groupStart =
      this.groupEnd =
        0;
    this.databaseStart = OWN + this.#databaseStart;
    this.databaseEnd = this.retentionPolicyStart = OWN + this.#retentionPolicyStart;
    this.retentionPolicyEnd = OWN + this.#ownStart;
    this.byName = this.#over = false;
    this.#size =
      this.#tags =
      this.#dimensions =
      this.#fields =
        0;
    this.#counts.fill(0);
  }

  tag(keyStart: number, keyEnd: number, start: number, end: number): void {
    const i = this.#tags;
    if (i === MAX_ENTRIES || keyEnd - keyStart > MAX_TEXT_BYTES || end - start > MAX_TEXT_BYTES) {
      this.#over = true;
      return;
    }
    this.#tagKeyStarts[i] = keyStart;
    this.#tagKeyEnds[i] = keyEnd;
    this.#tagStarts[i] = start;
    this.#tagEnds[i] = end;
    this.#tags = i + 1;
    this.#size += keyEnd - keyStart + end - start;
  }

  dimension(start: number, end: number): void {
    const i = this.#dimensions;
    if (i === MAX_ENTRIES || end - start > MAX_TEXT_BYTES) {
      this.#over = true;
      return;
    }
    this.#dimensionStarts[i] = start;
    this.#dimensionEnds[i] = end;
    this.#dimensions = i + 1;
    this.#size += end - start;
  }

  double(keyStart: number, keyEnd: number, value: number): void {
    this.#doubles[this.#fields] = value; // beyond the end it is dropped
    this.#field(DOUBLE, keyStart, keyEnd);
  }

  int(keyStart: number, keyEnd: number, high: number, low: number): void {
    this.#lows[this.#fields] = low;
    this.#highs[this.#fields] = high;
    this.#field(INT, keyStart, keyEnd);
  }

  bool(keyStart: number, keyEnd: number, value: boolean): void {
    this.#lows[this.#fields] = value ? 1 : 0;
    this.#field(BOOL, keyStart, keyEnd);
  }

  string(keyStart: number, keyEnd: number, start: number, end: number): void {
    this.#lows[this.#fields] = start;
    this.#highs[this.#fields] = end;
    if (end - start > MAX_TEXT_BYTES) this.#over = true;
    this.#size += end - start;
    this.#field(STRING, keyStart, keyEnd);
  }

  /** Takes note of a field that has no value. */
  absent(keyStart: number, keyEnd: number): void {
    this.#field(ABSENT, keyStart, keyEnd);
  }

  /** Whether a part of the input is valid UTF-8. */
  isUtf8(start: number, end: number): boolean {
    return this.#reader.strings.isValid(this.input, start, end);
  }

  #field(type: ValueType, keyStart: number, keyEnd: number): void {
    const i = this.#fields;
    if (i === MAX_ENTRIES || keyEnd - keyStart > MAX_TEXT_BYTES) {
      this.#over = true;
      return;
    }
    this.#types[i] = type;
    this.#counts[type]++;
    this.#keyStarts[i] = keyStart;
    this.#keyEnds[i] = keyEnd;
    this.#fields = i + 1;
    this.#size += keyEnd - keyStart;
  }

  /**
   * Ends the point.
   *
   * @param high the upper 32 bits of its time
   * @param low the lower 32 bits
   * @returns false where two tags or two fields have the same name, or something is very large: such a point has to be
   * made in another way
   */
  finish(high: number, low: number): boolean {
    if (this.#over || this.#repeatsTag()) return false;
    const shape = this.#shapes.find(this, this.#fields, this.#types, this.#keyStarts, this.#keyEnds);
    if (shape === undefined) return false;
    this.shape = shape;
    this.#reserve();
    const counts = this.#counts;
    const offsets = this.#offsets;
    const frameStart = this.#position;
    offsets[1] = this.#position += this.#headerBytes;
    if (high !== 0 || low !== 0) this.#int64(TIME, high, low);
    offsets[2] = this.#position;
    this.#text(NAME, this.nameStart, this.nameEnd);
    offsets[3] = this.#position;
    this.#text(DATABASE, this.databaseStart, this.databaseEnd);
    offsets[4] = this.#position;
    this.#text(RETENTION_POLICY, this.retentionPolicyStart, this.retentionPolicyEnd);
    offsets[5] = this.#position;
    this.#text(GROUP, this.groupStart, this.groupEnd);
    offsets[6] = this.#position;
    for (let i = 0; i < this.#dimensions; i++) {
      this.#write(DIMENSION, this.#dimensionStarts[i], this.#dimensionEnds[i]);
    }
    offsets[7] = this.#position;
    for (let i = 0; i < this.#tags; i++) {
      const keyStart = this.#tagKeyStarts[i], keyEnd = this.#tagKeyEnds[i];
      const textStart = this.#tagStarts[i], textEnd = this.#tagEnds[i];
      this.#entry(TAG, textLength(keyEnd - keyStart) + textLength(textEnd - textStart));
      this.#write(0x0a, keyStart, keyEnd);
      this.#write(0x12, textStart, textEnd);
    }
    offsets[8] = this.#position;
    if (counts[DOUBLE] > 0) this.#writeFields(DOUBLE);
    offsets[9] = this.#position;
    if (counts[INT] > 0) this.#writeFields(INT);
    offsets[10] = this.#position;
    if (counts[STRING] > 0) this.#writeFields(STRING);
    offsets[11] = this.#position;
    if (this.byName) {
      this.bytes[this.#position++] = BY_NAME;
      this.bytes[this.#position++] = 1;
    }
    offsets[12] = this.#position;
    if (counts[BOOL] > 0) this.#writeFields(BOOL);
    offsets[13] = this.#position;
    this.#frame(frameStart);
    return true;
  }

  /** The point that was finished last. */
  point(): Point {
    return Point.at({ bytes: this.bytes, view: this.#view, offsets: this.#offsets.slice() }, this.#reader);
  }

  /** Writes what stands before the point, and moves the point where that takes more room or less. */
  #frame(start: number): void {
    const offsets = this.#offsets;
    const length = offsets[13] - offsets[1];
    const frameLength = POINT_TAG.length + varintSize(length) + length;
    const headerBytes = varintSize(frameLength) + frameLength - length;
    if (headerBytes !== this.#headerBytes) {
      const move = headerBytes - this.#headerBytes;
      this.bytes.copyWithin(offsets[1] + move, offsets[1], offsets[13]);
      for (let i = 1; i < offsets.length; i++) offsets[i] += move;
      this.#headerBytes = headerBytes;
    }
    this.#position = start;
    this.#length(frameLength);
    this.bytes[this.#position++] = POINT_TAG[0];
    this.bytes[this.#position++] = POINT_TAG[1];
    this.#length(length);
    this.#position = offsets[13];
    this.frameStart = start;
    this.frameEnd = this.#position;
  }

  /** Makes room for the point. Points refer to the bytes before, so that a full buffer is left to them. */
  #reserve(): void {
    const { nameStart, nameEnd, databaseStart, databaseEnd, groupStart, groupEnd } = this;
    const texts = nameEnd - nameStart + databaseEnd - databaseStart + groupEnd - groupStart +
      this.retentionPolicyEnd - this.retentionPolicyStart + this.#size;
    const needed = texts + 64 + 24 * (this.#tags + this.#fields + this.#dimensions);
    if (this.bytes.length - this.#position >= needed) return;
    this.bytes = new Uint8Array(Math.max(CHUNK_BYTES, needed));
    this.#view = new DataView(this.bytes.buffer);
    this.#position = 0;
  }

  #writeFields(type: ValueType): void {
    const types = this.#types;
    const tag = MAPS[type];
    for (let i = 0; i < this.#fields; i++) {
      if (types[i] !== type) continue;
      const keyStart = this.#keyStarts[i], keyEnd = this.#keyEnds[i];
      const keyLength = textLength(keyEnd - keyStart);
      if (type === DOUBLE) {
        this.#entry(tag, keyLength + 9);
        this.#write(0x0a, keyStart, keyEnd);
        const position = this.#position;
        this.bytes[position] = 0x11;
        this.#view.setFloat64(position + 1, this.#doubles[i], true);
        this.#position = position + 9;
      } else if (type === STRING) {
        const start = this.#lows[i], end = this.#highs[i];
        this.#entry(tag, keyLength + textLength(end - start));
        this.#write(0x0a, keyStart, keyEnd);
        this.#write(0x12, start, end);
      } else if (type === INT) {
        const high = this.#highs[i], low = this.#lows[i];
        this.#entry(tag, keyLength + 1 + varintLength(high, low));
        this.#write(0x0a, keyStart, keyEnd);
        this.#int64(0x10, high, low);
      } else {
        this.#entry(tag, keyLength + 2);
        this.#write(0x0a, keyStart, keyEnd);
        this.bytes[this.#position++] = 0x10;
        this.bytes[this.#position++] = this.#lows[i];
      }
    }
  }

  /** Writes a tag and a length. */
  #entry(tag: number, length: number): void {
    this.bytes[this.#position++] = tag;
    this.#length(length);
  }

  #length(length: number): void {
    const bytes = this.bytes;
    let position = this.#position;
    while (length > 0x7f) {
      bytes[position++] = length & 0x7f | 0x80;
      length >>>= 7;
    }
    bytes[position++] = length;
    this.#position = position;
  }

  /** Writes a string unless it is empty. */
  #text(tag: number, start: number, end: number): void {
    if (start < end) this.#write(tag, start, end);
  }

  #write(tag: number, start: number, end: number): void {
    const length = end - start;
    this.#entry(tag, length);
    let from = this.input;
    if (start >= OWN) {
      from = this.own;
      start -= OWN;
    }
    const bytes = this.bytes;
    const position = this.#position;
    if (length < SHORT) { for (let i = 0; i < length; i++) bytes[position + i] = from[start + i]; }
    else bytes.set(from.subarray(start, start + length), position);
    this.#position = position + length;
  }

  #int64(tag: number, high: number, low: number): void {
    const bytes = this.bytes;
    let position = this.#position;
    bytes[position++] = tag;
    low >>>= 0;
    high >>>= 0;
    while (high !== 0) {
      bytes[position++] = low & 0x7f | 0x80;
      low = (low >>> 7 | high << 25) >>> 0;
      high >>>= 7;
    }
    while (low > 0x7f) {
      bytes[position++] = low & 0x7f | 0x80;
      low >>>= 7;
    }
    bytes[position++] = low;
    this.#position = position;
  }

  #repeatsTag(): boolean {
    const starts = this.#tagKeyStarts, ends = this.#tagKeyEnds;
    for (let i = 1; i < this.#tags; i++) {
      for (let j = 0; j < i; j++) if (isSameText(this, starts[i], ends[i], starts[j], ends[j])) return true;
    }
    return false;
  }
}

/** Bytes of a string with its tag and its length. */
function textLength(length: number): number {
  return length > 0x7f ? length + 3 : length + 2;
}

/** Bytes of a varint of 64 bits. */
function varintLength(high: number, low: number): number {
  if (high === 0) {
    const bits = 32 - Math.clz32(low);
    return bits === 0 ? 1 : Math.ceil(bits / 7);
  }
  return Math.ceil((64 - Math.clz32(high)) / 7);
}
