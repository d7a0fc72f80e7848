import { terminalText } from "../../base/terminal_text.ts";
import { formatCount } from "../../base/units.ts";
import { Batcher, type PointOrBatch } from "../batcher.ts";
import type { BeginBatch, EndBatch } from "../messages.ts";
import type { FieldValue, Point } from "../point.ts";
import { Alignment, type Pair } from "../recording/alignment.ts";
import { pointIdentity, pointText, sameValue, valueText } from "../recording/difference.ts";
import type { NumberTolerance } from "./case_file.ts";
import { ANY_TIME, type CaseItem } from "./points.ts";

/** What is not as expected. Texts are safe to print. */
export interface CaseProblem {
  /** Where the expectation stands in the file of cases, from 1. */
  readonly line: number;
  /** In one sentence. */
  readonly message: string;
  /** The expected point. */
  readonly expected?: string;
  /** What came in its place. */
  readonly actual?: string;
}

/** How actual points are compared with expected ones. */
export interface CompareRules {
  readonly tolerance: NumberTolerance;
  /** ns of a unit of time, as it is shown. */
  readonly unit: bigint;
}

/** A point or a batch, expected or not. */
export interface ComparedItem {
  readonly point?: Point;
  readonly batch?: { readonly begin: BeginBatch; readonly points: readonly ComparedItem[]; readonly end: EndBatch };
  /** Whether the beginning and the end of an expected batch are spelled out. */
  readonly spelled?: boolean;
  /** Of what is expected: where it stands. */
  readonly line?: number;
  /** Of a point in a batch: it has the name. */
  readonly begin?: BeginBatch;
}

/** Returns the item of what came. */
export function observed(output: PointOrBatch): ComparedItem {
  if (output.kind === "point") return { point: output.point };
  const { begin, end } = output.batch;
  return { batch: { begin, end, points: inBatch(output.batch) } };
}

/** The points of a batch that came. */
export function inBatch({ begin, points }: { begin: BeginBatch; points: readonly Point[] }): PointItem[] {
  return points.map((point) => ({ point, begin }));
}

/** A point. */
export type PointItem = ComparedItem & { readonly point: Point };

/** Expected points one by one; batches where they are spelled out. */
export function comparedPoints(items: readonly CaseItem[]): ComparedItem[] {
  const found: ComparedItem[] = [];
  let open: { begin: BeginBatch; line: number; points: ComparedItem[] } | undefined;
  for (const item of items) {
    if (item.kind === "begin") open = { begin: item.begin, line: item.line, points: [] };
    else if (item.kind === "end" && open !== undefined) {
      const { begin, points, line } = open;
      found.push({ batch: { begin, points, end: item.end }, spelled: true, line });
      open = undefined;
    } else if (item.kind === "point") {
      const { point, line } = item;
      if (open === undefined) found.push({ point, line });
      else open.points.push({ point, line, begin: open.begin });
    }
  }
  return found;
}

/** Expected points as batches: those that are spelled out, and those that blank lines end. */
export function batchesOf(items: readonly CaseItem[]): ComparedItem[] {
  const found: ComparedItem[] = [];
  const batcher = new Batcher();
  /** The points that the batcher has. */
  let waiting: PointItem[] = [];
  const close = (batches: ReturnType<Batcher["flush"]>) => {
    for (const { begin, end } of batches) {
      const points = waiting.filter(({ point }) => point.name === begin.name && point.group === begin.group);
      found.push({ batch: { begin, end, points: points.map((item) => ({ ...item, begin })) }, line: points[0]?.line });
    }
    waiting = [];
  };
  let spelled: CaseItem[] = [];
  for (const item of items) {
    if (item.kind === "begin") {
      close(batcher.flush());
      spelled = [item];
    } else if (spelled.length > 0) {
      spelled.push(item);
      if (item.kind !== "end") continue;
      found.push(...comparedPoints(spelled));
      spelled = [];
    } else if (item.kind === "point") {
      waiting.push({ point: item.point, line: item.line });
      batcher.point(item.point);
    } else if (item.kind === "boundary") close(batcher.boundary());
  }
  close(batcher.flush());
  return found;
}

export /** Finds what differs between two lists, in their order. */
function align(
  expected: readonly ComparedItem[],
  actual: readonly ComparedItem[],
  rules: CompareRules,
  onDifference: (pair: Pair<ComparedItem>) => void,
): void {
  const alignment = new Alignment<ComparedItem>({
    same: (a, b) => differences(a, b, rules).length === 0,
    identity: (item) => comparedIdentity(item),
    onDifference,
  });
  for (const item of expected) alignment.expected(item);
  for (const item of actual) alignment.actual(item);
  alignment.end();
}

/** As {@linkcode align}, whatever the order of both. */
export function alignAnyOrder(
  expected: readonly ComparedItem[],
  actual: readonly ComparedItem[],
  rules: CompareRules,
  onDifference: (pair: Pair<ComparedItem>) => void,
): void {
  const left = Map.groupBy(actual.map((item, index) => ({ item, index })), ({ item }) => comparedIdentity(item, true));
  const take = (item: ComparedItem, wanted: (other: ComparedItem) => boolean) => {
    const same = left.get(comparedIdentity(item, true)) ?? [];
    const found = same.findIndex(({ item }) => wanted(item));
    return found < 0 ? undefined : same.splice(found, 1)[0].item;
  };
  const missing = [...expected.entries()].filter(([, item]) =>
    take(item, (other) => differences(item, other, rules).length === 0) === undefined
  );
  for (const [index, item] of missing) {
    onDifference({
      index,
      expected: item,
      actual: take(item, (other) => comparedIdentity(item) === comparedIdentity(other)),
    });
  }
  for (const { item, index } of [...left.values()].flat().sort((a, b) => a.index - b.index)) {
    onDifference({ index, actual: item });
  }
}

/** @param timeless whether points of all times are alike */
export function comparedIdentity({ point, batch, begin }: ComparedItem, timeless = false): string {
  if (point !== undefined && !timeless && point.time !== ANY_TIME) return pointIdentity(point);
  const [name, tags] = point !== undefined
    ? [point.name || begin?.name, point.tags]
    : [batch!.begin.name, new Map<string, string>()];
  return JSON.stringify([point === undefined, name, [...tags].sort(([a], [b]) => a < b ? -1 : 1)]);
}

/** What differs between an expected item and what came in its place, in clauses. */
function differences(expected: ComparedItem, actual: ComparedItem, rules: CompareRules): string[] {
  if (expected.batch !== undefined && actual.batch !== undefined) return batchDifferences(expected, actual, rules);
  if (expected.point === undefined || actual.point === undefined) {
    return [expected.point === undefined ? "a point came, expected a batch" : "a batch came, expected a point"];
  }
  return pointDifferences(expected as PointItem, actual as PointItem, rules);
}

function batchDifferences(expected: ComparedItem, actual: ComparedItem, rules: CompareRules): string[] {
  const { begin, end, points } = expected.batch!;
  const other = actual.batch!;
  const clauses: string[] = [];
  if (begin.name !== other.begin.name) clauses.push(clause("name", other.begin.name, begin.name));
  if (expected.spelled) {
    if (end.tmax !== ANY_TIME && end.tmax !== other.end.tmax) {
      clauses.push(timeClause("tmax", other.end.tmax, end.tmax, rules.unit));
    }
    clauses.push(...mapDifferences("tag ", begin.tags, other.begin.tags));
    if (begin.group !== "" && begin.group !== other.begin.group) {
      clauses.push(clause("group", other.begin.group, begin.group));
    }
    if (begin.byName && !other.begin.byName) clauses.push(clause("byName", false, true));
  }
  if (points.length !== other.points.length) {
    clauses.push(`it has ${formatCount(other.points.length, "point")}, expected ${points.length}`);
  }
  align(points, other.points, rules, ({ index, expected, actual }) => {
    if (expected !== undefined && actual !== undefined) {
      clauses.push(`its point ${index + 1}: ${differences(expected, actual, rules).join(", ")}`);
    } else if (expected !== undefined) {
      clauses.push(`its point ${index + 1} did not come: ${comparedText(expected, rules.unit)}`);
    } else clauses.push(`its point ${index + 1} was not expected: ${comparedText(actual!, rules.unit)}`);
  });
  return clauses;
}

function pointDifferences(expected: PointItem, actual: PointItem, rules: CompareRules): string[] {
  const wanted = expected.point, came = actual.point;
  const clauses: string[] = [];
  // Points of batches have their name in its beginning.
  if (wanted.name !== "" && actual.begin === undefined && wanted.name !== came.name) {
    clauses.push(clause("name", came.name, wanted.name));
  }
  if (wanted.time !== ANY_TIME && wanted.time !== came.time) {
    clauses.push(timeClause("time", came.time, wanted.time, rules.unit));
  }
  clauses.push(...mapDifferences("tag ", wanted.tags, came.tags));
  clauses.push(...mapDifferences("", new Map(wanted.fields()), new Map(came.fields()), rules.tolerance));
  for (const key of ["group", "database", "retentionPolicy"] as const) {
    if (wanted[key] !== "" && wanted[key] !== came[key]) clauses.push(clause(key, came[key], wanted[key]));
  }
  if (wanted.byName && !came.byName) clauses.push(clause("byName", false, true));
  if (wanted.dimensions.length > 0 && wanted.dimensions.join("\n") !== came.dimensions.join("\n")) {
    clauses.push(clause("dimensions", came.dimensions.join(","), wanted.dimensions.join(",")));
  }
  return clauses;
}

function mapDifferences<T extends FieldValue>(
  prefix: string,
  expected: ReadonlyMap<string, T>,
  actual: ReadonlyMap<string, T>,
  { absolute, relative }: NumberTolerance = { absolute: 0, relative: 0 },
): string[] {
  const clauses: string[] = [];
  for (const [name, value] of expected) {
    const came = actual.get(name);
    if (came === undefined) clauses.push(`${prefix}${terminalText(name)} is missing, expected ${valueText(value)}`);
    else if (!sameValue(value, came, absolute, relative)) {
      clauses.push(clause(prefix + terminalText(name), came, value));
    }
  }
  for (const [name, value] of actual) {
    if (!expected.has(name)) clauses.push(`${prefix}${terminalText(name)} is ${valueText(value)}, expected none`);
  }
  return clauses;
}

function clause(what: string, came: FieldValue, expected: FieldValue): string {
  return `${what} is ${valueText(came)}, expected ${valueText(expected)}`;
}

function timeClause(what: string, came: bigint, expected: bigint, unit: bigint): string {
  return `${what} is ${timeText(came, unit)}, expected ${timeText(expected, unit)}`;
}

/** Formats a time in a unit; a time that is no whole number of units is in ns, and marked as such. */
export function timeText(time: bigint, unit: bigint): string {
  return time % unit === 0n ? String(time / unit) : `${time}ns`;
}

/** Describes what differs between an expected item and what came. */
export function problemOf(
  { index, expected, actual }: Pair<ComparedItem>,
  line: number,
  rules: CompareRules,
): CaseProblem {
  const item = (expected ?? actual)!;
  const what = `${item.batch === undefined ? "point" : "batch"} ${index + 1}`;
  const place = expected?.line ?? line;
  const texts = {
    expected: expected && comparedText(expected, rules.unit),
    actual: actual && comparedText(actual, rules.unit),
  };
  if (actual === undefined) return { line: place, message: `${what} did not come`, ...texts };
  if (expected === undefined) return { line: place, message: `${what} was not expected`, ...texts };
  const clauses = differences(expected, actual, rules);
  const more = clauses.length > 3 ? [`and ${clauses.length - 3} more`] : [];
  return { line: place, message: `${what}: ${[...clauses.slice(0, 3), ...more].join("; ")}`, ...texts };
}

/** An item on one line; an expected time that may be any is left out. */
export function comparedText({ point, batch, begin }: ComparedItem, unit: bigint): string {
  if (point !== undefined) {
    const time = point.time === ANY_TIME ? "" : ` ${timeText(point.time, unit)}`;
    return pointText(point, begin).replace(/ -?\d+$/, time);
  }
  const { begin: { name }, points } = batch!;
  const shown = points.slice(0, 3).map((item) => comparedText(item, unit)).join(" | ");
  return `batch ${terminalText(JSON.stringify(name))} of ${formatCount(points.length, "point")}${
    shown && `: ${shown}`
  }` +
    (points.length > 3 ? " | ..." : "");
}
