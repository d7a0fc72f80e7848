import { TineError } from "../../base/errors.ts";
import type { Point } from "../point.ts";
import type { InputItem } from "./input_item.ts";

/** Points that are joined at most. */
const DEFAULT_MAX_POINTS = 2_000_000;

/** Points in a list. */
const LIST = 1000;

/**
 * Joins points of the same series and time into one with the fields of all, as `pivot()` of Flux does: exports of
 * InfluxDB have a row or a line for each field. Of a field that comes twice, the last value counts.
 *
 * @example
 * ```ts
 * import { Point } from "../point.ts";
 * import { Pivot } from "./pivot.ts";
 * const pivot = new Pivot();
 * pivot.take({ kind: "point", line: 1, point: new Point({ name: "cpu", fieldsDouble: new Map([["user", 1]]) }) });
 * pivot.take({ kind: "point", line: 2, point: new Point({ name: "cpu", fieldsDouble: new Map([["idle", 9]]) }) });
 * const [[item]] = pivot.end();
 * console.assert(item.kind === "point" && [...item.point.fields()].length === 2);
 * ```
 */
export class Pivot {
  readonly #maxPoints: number;
  /** The points by what must be equal. */
  readonly #points = new Map<string, { line: number; point: Point }>();

  #inBatch = false;

  /** @param maxPoints how many points are kept at most, since any line of the input may belong to any of them */
  constructor(maxPoints: number = DEFAULT_MAX_POINTS) {
    this.#maxPoints = maxPoints;
  }

  /**
   * Takes an item.
   *
   * @returns whether it is kept; bad lines and batches are not
   * @throws {TineError} `too-many-points`
   */
  take(item: InputItem): boolean {
    if (item.kind === "begin" || item.kind === "end") this.#inBatch = item.kind === "begin";
    if (item.kind === "boundary") return true; // what stood between points is not there any more
    if (item.kind !== "point" || this.#inBatch) return false;
    const { point, line } = item;
    const key = seriesKey(point);
    const kept = this.#points.get(key);
    if (kept !== undefined) {
      addFields(kept.point, point);
      return true;
    }
    if (this.#points.size >= this.#maxPoints) {
      throw new TineError(
        "too-many-points",
        `more than ${this.#maxPoints} points cannot be joined: they have to be in memory; divide the input`,
      );
    }
    // What is kept must not refer to what is read next.
    this.#points.set(key, { line, point: point.copy() });
    return true;
  }

  /** Yields the joined points in the order of their times, in lists. */
  *end(): Generator<InputItem[]> {
    const points = [...this.#points.values()].sort((a, b) =>
      Number(a.point.time > b.point.time) - Number(a.point.time < b.point.time)
    );
    this.#points.clear();
    for (let i = 0; i < points.length; i += LIST) {
      yield points.slice(i, i + LIST).map((kept) => ({ kind: "point", ...kept }));
    }
  }
}

function seriesKey(point: Point): string {
  const tags = [...point.tags].sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify([point.database, point.retentionPolicy, point.name, String(point.time), point.group, tags]);
}

/** Adds the fields of the second point to the first. */
function addFields(to: Point, from: Point): void {
  for (const [field] of from.fields()) {
    to.fieldsDouble.delete(field);
    to.fieldsInt.delete(field);
    to.fieldsString.delete(field);
    to.fieldsBool.delete(field);
  }
  for (const [field, value] of from.fieldsDouble) to.fieldsDouble.set(field, value);
  for (const [field, value] of from.fieldsInt) to.fieldsInt.set(field, value);
  for (const [field, value] of from.fieldsString) to.fieldsString.set(field, value);
  for (const [field, value] of from.fieldsBool) to.fieldsBool.set(field, value);
}
