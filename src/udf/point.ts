import { describeValue } from "../base/errors.ts";
import type { ByteReader } from "../wire/byte_reader.ts";
import { type ByteWriter, writeBool, writeInt64, writeString } from "../wire/byte_writer.ts";
import {
  decodeWhole,
  findBoolEntry,
  findDoubleEntry,
  findIntEntry,
  findStringEntry,
  type MapType,
  readBoolEntry,
  readDoubleEntry,
  readEntries,
  readIntEntry,
  readStringEntry,
  readStrings,
  writeEntry,
  writeMap,
  writeStrings,
} from "./field_codec.ts";
import { locatePointFields } from "./point_layout.ts";
import type { FieldValue, Point as PointOfHandler, PointInit } from "./udf_types.ts";
export type { FieldValue, PointInit } from "./udf_types.ts";

// Field numbers of Point in proto/udf.proto. They are not shared, since V8 does not fold constants that are
// imported: that costs a tenth of the speed.
const TIME = 1;
const NAME = 2;
const DATABASE = 3;
const RETENTION_POLICY = 4;
const GROUP = 5;
const DIMENSIONS = 6;
const TAGS = 7;
const DOUBLES = 8;
const INTS = 9;
const STRINGS = 10;
const BY_NAME = 11;
const BOOLS = 12;
const FIELDS = 13; // one past the last
const ALL = (1 << FIELDS) - 2;
const FIELD_MAPS = 1 << DOUBLES | 1 << INTS | 1 << STRINGS | 1 << BOOLS;

/** Fields of all types with their values. A map for each type costs more than a list of one. */
type FieldList = readonly (readonly [string, FieldValue])[];

/** Where the fields of an encoded point lie. */
export interface PointLayout {
  bytes: Uint8Array;
  /** A view of the same bytes. */
  view: DataView;
  /** Position in `bytes` where field n of the message Point starts, at index n; it ends where field n + 1 starts. */
  offsets: readonly number[];
}

/**
 * A point of a stream or of a batch.
 *
 * A point that came over the wire is decoded as its properties are read, each on first access. When it is sent on, the
 * bytes of properties that were not set are copied as they came; maps and lists that were read are encoded anew. A
 * point refers to the buffer that it was read into: where few points are kept for long, keep a {@linkcode Point.copy}.
 *
 * @example
 * ```ts
 * import { Point } from "./point.ts";
 * const point = new Point({ time: 1n, name: "cpu", fieldsDouble: new Map([["idle", 97.5]]) });
 * console.assert(point.field("idle") === 97.5);
 * ```
 */
export class Point implements PointOfHandler {
  #reader: ByteReader | undefined;
  #bytes: Uint8Array | undefined;
  #view: DataView | undefined;
  /** Position in `#bytes` where field n starts, at index n; it ends where field n + 1 starts. */
  #offsets: readonly number[] | undefined;
  /** Bits of the fields that are decoded. */
  #decoded = ALL;
  /** Bits of the fields that must be encoded anew. */
  #changed = ALL;

  #time = 0n;
  #name = "";
  #database = "";
  #retentionPolicy = "";
  #group = "";
  #byName = false;
  #dimensions: string[] | undefined;
  #tags: Map<string, string> | undefined;
  #fieldsDouble: Map<string, number> | undefined;
  #fieldsInt: Map<string, bigint> | undefined;
  #fieldsString: Map<string, string> | undefined;
  #fieldsBool: Map<string, boolean> | undefined;
  /** The fields that {@linkcode setFields} was given, until a map of them is read. */
  #replaced: FieldList | undefined;

  constructor(init?: PointInit) {
    if (init === undefined) return;
    if (init.time !== undefined) this.#time = init.time;
    if (init.name !== undefined) this.#name = init.name;
    if (init.database !== undefined) this.#database = init.database;
    if (init.retentionPolicy !== undefined) this.#retentionPolicy = init.retentionPolicy;
    if (init.group !== undefined) this.#group = init.group;
    if (init.byName !== undefined) this.#byName = init.byName;
    this.#dimensions = init.dimensions;
    this.#tags = init.tags;
    this.#fieldsDouble = init.fieldsDouble;
    this.#fieldsInt = init.fieldsInt;
    this.#fieldsString = init.fieldsString;
    this.#fieldsBool = init.fieldsBool;
  }

  /**
   * Returns the point that fills the reader from its position to its end.
   *
   * @throws {WireError} if the bytes are no Point
   */
  static decode(reader: ByteReader): Point {
    const offsets = locatePointFields(reader);
    if (offsets === undefined) return new Point(decodeWhole(reader));
    return Point.at({ bytes: reader.bytes, view: reader.view, offsets }, reader);
  }

  /**
   * Returns the point whose bytes are laid out so.
   *
   * @param layout of bytes that stay as they are, as {@linkcode locatePointFields} finds it
   * @param reader will read the point; several points may share it
   */
  static at(layout: PointLayout, reader: ByteReader): Point {
    const point = new Point();
    point.#reader = reader;
    point.#bytes = layout.bytes;
    point.#view = layout.view;
    point.#offsets = layout.offsets;
    point.#decoded = 0;
    point.#changed = 0;
    return point;
  }

  /** Where the point's bytes are; false where it has none, or properties were set, or maps and lists read. */
  locate(layout: PointLayout): boolean {
    if (this.#changed !== 0) return false;
    layout.bytes = this.#bytes!;
    layout.view = this.#view!;
    layout.offsets = this.#offsets!;
    return true;
  }

  /** How many bytes {@linkcode encode} writes, where that is known before. */
  get encodedLength(): number | undefined {
    return this.#changed === 0 ? this.#offsets![FIELDS] - this.#offsets![TIME] : undefined;
  }

  /** Writes the point's fields. The caller writes the length. */
  encode(writer: ByteWriter): void {
    const bytes = this.#bytes;
    const view = this.#view;
    const offsets = this.#offsets;
    if (bytes === undefined || view === undefined || offsets === undefined) {
      for (let field = TIME; field < FIELDS; field++) this.#encodeField(writer, field);
      return;
    }
    if (this.#changed === 0) {
      writer.rawSlice(bytes, view, offsets[TIME], offsets[FIELDS]);
      return;
    }
    let from = offsets[TIME];
    for (let rest = this.#changed; rest !== 0; rest &= rest - 1) {
      const field = 31 - Math.clz32(rest & -rest); // the lowest bit that is set
      if (from < offsets[field]) writer.rawSlice(bytes, view, from, offsets[field]);
      this.#encodeField(writer, field);
      from = offsets[field + 1];
    }
    if (from < offsets[FIELDS]) writer.rawSlice(bytes, view, from, offsets[FIELDS]);
  }

  /** ns since the epoch */
  get time(): bigint {
    if ((this.#decoded & 1 << TIME) === 0 && this.#seek(TIME)) this.#time = this.#reader!.int64();
    return this.#time;
  }
  set time(time: bigint) {
    this.#time = time;
    this.#set(TIME);
  }

  /** The measurement. */
  get name(): string {
    if ((this.#decoded & 1 << NAME) === 0 && this.#seek(NAME)) this.#name = this.#reader!.string();
    return this.#name;
  }
  set name(name: string) {
    this.#name = name;
    this.#set(NAME);
  }

  get database(): string {
    if ((this.#decoded & 1 << DATABASE) === 0 && this.#seek(DATABASE)) this.#database = this.#reader!.string();
    return this.#database;
  }
  set database(database: string) {
    this.#database = database;
    this.#set(DATABASE);
  }

  get retentionPolicy(): string {
    if ((this.#decoded & 1 << RETENTION_POLICY) === 0 && this.#seek(RETENTION_POLICY)) {
      this.#retentionPolicy = this.#reader!.string();
    }
    return this.#retentionPolicy;
  }
  set retentionPolicy(retentionPolicy: string) {
    this.#retentionPolicy = retentionPolicy;
    this.#set(RETENTION_POLICY);
  }

  /** The id of the point's group. Kapacitor ignores it in what comes back, and computes it anew. */
  get group(): string {
    if ((this.#decoded & 1 << GROUP) === 0 && this.#seek(GROUP)) this.#group = this.#reader!.string();
    return this.#group;
  }
  set group(group: string) {
    this.#group = group;
    this.#set(GROUP);
  }

  /** Whether the name is part of the group. */
  get byName(): boolean {
    if ((this.#decoded & 1 << BY_NAME) === 0 && this.#seek(BY_NAME)) this.#byName = this.#reader!.bool();
    return this.#byName;
  }
  set byName(byName: boolean) {
    this.#byName = byName;
    this.#set(BY_NAME);
  }

  /** The tags that make the group, sorted. */
  get dimensions(): string[] {
    return this.#dimensions ?? (this.dimensions = this.#seek(DIMENSIONS) ? readStrings(this.#reader!) : []);
  }
  set dimensions(dimensions: string[]) {
    this.#dimensions = dimensions;
    this.#set(DIMENSIONS);
  }

  /** The dimensions, to be looked at only: in contrast to {@linkcode dimensions}, a point stays encoded. */
  get dimensionNames(): readonly string[] {
    if (this.#dimensions !== undefined) return this.#dimensions;
    if ((this.#decoded & 1 << DIMENSIONS) !== 0) return [];
    const offsets = this.#offsets!;
    const start = offsets[DIMENSIONS], end = offsets[DIMENSIONS + 1];
    return start === end ? [] : readStrings(this.#reader!.reset(this.#bytes!, start + 1, end));
  }

  /** Returns the value of a tag. This is the fastest way to read: it searches the encoded point, and decodes no map. */
  tag(name: string): string | undefined {
    return this.#lookUp(TAGS, this.#tags, name, findStringEntry);
  }

  get tags(): Map<string, string> {
    return this.#tags ?? (this.tags = this.#readMap(TAGS, readStringEntry));
  }
  set tags(tags: Map<string, string>) {
    this.#tags = tags;
    this.#set(TAGS);
  }

  get fieldsDouble(): Map<string, number> {
    if (this.#replaced !== undefined) this.#spread();
    return this.#fieldsDouble ?? (this.fieldsDouble = this.#readMap(DOUBLES, readDoubleEntry));
  }
  set fieldsDouble(fields: Map<string, number>) {
    if (this.#replaced !== undefined) this.#spread();
    this.#fieldsDouble = fields;
    this.#set(DOUBLES);
  }

  get fieldsInt(): Map<string, bigint> {
    if (this.#replaced !== undefined) this.#spread();
    return this.#fieldsInt ?? (this.fieldsInt = this.#readMap(INTS, readIntEntry));
  }
  set fieldsInt(fields: Map<string, bigint>) {
    if (this.#replaced !== undefined) this.#spread();
    this.#fieldsInt = fields;
    this.#set(INTS);
  }

  get fieldsString(): Map<string, string> {
    if (this.#replaced !== undefined) this.#spread();
    return this.#fieldsString ?? (this.fieldsString = this.#readMap(STRINGS, readStringEntry));
  }
  set fieldsString(fields: Map<string, string>) {
    if (this.#replaced !== undefined) this.#spread();
    this.#fieldsString = fields;
    this.#set(STRINGS);
  }

  get fieldsBool(): Map<string, boolean> {
    if (this.#replaced !== undefined) this.#spread();
    return this.#fieldsBool ?? (this.fieldsBool = this.#readMap(BOOLS, readBoolEntry));
  }
  set fieldsBool(fields: Map<string, boolean>) {
    if (this.#replaced !== undefined) this.#spread();
    this.#fieldsBool = fields;
    this.#set(BOOLS);
  }

  /**
   * Returns the field of this name, whatever its type. Where several maps have the name, bool beats double beats int
   * beats string, as in Kapacitor. This is the fastest way to read: it searches the encoded point, and decodes no map.
   */
  field(name: string): FieldValue | undefined {
    if (this.#replaced !== undefined) this.#spread();
    return this.#lookUp(BOOLS, this.#fieldsBool, name, findBoolEntry) ??
      this.#lookUp(DOUBLES, this.#fieldsDouble, name, findDoubleEntry) ??
      this.#lookUp(INTS, this.#fieldsInt, name, findIntEntry) ??
      this.#lookUp(STRINGS, this.#fieldsString, name, findStringEntry);
  }

  /**
   * Replaces all fields of all types. Numbers become doubles, bigints int64; null and undefined are no field.
   *
   * @param fields belongs to the point from now on, and must not be changed
   * @throws {TypeError} for a value that no field can have
   */
  setFields(fields: FieldList): void {
    for (const [name, value] of fields) {
      if (typeof value !== "number" && !isField(value)) {
        throw new TypeError(
          `the field ${describeValue(name)} must be a number, bigint, string or boolean, got ${describeValue(value)}`,
        );
      }
    }
    this.#replaced = fields;
    this.#decoded |= FIELD_MAPS;
    this.#changed |= FIELD_MAPS;
  }

  /** Yields all fields by type: bool, double, int, string. Where several maps have a name, the first counts. */
  *fields(): Generator<[string, FieldValue]> {
    const bools = this.fieldsBool, doubles = this.fieldsDouble, ints = this.fieldsInt;
    yield* bools;
    for (const entry of doubles) if (!bools.has(entry[0])) yield entry;
    for (const entry of ints) if (!bools.has(entry[0]) && !doubles.has(entry[0])) yield entry;
    for (const entry of this.fieldsString) {
      if (!bools.has(entry[0]) && !doubles.has(entry[0]) && !ints.has(entry[0])) yield entry;
    }
  }

  /** Returns a point with the same content that shares nothing with this one or its buffer. */
  copy(): Point {
    return new Point({
      time: this.time,
      name: this.name,
      database: this.database,
      retentionPolicy: this.retentionPolicy,
      group: this.group,
      dimensions: [...this.dimensions],
      tags: new Map(this.tags),
      fieldsDouble: new Map(this.fieldsDouble),
      fieldsInt: new Map(this.fieldsInt),
      fieldsString: new Map(this.fieldsString),
      byName: this.byName,
      fieldsBool: new Map(this.fieldsBool),
    });
  }

  /** Puts each of the fields that {@linkcode setFields} was given into the map of its type. */
  #spread(): void {
    const doubles = this.#fieldsDouble = new Map<string, number>();
    const ints = this.#fieldsInt = new Map<string, bigint>();
    const strings = this.#fieldsString = new Map<string, string>();
    const bools = this.#fieldsBool = new Map<string, boolean>();
    for (const [name, value] of this.#replaced!) {
      if (typeof value === "number") doubles.set(name, value);
      else if (typeof value === "bigint") ints.set(name, value);
      else if (typeof value === "string") strings.set(name, value);
      else if (typeof value === "boolean") bools.set(name, value);
    }
    this.#replaced = undefined;
  }

  #set(field: number): void {
    this.#decoded |= 1 << field;
    this.#changed |= 1 << field;
  }

  /** Moves the reader behind the tag of a field that is not decoded yet; returns false if the field is absent. */
  #seek(field: number): boolean {
    if ((this.#decoded & 1 << field) !== 0) return false;
    this.#decoded |= 1 << field;
    const offsets = this.#offsets!;
    const start = offsets[field];
    const end = offsets[field + 1];
    if (start === end) return false;
    this.#reader!.reset(this.#bytes!, start + 1, end);
    return true;
  }

  #readMap<T>(field: number, readEntry: (reader: ByteReader, map: Map<string, T>) => void): Map<string, T> {
    const map = new Map<string, T>();
    if (this.#seek(field)) readEntries(this.#reader!, map, readEntry);
    return map;
  }

  #lookUp<T>(
    field: number,
    decoded: Map<string, T> | undefined,
    name: string,
    find: (reader: ByteReader, name: string) => T | undefined,
  ): T | undefined {
    if (decoded !== undefined) return decoded.get(name);
    if ((this.#decoded & 1 << field) !== 0) return undefined;
    const offsets = this.#offsets!;
    const start = offsets[field];
    const end = offsets[field + 1];
    if (start === end) return undefined;
    return find(this.#reader!.reset(this.#bytes!, start, end), name);
  }

  #encodeField(writer: ByteWriter, field: number): void {
    switch (field) {
      case TIME:
        return writeInt64(writer, TIME, this.#time);
      case NAME:
        return writeString(writer, NAME, this.#name);
      case DATABASE:
        return writeString(writer, DATABASE, this.#database);
      case RETENTION_POLICY:
        return writeString(writer, RETENTION_POLICY, this.#retentionPolicy);
      case GROUP:
        return writeString(writer, GROUP, this.#group);
      case DIMENSIONS:
        if (this.#dimensions !== undefined) writeStrings(writer, DIMENSIONS, this.#dimensions);
        return;
      case TAGS:
        if (this.#tags !== undefined) writeMap(writer, TAGS << 3 | 2, "string", this.#tags);
        return;
      case DOUBLES:
        return this.#encodeMap(writer, DOUBLES, "number", this.#fieldsDouble);
      case INTS:
        return this.#encodeMap(writer, INTS, "bigint", this.#fieldsInt);
      case STRINGS:
        return this.#encodeMap(writer, STRINGS, "string", this.#fieldsString);
      case BY_NAME:
        return writeBool(writer, BY_NAME, this.#byName);
      case BOOLS:
        return this.#encodeMap(writer, BOOLS, "boolean", this.#fieldsBool);
    }
  }

  #encodeMap(writer: ByteWriter, field: number, type: MapType, map: Map<string, FieldValue> | undefined): void {
    if (this.#replaced !== undefined) writeOfType(writer, field << 3 | 2, type, this.#replaced);
    else if (map !== undefined) writeMap(writer, field << 3 | 2, type, map);
  }
}

/** Whether a value that is no number is that of a field, or of none. */
function isField(value: unknown): boolean {
  const type = typeof value;
  return type === "bigint" || type === "string" || type === "boolean" || value === null || value === undefined;
}

/** Writes the fields of one type as entries of the map with this tag. */
function writeOfType(writer: ByteWriter, tag: number, type: MapType, fields: FieldList): void {
  for (let i = 0; i < fields.length; i++) {
    const value = fields[i][1];
    const given = typeof value;
    if (given === type) writeEntry(writer, tag, fields[i][0], value);
  }
}
