import type { BeginBatch, EndBatch } from "../messages.ts";
import { Point } from "../point.ts";
import { type BadLine, badLine, FieldMaps, type InputItem, type PointDefaults, quoted } from "./input_item.ts";
import { parseInt64 } from "./int64.ts";
import { JsonCursor, JsonError } from "./json_cursor.ts";
import { SPECIAL_DOUBLES } from "./json_lines_writer.ts";
import { NEEDS_NEWLINE, type RecordParser } from "./record_splitter.ts";
import { parseRfc3339, parseTime } from "./timestamp.ts";

const QUOTE = 0x22;

/**
 * Reads JSON lines: what {@linkcode JsonLinesWriter} writes, and a little more.
 *
 * `time` may be left out (it is then now) or a string with an RFC 3339 time; `tags` and `fields` may be left out; a
 * field that is null is absent; `{"double":3}` is a double without `.`, for programs that print 3.0 as 3. `name` may be
 * left out where a measurement is given or inside of a batch. Unknown names are errors, since most of them are
 * misspelt. Blank lines between a begin and its end are skipped.
 */
export class JsonLinesParser implements RecordParser<InputItem> {
  readonly #defaults: PointDefaults;
  readonly #cursor = new JsonCursor();
  /** The line of the begin whose end has not come, or 0. */
  #open = 0;

  constructor(defaults: PointDefaults) {
    this.#defaults = defaults;
  }

  parse(text: string, position: number, line: number, out: (InputItem | BadLine)[]): number {
    const newline = text.indexOf("\n", position);
    if (newline < 0) return NEEDS_NEWLINE;
    this.#cursor.reset(text, position);
    if (Number.isNaN(this.#cursor.peek())) {
      if (this.#open === 0) out.push({ kind: "boundary", line });
      return newline + 1;
    }
    try {
      out.push(this.#item(line));
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      out.push(badLine(line, error.message, text, position, newline));
    }
    return newline + 1;
  }

  /** Complains of a batch without end. */
  end(out: (InputItem | BadLine)[]): void {
    if (this.#open > 0) out.push(badLine(this.#open, "the batch that begins here has no end", ""));
    this.#open = 0;
  }

  #item(line: number): InputItem {
    const cursor = this.#cursor;
    let name: string | undefined;
    let time: bigint | undefined;
    let { database, retentionPolicy } = this.#defaults;
    let group = "";
    let byName = false;
    let dimensions: string[] | undefined;
    let tags: Map<string, string> | undefined;
    let fields: FieldMaps | undefined;
    let batch: Boundary | undefined;
    let members = 0;
    cursor.object("a line", (key) => {
      members++;
      switch (key) {
        case "name":
          name = cursor.string("name");
          break;
        case "time":
          time = this.#time("time");
          break;
        case "tags":
          tags = this.#tags();
          break;
        case "fields":
          fields = this.#fields();
          break;
        case "database":
          database = cursor.string("database");
          break;
        case "retentionPolicy":
          retentionPolicy = cursor.string("retentionPolicy");
          break;
        case "group":
          group = cursor.string("group");
          break;
        case "byName":
          byName = cursor.boolean("byName");
          break;
        case "dimensions": {
          const list: string[] = dimensions = [];
          cursor.array("dimensions", () => list.push(cursor.string("a dimension")));
          break;
        }
        case "begin":
          batch = this.#batch("begin");
          break;
        case "end":
          batch = this.#batch("end");
          break;
        default:
          throw new JsonError(
            `a point has no ${quoted(key)}: it has name, time, tags, fields, database, ` +
              "retentionPolicy, group, dimensions and byName",
          );
      }
    });
    cursor.finish();
    if (batch !== undefined) {
      if (members > 1) throw new JsonError(`${batch.kind} stands alone on its line`);
      return this.#boundary(batch, line);
    }
    if (name === undefined) {
      if (this.#open > 0) name = "";
      else if (this.#defaults.measurement !== undefined) name = this.#defaults.measurement;
      else throw new JsonError("the point has no name, and no measurement is given for such points");
    }
    const point = new Point({
      time: time ?? this.#defaults.now(),
      name,
      database,
      retentionPolicy,
      group,
      dimensions,
      tags,
      byName,
      ...fields,
    });
    return { kind: "point", line, point };
  }

  #boundary(batch: Boundary, line: number): InputItem {
    if (batch.kind === "begin") {
      if (this.#open > 0) throw new JsonError(`a batch begins inside the batch that begins on line ${this.#open}`);
      this.#open = line;
    } else {
      if (this.#open === 0) throw new JsonError("a batch ends that has not begun");
      this.#open = 0;
    }
    return { line, ...batch };
  }

  /** The inside of a begin or an end: both have the same members but one. */
  #batch(what: "begin" | "end"): Boundary {
    const cursor = this.#cursor;
    const batch = { name: this.#defaults.measurement ?? "", group: "", tags: new Map<string, string>(), byName: false };
    const own = what === "begin" ? "size" : "tmax";
    let size = 0n;
    let tmax: bigint | undefined;
    cursor.object(what, (key) => {
      switch (key) {
        case "name":
          batch.name = cursor.string("name");
          return;
        case "group":
          batch.group = cursor.string("group");
          return;
        case "tags":
          batch.tags = this.#tags() ?? batch.tags;
          return;
        case "byName":
          batch.byName = cursor.boolean("byName");
          return;
      }
      if (key !== own) {
        throw new JsonError(`${what} has no ${quoted(key)}: it has name, group, tags, ${own} and byName`);
      }
      if (own === "tmax") {
        tmax = this.#time("tmax");
      } else {
        size = this.#integer("size", cursor.number("size"));
      }
    });
    if (what === "begin") return { kind: "begin", begin: { ...batch, size } };
    if (tmax === undefined) throw new JsonError("the end has no tmax");
    return { kind: "end", end: { ...batch, tmax } };
  }

  #time(what: string): bigint {
    const cursor = this.#cursor;
    if (cursor.peek() === QUOTE) {
      const text = cursor.string(what);
      const time = parseRfc3339(text);
      if (time === undefined) {
        throw new JsonError(`${what} is ${quoted(text)}: neither an integer nor an RFC 3339 time`);
      }
      return time;
    }
    const literal = cursor.number(what);
    const time = parseTime(literal, this.#defaults.unit);
    if (time !== undefined) return time;
    this.#integer(what, literal);
    throw new JsonError(`${what} is out of the range of int64 nanoseconds: ${quoted(literal)}`);
  }

  #integer(what: string, literal: string): bigint {
    if (this.#cursor.fractional) throw new JsonError(`${what} must be an integer, not ${quoted(literal)}`);
    const value = parseInt64(literal);
    if (value === undefined) throw new JsonError(`${what} is out of the range of int64: ${quoted(literal)}`);
    return value;
  }

  #tags(): Map<string, string> | undefined {
    const cursor = this.#cursor;
    let tags: Map<string, string> | undefined;
    cursor.object("tags", (key) => {
      if (cursor.peek() !== QUOTE) throw cursor.unexpected(`the tag ${quoted(key)}`, "a string");
      (tags ??= new Map()).set(key, cursor.string(""));
    });
    return tags;
  }

  #fields(): FieldMaps {
    const cursor = this.#cursor;
    const fields = new FieldMaps();
    cursor.object("fields", (key) => {
      switch (cursor.peek()) {
        case QUOTE: {
          const text = cursor.string("");
          const special = SPECIAL_DOUBLES.get(text);
          if (special === undefined) fields.setString(key, text);
          else fields.setDouble(key, special);
          break;
        }
        case 0x74: // t
        case 0x66: // f
          fields.setBool(key, cursor.boolean(`the field ${quoted(key)}`));
          break;
        case 0x6e: // n
          if (!cursor.skipNull()) throw cursor.unexpected(`the field ${quoted(key)}`, "a value");
          fields.delete(key);
          break;
        case 0x7b: // {
          this.#tagged(key, fields);
          break;
        case 0x5b: // [
          throw new JsonError(`the field ${quoted(key)} is an array`);
        default: {
          const literal = cursor.number("the value of a field");
          if (cursor.fractional) fields.setDouble(key, toDouble(key, literal));
          else fields.setInt(key, this.#integer("a field", literal));
        }
      }
    });
    return fields;
  }

  /** `{"string":"NaN"}` or `{"double":3}` */
  #tagged(key: string, fields: FieldMaps): void {
    const cursor = this.#cursor;
    let members = 0;
    cursor.object("", (type) => {
      members++;
      if (type === "string") {
        fields.setString(key, cursor.string(`the string of the field ${quoted(key)}`));
      } else if (type === "double") {
        const literal = cursor.number(`the double of the field ${quoted(key)}`);
        fields.setDouble(key, toDouble(key, literal));
      } else {
        throw new JsonError(`the field ${quoted(key)} is an object; only {"string":...} and {"double":...} are fields`);
      }
    });
    if (members !== 1) throw new JsonError(`the field ${quoted(key)} is an object without one value`);
  }
}

type Boundary = { kind: "begin"; begin: BeginBatch } | { kind: "end"; end: EndBatch };

function toDouble(key: string, literal: string): number {
  const value = Number(literal);
  if (!Number.isFinite(value)) {
    throw new JsonError(`the field ${quoted(key)} is out of the range of doubles: ${quoted(literal)}`);
  }
  return value;
}
