import type { BeginBatch, EndBatch } from "./messages.ts";
import type { Point } from "./point.ts";

/** What decides the group of a point or a batch. */
export interface GroupKey {
  /** The measurement. */
  name: string;
  /** Whether the name is part of the group. */
  byName: boolean;
  /** The tags that make the group, in the order of the id. */
  dimensions: readonly string[];
  tags: ReadonlyMap<string, string>;
}

/** The dimension that stands for every tag a point has. */
const ALL_TAGS = "*";

/**
 * Returns the id of a group as Kapacitor makes it: `k=v` for each dimension, joined by commas, after the name and a
 * newline if the group is by name. Nothing is escaped; an absent tag gives `k=`. Without dimensions it is the name or
 * empty.
 *
 * Source: `models.ToGroupID` of Kapacitor.
 *
 * @example
 * ```ts
 * import { groupId } from "./group.ts";
 * const key = { name: "cpu", byName: true, dimensions: ["host"], tags: new Map([["host", "a"]]) };
 * console.assert(groupId(key) === "cpu\nhost=a");
 * ```
 */
export function groupId({ name, byName, dimensions, tags }: GroupKey): string {
  return idOf(name, byName, dimensions, (dimension) => tags.get(dimension));
}

function idOf(
  name: string,
  byName: boolean,
  dimensions: readonly string[],
  tag: (name: string) => string | undefined,
): string {
  if (dimensions.length === 0) return byName ? name : "";
  let id = byName ? name + "\n" : "";
  for (let i = 0; i < dimensions.length; i++) {
    if (i > 0) id += ",";
    id += dimensions[i] + "=" + (tag(dimensions[i]) ?? "");
  }
  return id;
}

/**
 * Returns the dimensions in the order of their UTF-8 bytes, each once: the order of Kapacitor's groupBy.
 *
 * @example
 * ```ts
 * import { sortDimensions } from "./group.ts";
 * console.assert(sortDimensions(["b", "a", "b"]).join() === "a,b");
 * ```
 */
export function sortDimensions(dimensions: Iterable<string>): string[] {
  return [...new Set(dimensions)].sort(compareUtf8);
}

/**
 * Puts a point into its group: sets `dimensions`, `byName` (to false) and `group`.
 *
 * @param groupBy names of tags, in any order; `*` stands for all tags of the point
 */
export function assignGroup(point: Point, groupBy: readonly string[]): void {
  const names = groupBy.includes(ALL_TAGS) ? [...point.tags.keys()] : groupBy;
  // Sorting costs more than a look at what is nearly always sorted already.
  const dimensions = isSorted(names) ? [...names] : sortDimensions(names);
  point.dimensions = dimensions;
  point.byName = false;
  point.group = idOf("", false, dimensions, (name) => point.tag(name));
}

/**
 * Returns the group that Kapacitor computes for a point of a stream that a UDF sent back. Kapacitor ignores the point's
 * own
 * `group`, so where the two differ the author of the UDF is about to be surprised.
 */
export function groupOfPoint(point: Point): string {
  const dimensions = point.dimensionNames;
  const byName = point.byName;
  return idOf(byName ? point.name : "", byName, dimensions, (name) => point.tag(name));
}

/**
 * Returns the group that Kapacitor computes for a batch that a UDF sent back: from the name and the sorted tags of the
 * end, and from byName of the begin. Kapacitor ignores `group` in both.
 */
export function groupOfBatch(begin: Pick<BeginBatch, "byName">, end: Pick<EndBatch, "name" | "tags">): string {
  return groupId({
    name: end.name,
    byName: begin.byName,
    dimensions: sortDimensions(end.tags.keys()),
    tags: end.tags,
  });
}

/**
 * Returns the tags of a point's group: its dimensions with their values, empty where the point lacks the tag. The group
 * of a batch is computed from these tags.
 */
export function groupTags(point: Point): Map<string, string> {
  const tags = new Map<string, string>();
  for (const dimension of point.dimensions) tags.set(dimension, point.tags.get(dimension) ?? "");
  return tags;
}

function isSorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if (compareUtf8(names[i - 1], names[i]) >= 0) return false;
  return true;
}

/** Compares as the UTF-8 bytes would: like UTF-16 units, but for surrogates, which belong above U+FFFF. */
function compareUtf8(left: string, right: string): number {
  const a = left.toWellFormed(), b = right.toWellFormed(); // a lone surrogate goes out as U+FFFD
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i), y = b.charCodeAt(i);
    if (x === y) continue;
    const xAstral = (x & 0xf800) === 0xd800, yAstral = (y & 0xf800) === 0xd800;
    return xAstral === yAstral ? x - y : xAstral ? 1 : -1;
  }
  return a.length - b.length;
}
