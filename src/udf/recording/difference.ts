import { groupOfBatch, groupOfPoint } from "../group.ts";
import type { Batch } from "../batcher.ts";
import type { BeginBatch, InfoResponse, Response } from "../messages.ts";
import type { FieldValue, Point } from "../point.ts";
import { terminalText } from "../../base/terminal_text.ts";
import { textOf } from "../../wire/text_writer.ts";
import { LineProtocolWriter } from "../format/line_protocol_writer.ts";
import { Alignment } from "./alignment.ts";
import { contentText } from "./message_text.ts";

/** A response as it is compared: a batch is one. */
export type ResponseItem =
  | Exclude<Response, { kind: "keepalive" | "begin" | "end" | "point" }>
  /** `bytes`: the message as it came, where that is known; equal bytes are equal points. */
  | { kind: "point"; point: Point; bytes?: Uint8Array }
  | { kind: "batch"; batch: Batch }
  /** Beginning, points and end that do not fit each other. */
  | { kind: "broken batch"; reason: string; points: Point[] };

/** Puts the batches of one direction together. */
export class ResponseCollector {
  #begin: BeginBatch | undefined;
  #points: Point[] = [];

  /** What a response completes; keepalives complete nothing. */
  *add(response: Response, bytes?: Uint8Array): Generator<ResponseItem, void, void> {
    switch (response.kind) {
      case "keepalive":
        return;
      case "begin":
        yield* this.end();
        this.#begin = response.begin;
        return;
      case "point":
        if (this.#begin === undefined) yield { kind: "point", point: response.point, bytes };
        else this.#points.push(response.point);
        return;
      case "end": {
        const begin = this.#begin;
        const points = this.#points;
        this.#begin = undefined;
        this.#points = [];
        if (begin === undefined) yield { kind: "broken batch", reason: "an end without a beginning", points: [] };
        else yield { kind: "batch", batch: { begin, points, end: response.end } };
        return;
      }
      default:
        yield response;
    }
  }

  /** What is left at the end of the output: a batch that has no end. */
  *end(): Generator<ResponseItem, void, void> {
    if (this.#begin === undefined) return;
    const { name } = this.#begin;
    yield { kind: "broken batch", reason: `batch ${JSON.stringify(name)} without an end`, points: this.#points };
    this.#begin = undefined;
    this.#points = [];
  }
}

/**
 * The group of a point or batch: as the UDF names it, else as Kapacitor computes it; undefined for
 * answers.
 */
export function groupOfItem(item: ResponseItem): string | undefined {
  if (item.kind === "point") return item.point.group || groupOfPoint(item.point);
  if (item.kind === "batch") return item.batch.begin.group || groupOfBatch(item.batch.begin, item.batch.end);
}

/** What distinguishes an item from its neighbours, whatever its fields are: the time, name and tags of data. */
export function identityOf(item: ResponseItem): string {
  if (item.kind === "point") return pointIdentity(item.point);
  if (item.kind !== "batch") return item.kind;
  const { name, tmax, tags } = item.batch.end;
  return JSON.stringify([item.kind, name, String(tmax), sorted(tags)]);
}

/** As {@linkcode identityOf}, for a point. */
export function pointIdentity(point: Point): string {
  return JSON.stringify([point.name, String(point.time), sorted(point.tags)]);
}

function sorted(tags: Map<string, string>): [string, string][] {
  return [...tags].sort(([a], [b]) => a < b ? -1 : 1);
}

/** The maximum number of points of one batch that a difference shows. */
const SHOWN_POINTS = 5;

/** What counts as the same. */
export interface Tolerance {
  /**
   * Numbers a and b are the same if |a - b| is at most this, or at most this times the larger of |a| and |b|; 0: only
   * if equal.
   */
  tolerance: number;
  /** Snapshots are the same whatever they hold. */
  ignoreSnapshots: boolean;
}

/** Whether two responses are the same. Maps have no order; NaN is NaN; an int64 is never a double. */
export function sameItem(expected: ResponseItem, actual: ResponseItem, options: Tolerance): boolean {
  if (expected.kind === "point" && actual.kind === "point" && sameBytes(expected.bytes, actual.bytes)) return true;
  return explain(expected, actual, options).length === 0;
}

function sameBytes(expected: Uint8Array | undefined, actual: Uint8Array | undefined): boolean {
  if (expected === undefined || expected.length !== actual?.length) return false;
  for (let i = 0; i < expected.length; i++) if (expected[i] !== actual[i]) return false;
  return true;
}

/** What differs between two responses, each on a line that is safe to print; empty where nothing differs. */
export function explain(expected: ResponseItem, actual: ResponseItem, options: Tolerance): string[] {
  if (expected.kind === "point" && actual.kind === "point") {
    return explainPoint(expected.point, actual.point, options.tolerance);
  }
  if (expected.kind === "batch" && actual.kind === "batch") {
    const { begin, end, points } = expected.batch;
    const other = actual.batch;
    return [
      ...explainKeys("begin.", begin, other.begin, ["name", "group", "size", "byName"], options.tolerance),
      ...explainMap("begin.tags.", begin.tags, other.begin.tags),
      ...explainKeys("end.", end, other.end, ["name", "group", "tmax", "byName"], options.tolerance),
      ...explainMap("end.tags.", end.tags, other.end.tags),
      ...explainPoints(points, other.points, begin, options.tolerance),
    ];
  }
  if (expected.kind === "snapshot" && actual.kind === "snapshot") {
    return options.ignoreSnapshots ? [] : explainBytes(expected.snapshot, actual.snapshot);
  }
  if (expected.kind === "info" && actual.kind === "info") return explainInfo(expected.info, actual.info);
  const before = itemText(expected), after = itemText(actual);
  return before === after ? [] : [change(expected.kind === actual.kind ? expected.kind : "kind", before, after)];
}

/** A response on one line: points as line protocol where that can hold them, else as JSON. */
export function itemText(item: ResponseItem): string {
  if (item.kind === "point") return pointText(item.point);
  if (item.kind === "broken batch") return terminalText(`${item.reason}, ${item.points.length} points`);
  if (item.kind !== "batch") return `${item.kind} ${terminalText(contentText(item))}`;
  const { begin, points } = item.batch;
  return `batch ${terminalText(contentText({ kind: "begin", begin }))}, ${points.length} points`;
}

/**
 * A point on one line, as {@linkcode itemText} has it.
 *
 * @param begin of the batch that the point is in: it has the name
 */
export function pointText(point: Point, begin?: BeginBatch): string {
  const writer = new LineProtocolWriter();
  if (begin !== undefined) writer.begin(begin);
  const line = textOf((out) => writer.point(point, out)).trimEnd();
  const { points, fields, tags } = writer.losses;
  return terminalText(points + fields + tags === 0 ? line : contentText({ kind: "point", point }));
}

function explainPoint(expected: Point, actual: Point, tolerance: number): string[] {
  return [
    ...explainKeys("", expected, actual, POINT_KEYS, tolerance),
    ...explainLists("dimensions", expected.dimensions, actual.dimensions),
    ...explainMap("tags.", expected.tags, actual.tags),
    ...explainMap("", new Map(expected.fields()), new Map(actual.fields()), tolerance),
  ];
}

const POINT_KEYS = ["time", "name", "database", "retentionPolicy", "group", "byName"] as const;

function explainPoints(expected: Point[], actual: Point[], begin: BeginBatch, tolerance: number): string[] {
  const lines: string[] = [];
  let count = 0;
  const alignment = new Alignment<Point>({
    same: (a, b) => explainPoint(a, b, tolerance).length === 0,
    identity: pointIdentity,
    onDifference({ index, expected, actual }) {
      if (++count > SHOWN_POINTS) return;
      if (expected === undefined) lines.push(`point ${index + 1} is new: ${pointText(actual!, begin)}`);
      else if (actual === undefined) lines.push(`point ${index + 1} is missing: ${pointText(expected, begin)}`);
      else {
        lines.push(
          `point ${index + 1}: - ${pointText(expected, begin)}`,
          `point ${index + 1}: + ${pointText(actual, begin)}`,
        );
        for (const line of explainPoint(expected, actual, tolerance)) lines.push(`point ${index + 1}: ${line}`);
      }
    },
  });
  for (const point of expected) alignment.expected(point);
  for (const point of actual) alignment.actual(point);
  alignment.end();
  if (count > SHOWN_POINTS) lines.push(`and ${count - SHOWN_POINTS} more points of this batch`);
  return lines;
}

function explainInfo(expected: InfoResponse, actual: InfoResponse): string[] {
  return [
    ...explainKeys("", expected, actual, ["wants", "provides"], 0),
    ...explainMap("options.", typesOf(expected), typesOf(actual)),
  ];
}

function typesOf({ options }: InfoResponse): Map<string, string> {
  return new Map(Array.from(options, ([name, types]) => [name, `(${types.join(", ")})`]));
}

function explainKeys<K extends string>(
  prefix: string,
  expected: { [key in K]: FieldValue },
  actual: { [key in K]: FieldValue },
  keys: readonly K[],
  tolerance: number,
): string[] {
  return keys
    // Times and sizes are no measured numbers.
    .filter((key) => !sameValue(expected[key], actual[key], typeof expected[key] === "bigint" ? 0 : tolerance))
    .map((key) => change(prefix + key, valueText(expected[key]), valueText(actual[key])));
}

function explainMap<T extends FieldValue>(
  prefix: string,
  expected: Map<string, T>,
  actual: Map<string, T>,
  tolerance = 0,
): string[] {
  const lines: string[] = [];
  for (const [name, value] of expected) {
    const other = actual.get(name);
    if (other === undefined) lines.push(change(prefix + terminalText(name), valueText(value), "(none)"));
    else if (!sameValue(value, other, tolerance)) {
      lines.push(change(prefix + terminalText(name), valueText(value), valueText(other)));
    }
  }
  for (const [name, value] of actual) {
    if (!expected.has(name)) lines.push(change(prefix + terminalText(name), "(none)", valueText(value)));
  }
  return lines;
}

function explainLists(what: string, expected: string[], actual: string[]): string[] {
  const before = JSON.stringify(expected), after = JSON.stringify(actual);
  return before === after ? [] : [change(what, terminalText(before), terminalText(after))];
}

function explainBytes(expected: Uint8Array, actual: Uint8Array): string[] {
  const length = Math.min(expected.length, actual.length);
  let same = 0;
  while (same < length && expected[same] === actual[same]) same++;
  if (same === expected.length && same === actual.length) return [];
  return [`the first ${same} bytes are the same, of ${expected.length} before and ${actual.length} now`];
}

/**
 * Whether two values are the same; numbers within the tolerance.
 *
 * @param tolerance how far numbers may differ, absolutely
 * @param relative how far they may differ, as a part of the larger magnitude of both
 */
export function sameValue(
  expected: FieldValue,
  actual: FieldValue,
  tolerance: number,
  relative: number = tolerance,
): boolean {
  if (Object.is(expected, actual)) return true;
  if (tolerance === 0 && relative === 0 || typeof expected !== typeof actual) return false;
  if (typeof expected !== "number" && typeof expected !== "bigint") return false;
  const a = Number(expected), b = Number(actual);
  const distance = typeof expected === "bigint" ? Number(expected - (actual as bigint)) : a - b;
  const most = Math.max(tolerance, relative * Math.max(Math.abs(a), Math.abs(b)));
  return Math.abs(distance) <= most && Number.isFinite(distance);
}

/** A value on one line that is safe to print: an int64 ends in `i`, a text is quoted. */
export function valueText(value: FieldValue): string {
  if (typeof value === "bigint") return `${value}i`;
  if (typeof value === "string") return terminalText(JSON.stringify(value));
  return Object.is(value, -0) ? "-0" : String(value);
}

function change(what: string, before: string, after: string): string {
  return `${what}: ${before} -> ${after}`;
}
