import { Point } from "../point.ts";
import { FieldMaps, type InputItem, type PointDefaults, quoted } from "./input_item.ts";
import { type JsonElementReader, JsonReason, type JsonValue } from "./json_elements.ts";
import { jsonTime, objectOf, setJsonField, stringOf, tagsOf } from "./json_points.ts";

const MEMBERS = ["name", "timestamp", "tags", "fields"];

/**
 * Reads Telegraf's JSON: an object for each metric, or `{"metrics": [...]}` with several.
 *
 * Times are in seconds unless a precision is given, as in Telegraf's setting `json_timestamp_units`, or RFC 3339.
 *
 * Format: https://docs.influxdata.com/telegraf/v1/data_formats/output/json/
 */
export class TelegrafJsonReader implements JsonElementReader {
  readonly open: ReadonlySet<string> = new Set(["$", "$.metrics"]);
  readonly #defaults: PointDefaults;
  /** The members of a metric that is a document of its own. */
  #metric = new Map<string, JsonValue>();
  /** Whether it has been reported. */
  #isBad = false;

  constructor(defaults: PointDefaults) {
    this.#defaults = defaults;
  }

  element(path: string, value: JsonValue, line: number, out: InputItem[]): void {
    if (path === "$.metrics[]") {
      out.push(this.#point(objectOf(value, "a metric"), line));
    } else if (path.startsWith("$.")) {
      const key = path.slice("$.".length);
      this.#isBad ||= !MEMBERS.includes(key);
      checkKey(key);
      this.#metric.set(key, value);
    }
  }

  end(path: string, line: number, out: InputItem[]): void {
    if (path !== "$") return;
    const metric = this.#metric, isBad = this.#isBad;
    this.abandon();
    if (metric.size > 0 && !isBad) out.push(this.#point(metric, line));
  }

  abandon(): string {
    this.#metric = new Map();
    this.#isBad = false;
    return "";
  }

  #point(metric: ReadonlyMap<string, JsonValue>, line: number): InputItem {
    const { unit, measurement, database, retentionPolicy, now } = this.#defaults;
    let name = measurement;
    let time: bigint | undefined;
    let tags: Map<string, string> | undefined;
    const fields = new FieldMaps();
    for (const [key, value] of metric) {
      if (key === "name") name = stringOf(value, "name");
      else if (key === "timestamp") time = jsonTime(value, "timestamp", unit);
      else if (key === "tags") tags = tagsOf(value);
      else if (key !== "fields") checkKey(key);
      else for (const [field, fieldValue] of objectOf(value, "fields")) setJsonField(fields, field, fieldValue);
    }
    if (name === undefined) throw new JsonReason("the metric has no name");
    const point = new Point({ time: time ?? now(), name, database, retentionPolicy, tags, ...fields });
    return { kind: "point", line, point };
  }
}

/** Makes sure that a metric has such a member. @throws {JsonReason} */
function checkKey(key: string): void {
  if (MEMBERS.includes(key)) return;
  throw new JsonReason(`a metric has no ${quoted(key)}: it has name, timestamp, tags and fields`);
}
