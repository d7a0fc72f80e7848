import { Point } from "../point.ts";
import { FieldMaps, type InputItem, type PointDefaults, quoted } from "./input_item.ts";
import { type JsonElementReader, JsonReason, type JsonValue } from "./json_elements.ts";
import { arrayOf, jsonText, jsonTime, setJsonField, stringOf, tagsOf } from "./json_points.ts";

const RESULT = "$.results[]";
const SERIES = "$.results[].series[]";

/**
 * Reads the answers of InfluxDB 1 to queries: `{"results":[{"series":[{"name","tags","columns","values"}]}]}`, one or,
 * with `chunked=true`, several.
 *
 * A point is made of each row: its tags are those of its series, so what is grouped by is a tag and all else a field.
 * An error among the results is a bad line.
 *
 * Format: https://docs.influxdata.com/influxdb/v1/guides/query_data/
 */
export class InfluxJsonReader implements JsonElementReader {
  readonly open: ReadonlySet<string> = new Set([
    "$",
    "$.results",
    RESULT,
    `${RESULT}.series`,
    SERIES,
    `${SERIES}.values`,
  ]);
  readonly #defaults: PointDefaults;
  readonly #tagColumns: readonly string[];
  #name: string | undefined;
  #tags = new Map<string, string>();
  #columns: string[] | undefined;
  /** Whether what the rows of the series need is missing, which has been reported. */
  #isBad = false;

  /** @param tagColumns columns whose strings are tags, where the query did not group by them */
  constructor(defaults: PointDefaults, tagColumns: readonly string[]) {
    this.#defaults = defaults;
    this.#tagColumns = tagColumns;
  }

  element(path: string, value: JsonValue, line: number, out: InputItem[]): void {
    if (path === "$.error" || path === `${RESULT}.error`) {
      throw new JsonReason(`InfluxDB answered with an error: ${jsonText(value)}`);
    }
    if (path === `${SERIES}.values[]`) {
      const item = this.#isBad ? undefined : this.#point(arrayOf(value, "a row of values"), line);
      if (item !== undefined) out.push(item);
      return;
    }
    try {
      if (path === `${SERIES}.name`) this.#name = stringOf(value, "name");
      else if (path === `${SERIES}.tags`) this.#tags = tagsOf(value);
      else if (path === `${SERIES}.columns`) this.#columns = arrayOf(value, "columns").map(columnOf);
    } catch (error) {
      this.#isBad = true;
      throw error;
    }
  }

  end(path: string): void {
    if (path === SERIES) this.abandon();
  }

  abandon(): string {
    this.#name = undefined;
    this.#tags = new Map();
    this.#columns = undefined;
    this.#isBad = false;
    return "";
  }

  /** The point of a row; undefined: it has no value in a column of fields. */
  #point(row: JsonValue[], line: number): InputItem | undefined {
    const { unit, measurement, database, retentionPolicy, now } = this.#defaults;
    const columns = this.#columns;
    if (columns === undefined) throw new JsonReason("the columns of a series must come before its values");
    if (row.length !== columns.length) {
      throw new JsonReason(`there are ${row.length} values, but the series has ${columns.length} columns`);
    }
    const name = this.#name ?? measurement;
    if (name === undefined) throw new JsonReason("the series has no name, and no measurement is given");
    let time: bigint | undefined;
    const tags = new Map(this.#tags);
    const fields = new FieldMaps();
    let empty = true;
    for (const [i, column] of columns.entries()) {
      const value = row[i];
      if (value === null) continue;
      if (column === "time") {
        time = jsonTime(value, "time", unit);
      } else if (this.#tagColumns.includes(column)) {
        const tag = stringOf(value, `the tag ${quoted(column)}`);
        if (tag !== "") tags.set(column, tag);
      } else {
        setJsonField(fields, column, value);
        empty = false;
      }
    }
    if (empty) return undefined;
    const point = new Point({ time: time ?? now(), name, database, retentionPolicy, tags, ...fields });
    return { kind: "point", line, point };
  }
}

function columnOf(value: JsonValue): string {
  return stringOf(value, "a column");
}
