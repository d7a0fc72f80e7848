import type { ByteReader } from "../wire/byte_reader.ts";
import type { ByteWriter } from "../wire/byte_writer.ts";
import { readBoolEntry, readDoubleEntry, readIntEntry, readStringEntry, writeEntry, writeMap } from "./map_field.ts";
import { layOut } from "./point_layout.ts";

/** The value of a field. */
export type FieldValue = number | bigint | string | boolean;

/** What a new point holds; left out: zero, empty or false. */
export interface PointInit {
  /** ns since the epoch */
  time?: bigint;
  /** The measurement. */
  name?: string;
  database?: string;
  retentionPolicy?: string;
  /** The id of the group, see {@linkcode groupId}. */
  group?: string;
  /** The tags that make the group, sorted. */
  dimensions?: string[];
  tags?: Map<string, string>;
  fieldsDouble?: Map<string, number>;
  fieldsInt?: Map<string, bigint>;
  fieldsString?: Map<string, string>;
  /** Whether the name is part of the group. */
  byName?: boolean;
  fieldsBool?: Map<string, boolean>;
}

// Field numbers of Point in proto/udf.proto.
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

/**
 * A point of a stream or of a batch.
 *
 * A point that came over the wire is decoded where it is read: each property on first access. When it is sent on,
 * what was neither set nor, for maps and lists, read, is copied as it came. It refers to the buffer it was read into;
 * keep {@linkcode Point.copy} of it where few points are kept for long.
 *
 * @example
 * ```ts
 * import { Point } from "./point.ts";
 * const point = new Point({ time: 1n, name: "cpu", fieldsDouble: new Map([["idle", 97.5]]) });
 * console.assert(point.field("idle") === 97.5);
 * ```
 */
export class Point {
  #reader: ByteReader | undefined;
  #bytes: Uint8Array | undefined;
  #view: DataView | undefined;
  /** Where field n starts in `#bytes`, at index n; what lies between n and n + 1 is field n, whole. */
  #offsets: number[] | undefined;
  /** Bits of the fields whose value stands below. */
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
  /** What {@linkcode setFields} was given, until a map is asked for: a map costs more than a list of one. */
  #replaced: readonly (readonly [string, FieldValue])[] | undefined;

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
   * Takes the point that fills the reader from its position to its end.
   *
   * @throws {WireError} if the bytes are no Point
   */
  static decode(reader: ByteReader): Point {
    const point = new Point();
    const offsets = layOut(reader);
    if (offsets === undefined) {
      point.#decodeAll(reader);
    } else {
      point.#reader = reader;
      point.#bytes = reader.bytes;
      point.#view = reader.view;
      point.#offsets = offsets;
      point.#decoded = 0;
      point.#changed = 0;
    }
    return point;
  }

  /** Writes the point's fields; the caller writes the length. */
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
    for (let field = TIME; field < FIELDS; field++) {
      if ((this.#changed & 1 << field) === 0) continue;
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
    if (this.#dimensions === undefined) {
      const dimensions: string[] = [];
      if (this.#seek(DIMENSIONS)) {
        const reader = this.#reader!;
        do dimensions.push(reader.string()); while (this.#more(reader));
      }
      this.dimensions = dimensions;
    }
    return this.#dimensions!;
  }
  set dimensions(dimensions: string[]) {
    this.#dimensions = dimensions;
    this.#set(DIMENSIONS);
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
   * The field of this name, of whatever type. Where the name stands in several maps, bool beats double beats int
   * beats string, as in Kapacitor. Looks into the encoded point, which stays as it is: the fastest way to read.
   */
  field(name: string): FieldValue | undefined {
    if (this.#replaced !== undefined) this.#spread();
    return this.#lookUp(BOOLS, this.#fieldsBool, name, boolValue) ??
      this.#lookUp(DOUBLES, this.#fieldsDouble, name, doubleValue) ??
      this.#lookUp(INTS, this.#fieldsInt, name, intValue) ??
      this.#lookUp(STRINGS, this.#fieldsString, name, stringValue);
  }

  /**
   * Replaces all fields, of all types. Numbers become doubles, bigints int64.
   *
   * @param fields belongs to the point from now on
   */
  setFields(fields: readonly (readonly [string, FieldValue])[]): void {
    this.#replaced = fields;
    this.#decoded |= FIELD_MAPS;
    this.#changed |= FIELD_MAPS;
  }

  /** All fields with a value each, in the order bool, double, int, string; the first of a name counts. */
  *fields(): Generator<[string, FieldValue]> {
    const bools = this.fieldsBool, doubles = this.fieldsDouble, ints = this.fieldsInt;
    yield* bools;
    for (const entry of doubles) if (!bools.has(entry[0])) yield entry;
    for (const entry of ints) if (!bools.has(entry[0]) && !doubles.has(entry[0])) yield entry;
    for (const entry of this.fieldsString) {
      if (!bools.has(entry[0]) && !doubles.has(entry[0]) && !ints.has(entry[0])) yield entry;
    }
  }

  /** A point with the same content that shares nothing with this one, nor with the buffer it was read into. */
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

  /** Puts what replaced the fields into their maps. */
  #spread(): void {
    const doubles = this.#fieldsDouble = new Map();
    const ints = this.#fieldsInt = new Map();
    const strings = this.#fieldsString = new Map();
    const bools = this.#fieldsBool = new Map();
    for (const [name, value] of this.#replaced!) {
      if (typeof value === "number") doubles.set(name, value);
      else if (typeof value === "bigint") ints.set(name, value);
      else if (typeof value === "string") strings.set(name, value);
      else bools.set(name, value);
    }
    this.#replaced = undefined;
  }

  #set(field: number): void {
    this.#decoded |= 1 << field;
    this.#changed |= 1 << field;
  }

  /** Points the reader behind the tag of a field that was not decoded yet; false if it is absent. */
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

  /** Steps over the tag of a repeated field, if there is one more. */
  #more(reader: ByteReader): boolean {
    if (reader.position === reader.end) return false;
    reader.position++;
    return true;
  }

  #readMap<T>(field: number, readEntry: (reader: ByteReader, map: Map<string, T>) => void): Map<string, T> {
    const map = new Map<string, T>();
    if (this.#seek(field)) {
      const reader = this.#reader!;
      do readEntry(reader, map); while (this.#more(reader));
    }
    return map;
  }

  #lookUp<T>(
    field: number,
    decoded: Map<string, T> | undefined,
    name: string,
    value: (reader: ByteReader) => T,
  ): T | undefined {
    if (decoded !== undefined) return decoded.get(name);
    if ((this.#decoded & 1 << field) !== 0) return undefined;
    const offsets = this.#offsets!;
    let position = offsets[field];
    const end = offsets[field + 1];
    if (position === end) return undefined;
    const reader = this.#reader!.reset(this.#bytes!, position, end);
    let found: T | undefined;
    while (position < end) {
      reader.position = position + 1; // behind the entry's tag
      const next = position = reader.delimited();
      reader.position++; // behind the key's tag
      const keyEnd = reader.delimited();
      if (isText(reader, reader.position, keyEnd, name)) {
        reader.position = keyEnd + 1; // behind the value's tag
        found = value(reader);
      }
      position = next;
    }
    return found;
  }

  /** Decodes a point whose fields are not in order, are repeated, unknown or not valid UTF-8. */
  #decodeAll(reader: ByteReader): void {
    const dimensions: string[] = [];
    const tags = new Map<string, string>();
    const doubles = new Map<string, number>();
    const ints = new Map<string, bigint>();
    const strings = new Map<string, string>();
    const bools = new Map<string, boolean>();
    while (reader.position < reader.end) {
      const tag = reader.uint32();
      switch (tag) {
        case TIME << 3:
          this.#time = reader.int64();
          break;
        case NAME << 3 | 2:
          this.#name = reader.string();
          break;
        case DATABASE << 3 | 2:
          this.#database = reader.string();
          break;
        case RETENTION_POLICY << 3 | 2:
          this.#retentionPolicy = reader.string();
          break;
        case GROUP << 3 | 2:
          this.#group = reader.string();
          break;
        case DIMENSIONS << 3 | 2:
          dimensions.push(reader.string());
          break;
        case TAGS << 3 | 2:
          readStringEntry(reader, tags);
          break;
        case DOUBLES << 3 | 2:
          readDoubleEntry(reader, doubles);
          break;
        case INTS << 3 | 2:
          readIntEntry(reader, ints);
          break;
        case STRINGS << 3 | 2:
          readStringEntry(reader, strings);
          break;
        case BY_NAME << 3:
          this.#byName = reader.bool();
          break;
        case BOOLS << 3 | 2:
          readBoolEntry(reader, bools);
          break;
        default:
          reader.skip(tag);
      }
    }
    this.#dimensions = dimensions;
    this.#tags = tags;
    this.#fieldsDouble = doubles;
    this.#fieldsInt = ints;
    this.#fieldsString = strings;
    this.#fieldsBool = bools;
  }

  #encodeField(writer: ByteWriter, field: number): void {
    if (this.#replaced !== undefined && (1 << field & FIELD_MAPS) !== 0) {
      return writeReplaced(writer, field, this.#replaced);
    }
    switch (field) {
      case TIME:
        if (this.#time === 0n) return;
        writer.uint32(TIME << 3);
        writer.int64(this.#time);
        return;
      case NAME:
        return writeString(writer, NAME, this.#name);
      case DATABASE:
        return writeString(writer, DATABASE, this.#database);
      case RETENTION_POLICY:
        return writeString(writer, RETENTION_POLICY, this.#retentionPolicy);
      case GROUP:
        return writeString(writer, GROUP, this.#group);
      case DIMENSIONS:
        if (this.#dimensions === undefined) return;
        for (const dimension of this.#dimensions) {
          writer.uint32(DIMENSIONS << 3 | 2);
          writer.string(dimension);
        }
        return;
      case TAGS:
        if (this.#tags !== undefined) writeMap(writer, TAGS << 3 | 2, "string", this.#tags);
        return;
      case DOUBLES:
        if (this.#fieldsDouble !== undefined) writeMap(writer, DOUBLES << 3 | 2, "number", this.#fieldsDouble);
        return;
      case INTS:
        if (this.#fieldsInt !== undefined) writeMap(writer, INTS << 3 | 2, "bigint", this.#fieldsInt);
        return;
      case STRINGS:
        if (this.#fieldsString !== undefined) writeMap(writer, STRINGS << 3 | 2, "string", this.#fieldsString);
        return;
      case BY_NAME:
        if (!this.#byName) return;
        writer.uint32(BY_NAME << 3);
        writer.uint32(1);
        return;
      case BOOLS:
        if (this.#fieldsBool !== undefined) writeMap(writer, BOOLS << 3 | 2, "boolean", this.#fieldsBool);
    }
  }
}

/** Writes those of the fields that belong into the map of this number. */
function writeReplaced(writer: ByteWriter, field: number, fields: readonly (readonly [string, FieldValue])[]): void {
  const type = field === DOUBLES ? "number" : field === INTS ? "bigint" : field === STRINGS ? "string" : "boolean";
  for (let i = 0; i < fields.length; i++) {
    const value = fields[i][1];
    const given = typeof value;
    if (given === type) writeEntry(writer, field << 3 | 2, fields[i][0], value);
  }
}

const boolValue = (reader: ByteReader) => reader.bool();
const doubleValue = (reader: ByteReader) => reader.double();
const intValue = (reader: ByteReader) => reader.int64();
const stringValue = (reader: ByteReader) => reader.string();

/** Whether the UTF-8 bytes from `start` to `end` are this text. */
function isText(reader: ByteReader, start: number, end: number, text: string): boolean {
  const bytes = reader.bytes;
  const length = text.length;
  // A text of n UTF-16 units takes n to 3n bytes.
  if (end - start < length || end - start > length * 3) return false;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return reader.strings.get(bytes, start, end) === text;
    if (bytes[start + i] !== unit) return false;
  }
  return end - start === length;
}

function writeString(writer: ByteWriter, field: number, text: string): void {
  if (text === "") return;
  writer.uint32(field << 3 | 2);
  writer.string(text);
}
