import { Point } from "../point.ts";
import { FieldMaps, type InputItem, type PointDefaults } from "./input_item.ts";
import { type JsonElementReader, JsonNumber, JsonReason, type JsonValue } from "./json_elements.ts";
import { jsonTime, objectOf, setJsonField, stringOf, tagsOf } from "./json_points.ts";

/** How Go writes a time that is not set. */
const NO_TIME = "0001-01-01T00:00:00Z";

/** What else a batch has. */
const MEMBERS = ["name", "tmax", "group", "byname", "tags"];
/** Points of a batch at most, which all have to be in memory. */
const MAX_POINTS = 1_000_000;

/**
 * Reads Kapacitor's recordings of batches: a JSON object for each batch, with name, tmax, group, tags and points.
 *
 * All numbers are doubles, as Kapacitor replays them: it asks InfluxDB in JSON, where 98.0 is 98. Points without tags
 * have those of their batch. A batch that is cut is not handed out, since what it lacks would change its figures.
 *
 * Source: `WriteBatchForRecording` of Kapacitor, replay.go, and `bufferedBatchMessage`, edge/messages.go. Its `.brpl`
 * files are zip archives with such a text for each query.
 */
export class BatchRecordingReader implements JsonElementReader {
  readonly open: ReadonlySet<string> = new Set(["$", "$.points"]);
  readonly #unit: bigint;
  readonly #measurement: string | undefined;
  /** How many points the batch has so far. */
  #count = 0;
  #members = new Map<string, JsonValue>();
  #points: { line: number; value: JsonValue }[] = [];

  constructor({ unit, measurement }: PointDefaults) {
    this.#unit = unit;
    this.#measurement = measurement;
  }

  element(path: string, value: JsonValue, line: number): void {
    if (path !== "$.points[]") {
      const key = path.slice("$.".length).toLowerCase();
      if (MEMBERS.includes(key)) this.#members.set(key, value);
      return;
    }
    if (++this.#count <= MAX_POINTS) this.#points.push({ line, value });
  }

  end(path: string, line: number, out: InputItem[]): void {
    if (path !== "$") return;
    const points = this.#points, members = this.#members, count = this.#count;
    this.abandon();
    if (count > MAX_POINTS) throw new JsonReason(`the batch has ${count} points; up to ${MAX_POINTS} can be read`);
    // Kapacitor leaves batches without points out too.
    if (points.length > 0) out.push(...this.#batch(members, points, line));
  }

  abandon(): string {
    const lost = this.#count;
    this.#count = 0;
    this.#members = new Map();
    this.#points = [];
    return lost === 0 ? "" : `its batch of ${lost} ${lost === 1 ? "point" : "points"} is left out`;
  }

  #batch(
    members: ReadonlyMap<string, JsonValue>,
    points: readonly { line: number; value: JsonValue }[],
    line: number,
  ): InputItem[] {
    const member = (key: string) => members.get(key) ?? undefined;
    const nameGiven = member("name"), groupGiven = member("group"), tmaxGiven = member("tmax");
    const name = nameGiven === undefined ? this.#measurement : stringOf(nameGiven, "name");
    if (name === undefined) throw new JsonReason("the batch has no name, and no measurement is given");
    const group = groupGiven === undefined ? "" : stringOf(groupGiven, "group");
    const tags = tagsOf(member("tags") ?? null);
    const byName = member("byname") === true;
    const dimensions = [...tags.keys()].sort();
    const items: InputItem[] = [];
    let latest: bigint | undefined;
    for (const { line, value } of points) {
      const point = objectOf(value, "a point");
      const fields = new FieldMaps();
      for (const [key, value] of objectOf(point.get("fields") ?? new Map(), "fields")) {
        if (value instanceof JsonNumber && value.isInteger) fields.setDouble(key, Number(value.text));
        else setJsonField(fields, key, value);
      }
      const time = jsonTime(point.get("time") ?? null, "the time of a point", this.#unit);
      if (latest === undefined || time > latest) latest = time;
      const own = tagsOf(point.get("tags") ?? null);
      const read = new Point({
        time,
        name,
        group,
        tags: own.size > 0 ? own : new Map(tags),
        dimensions,
        byName,
        ...fields,
      });
      items.push({ kind: "point", line, point: read });
    }
    const recorded = tmaxGiven === undefined || tmaxGiven === NO_TIME
      ? undefined
      : jsonTime(tmaxGiven, "tmax", this.#unit);
    const tmax = recorded === undefined || recorded < latest! ? latest! : recorded;
    return [
      { kind: "begin", line: points[0].line, begin: { name, group, tags, size: BigInt(points.length), byName } },
      ...items,
      { kind: "end", line, end: { name, group, tags, tmax, byName } },
    ];
  }
}
