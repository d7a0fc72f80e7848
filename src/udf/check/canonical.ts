import type { PointOrBatch } from "../batcher.ts";
import { groupOfBatch, groupOfPoint } from "../group.ts";
import type { FieldValue, Point } from "../point.ts";

/**
 * Returns a field's value as text, so that equal text means an equal value: types differ, -0 is not 0, all NaN are one.
 */
export function canonicalValue(value: FieldValue): string {
  if (typeof value === "bigint") return `${value}i`;
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  return JSON.stringify(value);
}

/** Everything a point holds, as text; equal text means equal points. */
export function canonicalPoint(point: Point): string {
  const fields = Array.from(point.fields(), ([name, value]): [string, string] => [name, canonicalValue(value)]);
  const { time, name, database, retentionPolicy, group, dimensions, tags, byName } = point;
  return `${name || "point"} at ${time}: ` +
    JSON.stringify([database, retentionPolicy, group, dimensions, byName, sorted(tags), sorted(fields)]);
}

/** Everything that was sent back as a whole, as text. */
export function canonicalText(output: PointOrBatch): string {
  if (output.kind === "point") return canonicalPoint(output.point);
  const { begin, points, end } = output.batch;
  const head = JSON.stringify([begin.group, begin.byName, sorted(begin.tags), end.group, sorted(end.tags)]);
  return `batch ${end.name} at ${end.tmax}: ${head} ${points.map(canonicalPoint).join(" ")}`;
}

/** Texts of outputs by the group that Kapacitor puts them into: order counts within a group only. */
export function outputsByGroup(outputs: readonly PointOrBatch[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const output of outputs) {
    const key = output.kind === "point"
      ? JSON.stringify([output.point.name, groupOfPoint(output.point)])
      : JSON.stringify([output.batch.end.name, groupOfBatch(output.batch.begin, output.batch.end)]);
    const texts = groups.get(key);
    if (texts === undefined) groups.set(key, [canonicalText(output)]);
    else texts.push(canonicalText(output));
  }
  return groups;
}

/** Returns the first difference between outputs, for a person; undefined if they are alike. */
export function firstDifference(
  expected: readonly PointOrBatch[],
  actual: readonly PointOrBatch[],
): { expected: string; came: string } | undefined {
  const wanted = outputsByGroup(expected), got = outputsByGroup(actual);
  for (const key of new Set([...wanted.keys(), ...got.keys()])) {
    const left = wanted.get(key) ?? [], right = got.get(key) ?? [];
    const length = Math.max(left.length, right.length);
    for (let i = 0; i < length; i++) {
      if (left[i] === right[i]) continue;
      const place = `number ${i + 1} of group ${key}`;
      return { expected: `${place}: ${cut(left[i])}`, came: `${place}: ${cut(right[i])}` };
    }
  }
}

function sorted(map: Iterable<readonly [string, string]>): (readonly [string, string])[] {
  return [...map].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}

function cut(text: string | undefined): string {
  return text === undefined ? "nothing" : text.length > 300 ? text.slice(0, 300) + "..." : text;
}
