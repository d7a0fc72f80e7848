import type { FastReader } from "./fast_lines.ts";
import { type FieldColumn, trimmedCell } from "./field_column.ts";
import type { PointDefaults } from "./input_item.ts";
import { NumberScanner } from "./number_scanner.ts";
import { PointEncoder } from "./point_encoder.ts";
import { OWN } from "./point_shapes.ts";
import { scanRfc3339 } from "./timestamp.ts";

const NEWLINE = 0x0a, RETURN = 0x0d, SPACE = 0x20, QUOTE = 0x22, PLUS = 0x2b, COMMA = 0x2c;
const LOWER_CASE = 0x20;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const TRUE = encoder.encode("true"), FALSE = encoder.encode("false"), NULL = encoder.encode("null");

/** What a column of CSV is. */
export interface CsvColumn {
  readonly name: string;
  readonly role: "time" | "name" | "tag" | "field" | "ignore";
  /** What is known of a column of fields. */
  readonly field?: FieldColumn;
}

/** Finds the cells of a row in bytes. */
class CsvCells {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** The bits of all bytes: below 0x80 in ASCII. */
  bits = 0;
  /** Cells with doubled quotes, without those. */
  own: Uint8Array = new Uint8Array();
  /** Where {@linkcode own} is free. */
  ownEnd = 0;

  constructor(readonly count: number) {
    this.starts = new Int32Array(count);
    this.ends = new Int32Array(count);
  }

  /**
   * Finds the cells of the row at `start`. Positions in {@linkcode own} have `OWN` added.
   *
   * @returns where the next row starts; -1 where this one is blank, is no CSV, has another number of cells, or has line
   * breaks in its cells
   */
  scan(bytes: Uint8Array, start: number): number {
    let position = start;
    let bits = 0;
    const last = this.count - 1;
    for (let i = 0; i <= last; i++) {
      let cellEnd: number;
      if (bytes[position] === QUOTE) {
        position = this.#quoted(bytes, position + 1, i);
        if (position < 0) return -1;
        bits |= this.bits;
        cellEnd = position;
      } else {
        this.starts[i] = position;
        for (;; position++) {
          const byte = bytes[position];
          if (byte === COMMA || byte === NEWLINE) break;
          if (byte === QUOTE) return -1;
          if (byte === RETURN) {
            if (bytes[position + 1] !== NEWLINE) return -1;
            break;
          }
          bits |= byte;
        }
        this.ends[i] = cellEnd = position;
      }
      let end = bytes[cellEnd];
      if (end === RETURN) end = bytes[++position];
      if (end !== (i === last ? NEWLINE : COMMA)) return -1;
      position++;
    }
    this.bits = bits;
    return position;
  }

  /** Finds the end of a cell behind its first quote; returns where it ends behind the last one, or -1. */
  #quoted(bytes: Uint8Array, start: number, cell: number): number {
    let bits = 0;
    let doubled = false;
    let position = start;
    for (;; position++) {
      const byte = bytes[position];
      if (byte === NEWLINE || byte === RETURN) return -1;
      if (byte === QUOTE) {
        if (bytes[position + 1] !== QUOTE) break;
        doubled = true;
        position++;
      }
      bits |= byte;
    }
    this.bits = bits;
    this.starts[cell] = start;
    this.ends[cell] = position;
    if (doubled) {
      const { own, ownEnd } = this;
      let to = ownEnd;
      if (own.length - to < position - start) return -1;
      for (let i = start; i < position; i++) {
        own[to++] = bytes[i];
        if (bytes[i] === QUOTE) i++;
      }
      this.ownEnd = to;
      this.starts[cell] = OWN + ownEnd;
      this.ends[cell] = OWN + to;
    }
    return position + 1;
  }
}

/**
 * Reads rows of CSV straight into encoded points, once the types of their columns are decided: nearly all rows that
 * programs write. It leaves to the table what takes more than that: cells of other types than their columns, cells
 * without a value that are not empty, line breaks in quotes, rows without a field. What both read is the same.
 */
export class CsvReader implements FastReader {
  readonly lines = 1;
  readonly found = "point";
  readonly #defaults: PointDefaults;
  readonly #columns: readonly CsvColumn[];
  readonly #cells: CsvCells;
  readonly encoder: PointEncoder;
  readonly #number = new NumberScanner();
  /** Where the name of each column starts; where the next one starts, it ends. The measurement comes last. */
  readonly #names: readonly number[];
  readonly #hasMeasurement: boolean;

  constructor(defaults: PointDefaults, columns: readonly CsvColumn[]) {
    this.#defaults = defaults;
    this.#columns = columns;
    this.#cells = new CsvCells(columns.length);
    this.#hasMeasurement = defaults.measurement !== undefined;
    const names: number[] = [OWN];
    const fixed: number[] = [];
    for (const name of [...columns.map(({ name }) => name), defaults.measurement ?? ""]) {
      fixed.push(...encoder.encode(name));
      names.push(OWN + fixed.length);
    }
    this.#names = names;
    this.encoder = new PointEncoder(defaults.database, defaults.retentionPolicy, new Uint8Array(fixed));
    this.#cells.own = this.encoder.own;
  }

  read(bytes: Uint8Array, start: number): number {
    const encoder = this.encoder;
    const cells = this.#cells;
    const number = this.#number;
    encoder.input = bytes;
    encoder.begin();
    cells.ownEnd = encoder.ownEnd;
    const next = cells.scan(bytes, start);
    if (next < 0 || cells.bits > 0x7f && !encoder.isUtf8(start, next)) return -1;
    const { starts, ends } = cells;
    const names = this.#names;
    const count = cells.count;
    if (this.#hasMeasurement) {
      encoder.nameStart = names[count];
      encoder.nameEnd = names[count + 1];
    }
    let hasTime = false, hasField = false;
    let high = 0, low = 0;
    for (let i = 0; i < count; i++) {
      const from = starts[i], to = ends[i];
      if (from === to) continue;
      const { role, field } = this.#columns[i];
      switch (role) {
        case "field":
          if (!this.#field(field!.type, names[i], names[i + 1], from, to)) return -1;
          hasField = true;
          break;
        case "tag":
          if (this.#mayBeBlank(from, to)) return -1;
          encoder.tag(names[i], names[i + 1], from, to);
          break;
        case "time":
          if (!this.#time(from, to)) return -1;
          hasTime = true;
          high = number.high;
          low = number.low;
          break;
        case "name":
          if (this.#mayBeBlank(from, to)) return -1;
          encoder.nameStart = from;
          encoder.nameEnd = to;
      }
    }
    if (!hasField || encoder.nameStart === encoder.nameEnd) return -1;
    if (!hasTime) {
      number.set(this.#defaults.now());
      high = number.high;
      low = number.low;
    }
    if (!encoder.finish(high, low)) return -1;
    return next;
  }

  #time(from: number, to: number): boolean {
    if (from >= OWN) return false;
    const { input } = this.encoder;
    const number = this.#number;
    const start = skipSpaces(input, from, to), end = trimSpaces(input, start, to);
    if (number.scan(input, start) === end && number.integral) {
      return number.int64() && (this.#defaults.unit === 1n || number.scale(this.#defaults.unit));
    }
    return scanRfc3339(input, start, number) === end;
  }

  #field(type: FieldColumn["type"], key: number, keyEnd: number, from: number, to: number): boolean {
    const encoder = this.encoder;
    const { input } = encoder;
    const number = this.#number;
    switch (type) {
      case "double": {
        if (!isNumber(number, input, from, to)) return false;
        const value = number.double();
        encoder.double(key, keyEnd, value);
        return Number.isFinite(value);
      }
      case "int":
        if (!isNumber(number, input, from, to) || !number.integral || !number.int64()) return false;
        encoder.int(key, keyEnd, number.high, number.low);
        return true;
      case "bool": {
        const start = skipSpaces(input, from, to), end = trimSpaces(input, start, to);
        const isTrue = isWord(input, start, end, TRUE);
        encoder.bool(key, keyEnd, isTrue);
        return isTrue || isWord(input, start, end, FALSE);
      }
      case "string":
        encoder.string(key, keyEnd, from, to);
        return !this.#mayBeBlank(from, to);
      default: // the first value of its column decides
        return false;
    }
  }

  #mayBeBlank(from: number, to: number): boolean {
    return from >= OWN ? mayBeBlank(this.encoder.own, from - OWN, to - OWN) : mayBeBlank(this.encoder.input, from, to);
  }
}

/** Learns the types of columns from rows in bytes; rows that it leaves are for the table to learn from. */
export class CsvSurveyor implements FastReader {
  readonly lines = 1;
  readonly found = "nothing";
  readonly #columns: readonly CsvColumn[];
  readonly #cells: CsvCells;
  readonly #number = new NumberScanner();

  constructor(columns: readonly CsvColumn[]) {
    this.#columns = columns;
    this.#cells = new CsvCells(columns.length);
  }

  read(bytes: Uint8Array, start: number, _end: number, line: number): number {
    const cells = this.#cells;
    const next = cells.scan(bytes, start);
    if (next < 0) return -1;
    for (let i = 0; i < cells.count; i++) {
      const from = cells.starts[i], to = cells.ends[i];
      const { field } = this.#columns[i];
      if (from === to || field === undefined) continue;
      const type = isNumber(this.#number, bytes, from, to)
        ? this.#number.integral ? "int" : "double"
        : isPlainText(bytes, from)
        ? "string"
        : undefined;
      if (type !== undefined && field.hasSeen(type)) continue;
      const cell = decoder.decode(bytes.subarray(from, to));
      if (trimmedCell(cell) !== "") field.see(cell, line);
    }
    return next;
  }
}

/** Whether a cell is a number as typeOfCell() has it, with or without spaces around it; it is scanned then. */
function isNumber(number: NumberScanner, bytes: Uint8Array, from: number, to: number): boolean {
  from = skipSpaces(bytes, from, to);
  to = trimSpaces(bytes, from, to);
  return number.scan(bytes, from) === to && !number.padded && bytes[from] !== PLUS &&
    (number.whole > 0 || number.decimals > 0);
}

/** Whether a cell starts with a letter with which neither booleans, special doubles nor `null` start. */
function isPlainText(bytes: Uint8Array, from: number): boolean {
  const letter = bytes[from] | LOWER_CASE;
  const isReserved = letter === 0x66 || letter === 0x69 || letter === 0x6e || letter === 0x74; // f, i, n, t
  return letter >= 0x61 && letter <= 0x7a && !isReserved;
}

function isWord(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  if (to - from !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word[i]) return false;
  return true;
}

function skipSpaces(bytes: Uint8Array, from: number, to: number): number {
  while (from < to && bytes[from] === SPACE) from++;
  return from;
}

function trimSpaces(bytes: Uint8Array, from: number, to: number): number {
  while (to > from && bytes[to - 1] === SPACE) to--;
  return to;
}

/** Whether a cell may be white space or `null`: it starts so. */
function mayBeBlank(bytes: Uint8Array, from: number, to: number): boolean {
  from = skipSpaces(bytes, from, to);
  if (from === to) return true;
  const first = bytes[from];
  if (first <= SPACE) return true;
  if (first >= 0xc2) {
    // Spaces beyond ASCII: U+00A0, U+1680, U+2000 to U+205F, U+3000, U+FEFF.
    const second = bytes[from + 1];
    return first === 0xc2 && second === 0xa0 || first === 0xe1 && second === 0x9a ||
      first === 0xe2 && (second === 0x80 || second === 0x81) || first === 0xe3 && second === 0x80 || first === 0xef;
  }
  if ((first | LOWER_CASE) !== NULL[0] || to - from < NULL.length) return false;
  for (let i = 1; i < NULL.length; i++) if ((bytes[from + i] | LOWER_CASE) !== NULL[i]) return false;
  const next = bytes[from + NULL.length];
  return to - from === NULL.length || next <= SPACE || next > 0x7f;
}
