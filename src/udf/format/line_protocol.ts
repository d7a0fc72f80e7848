import { Point } from "../point.ts";
import { type BadLine, badLine, FieldMaps, type InputItem, type PointDefaults, quoted } from "./input_item.ts";
import { parseInt64 } from "./int64.ts";
import { NEEDS_NEWLINE, NEEDS_QUOTE, type RecordParser } from "./record_splitter.ts";
import { parseTime } from "./timestamp.ts";

const TAB = 9, NEWLINE = 10, RETURN = 13, SPACE = 32, QUOTE = 34, HASH = 35, COMMA = 44, EQUALS = 61, BACKSLASH = 92;

const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INTEGER = /^[+-]?\d+$/;
const BOOLEANS = new Map(
  ["t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"].map((word, i) => [word, i < 5]),
);

/**
 * Reads InfluxDB line protocol: `measurement,tag=value field=1.5,count=3i,text="a b" 1700000000000000000`.
 *
 * A backslash escapes comma, space and equals sign in names, and quote and backslash in quoted strings; elsewhere it
 * stands for itself. Quoted strings may hold newlines. Lines that start with `#` are comments. Unsigned integers (`5u`)
 * are read as int64. Of fields with the same name the last counts; a tag that repeats is an error, as in InfluxDB.
 *
 * Format: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 */
export class LineProtocolParser implements RecordParser<InputItem> {
  readonly #defaults: PointDefaults;
  /** Where the last scan ended. */
  #end = 0;
  /** Whether the last scan saw a backslash that escapes. */
  #escaped = false;
  /** Why the last scan failed; a record that may go on behind the text has the reason "". */
  #reason = "";

  constructor(defaults: PointDefaults) {
    this.#defaults = defaults;
  }

  parse(text: string, position: number, line: number, out: (InputItem | BadLine)[]): number {
    let start = position;
    let first = text.charCodeAt(start);
    while (first === SPACE || first === TAB) first = text.charCodeAt(++start);
    if (first === NEWLINE || first === RETURN && text.charCodeAt(start + 1) === NEWLINE) {
      out.push({ kind: "boundary", line });
      return first === NEWLINE ? start + 1 : start + 2;
    }
    if (first === HASH) return text.indexOf("\n", start) + 1 || NEEDS_NEWLINE;
    this.#reason = "";
    const point = this.#point(text, start);
    if (typeof point === "number") return point;
    if (point !== undefined) {
      out.push({ kind: "point", line, point });
      return this.#end;
    }
    const newline = text.indexOf("\n", position);
    if (newline < 0) return NEEDS_NEWLINE;
    out.push(badLine(line, this.#reason, text, position, newline));
    return newline + 1;
  }

  /** The point at `position`, `#end` behind its newline; what is missing; or undefined for a `#reason`. */
  #point(text: string, position: number): Point | number | undefined {
    const { database, retentionPolicy } = this.#defaults;
    if (!this.#scan(text, position, COMMA, SPACE, SPACE)) return this.#cut(text, "there are no fields");
    const name = this.#name(text, position, MEASUREMENT_ESCAPES);
    if (name === "") return this.#fail("the measurement is missing");
    position = this.#end;

    let tags: Map<string, string> | undefined;
    while (text.charCodeAt(position) === COMMA) {
      tags ??= new Map();
      const start = position + 1;
      if (!this.#scan(text, start, EQUALS, COMMA, SPACE)) return this.#cut(text, "a tag has no value");
      const key = this.#name(text, start, TAG_ESCAPES);
      if (key === "") return this.#fail("a tag has no name");
      if (text.charCodeAt(this.#end) !== EQUALS) return this.#fail(`the tag ${quoted(key)} has no value`);
      const valueStart = this.#end + 1;
      if (!this.#scan(text, valueStart, COMMA, SPACE, EQUALS)) return this.#cut(text, "there are no fields");
      if (text.charCodeAt(this.#end) === EQUALS) {
        return this.#fail(`the value of the tag ${quoted(key)} holds an equals sign without a backslash`);
      }
      const value = this.#name(text, valueStart, TAG_ESCAPES);
      if (value === "") return this.#fail(`the tag ${quoted(key)} has an empty value`);
      const before = tags.size;
      tags.set(key, value);
      if (tags.size === before) return this.#fail(`the tag ${quoted(key)} stands there twice`);
      position = this.#end;
    }
    while (text.charCodeAt(position) === SPACE) position++;

    const fields = new FieldMaps();
    for (;;) {
      if (!this.#scan(text, position, EQUALS, COMMA, SPACE)) return this.#cut(text, "a field has no value");
      const key = this.#name(text, position, FIELD_ESCAPES);
      if (key === "") return this.#fail("a field has no name");
      if (text.charCodeAt(this.#end) !== EQUALS) return this.#fail(`the field ${quoted(key)} has no value`);
      const start = this.#end + 1;
      if (text.charCodeAt(start) === QUOTE) {
        const end = this.#closingQuote(text, start + 1);
        if (end < 0) return NEEDS_QUOTE;
        const raw = text.slice(start + 1, end);
        fields.setString(key, this.#escaped ? raw.replace(/\\(["\\])/g, "$1") : raw);
        position = end + 1;
      } else {
        position = this.#tokenEnd(text, start);
        const reason = position === text.length ? "" : setBare(fields, key, text.slice(start, position));
        if (reason !== "") return this.#fail(reason);
      }
      const next = text.charCodeAt(position);
      if (next !== COMMA) break;
      position++;
    }

    const fieldsEnd = position;
    while (text.charCodeAt(position) === SPACE) position++;
    let next = text.charCodeAt(position);
    let time: bigint | undefined;
    if (next !== NEWLINE && next !== RETURN && position < text.length) {
      if (position === fieldsEnd) return this.#fail("a comma or a space is missing after a quoted string");
      const end = this.#tokenEnd(text, position);
      if (end === text.length) return NEEDS_NEWLINE;
      const token = text.slice(position, end);
      time = parseTime(token, this.#defaults.unit);
      if (time === undefined) {
        return this.#fail(
          INTEGER.test(token)
            ? `the timestamp ${quoted(token)} is out of the range of int64 nanoseconds`
            : `the timestamp ${quoted(token)} is not an integer`,
        );
      }
      position = end;
      while (text.charCodeAt(position) === SPACE) position++;
      next = text.charCodeAt(position);
    }
    if (next === RETURN) next = text.charCodeAt(++position);
    if (position >= text.length) return NEEDS_NEWLINE;
    if (next !== NEWLINE) return this.#fail("there is more text after the timestamp");
    this.#end = position + 1;
    return new Point({
      time: time ?? this.#defaults.now(),
      name,
      database,
      retentionPolicy,
      tags,
      ...fields,
    });
  }

  /** Moves `#end` to the first of three characters that no backslash precedes; false if the line ends before. */
  #scan(text: string, position: number, one: number, two: number, three: number): boolean {
    this.#escaped = false;
    for (let i = position; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit === one || unit === two || unit === three) {
        this.#end = i;
        return true;
      }
      if (unit === NEWLINE) {
        this.#end = i;
        return false;
      }
      if (unit === BACKSLASH) {
        const next = text.charCodeAt(i + 1);
        this.#escaped = true;
        if (next === one || next === two || next === three) i++;
      }
    }
    this.#end = text.length;
    return false;
  }

  #name(text: string, start: number, escapes: RegExp): string {
    const name = text.slice(start, this.#end);
    return this.#escaped ? name.replace(escapes, "$1") : name;
  }

  #closingQuote(text: string, position: number): number {
    this.#escaped = false;
    for (let i = position; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit === QUOTE) return i;
      if (unit !== BACKSLASH) continue;
      const next = text.charCodeAt(i + 1);
      if (next === QUOTE || next === BACKSLASH) {
        this.#escaped = true;
        i++;
      }
    }
    return -1;
  }

  #tokenEnd(text: string, position: number): number {
    while (position < text.length) {
      const unit = text.charCodeAt(position);
      if (unit === COMMA || unit === SPACE || unit === NEWLINE || unit === RETURN) break;
      position++;
    }
    return position;
  }

  #cut(text: string, reason: string): number | undefined {
    return this.#end === text.length ? NEEDS_NEWLINE : this.#fail(reason);
  }

  #fail(reason: string): undefined {
    this.#reason = reason;
  }
}

const MEASUREMENT_ESCAPES = /\\([, ])/g;
const TAG_ESCAPES = /\\([,= ])/g;
const FIELD_ESCAPES = /\\([,= "])/g;

/** Sets a field from a value without quotes; returns why not, or "". */
function setBare(fields: FieldMaps, key: string, token: string): string {
  const last = token.charCodeAt(token.length - 1);
  if (last === 0x69 || last === 0x75) { // i, u
    const value = parseInt64(token, 0, token.length - 1);
    if (value !== undefined && (last === 0x69 || token[0] !== "-")) {
      fields.setInt(key, value);
      return "";
    }
    if (INTEGER.test(token.slice(0, -1))) {
      return `the field ${quoted(key)} is out of the range of int64: ${quoted(token)}`;
    }
  }
  if (FLOAT.test(token)) {
    const value = Number(token);
    if (!Number.isFinite(value)) return `the field ${quoted(key)} is out of the range of doubles: ${quoted(token)}`;
    fields.setDouble(key, value);
    return "";
  }
  const bool = BOOLEANS.get(token);
  if (bool !== undefined) {
    fields.setBool(key, bool);
    return "";
  }
  if (token === "") return `the field ${quoted(key)} has no value`;
  if (/^[+-]?(nan|inf|infinity)$/i.test(token)) {
    return `the field ${quoted(key)} is ${quoted(token)}: line protocol cannot hold NaN and infinities`;
  }
  return `the field ${quoted(key)} is ${quoted(token)}: neither a number nor a boolean, and a string needs quotes`;
}
