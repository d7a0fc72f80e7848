import type { BadLine, InputItem } from "../format/input_item.ts";
import { JsonLinesWriter } from "../format/json_lines_writer.ts";
import { LineProtocolWriter } from "../format/line_protocol_writer.ts";
import { readPoints } from "../format/point_reader.ts";
import type { PointWriter } from "../format/point_writer.ts";
import { formatRfc3339, nanosecondsOf, type Precision } from "../format/timestamp.ts";
import { Point } from "../point.ts";
import type { PointOrBatch } from "../batcher.ts";
import type { PointFileConfig } from "./schema.ts";
import { textOf } from "../../wire/text_writer.ts";

/** What input is made of, with its lines in the file of cases, or in the file of points. */
export type CaseItem = Exclude<InputItem, BadLine>;

/** Points of a case: those that stand in it, or those of a file. */
export type CasePoints = { readonly items: readonly CaseItem[] } | { readonly file: PointFileConfig };

/** The time of expected points that have none: any will do. */
export const ANY_TIME: bigint = -(2n ** 63n);

/** A text of points, with the line in the file of cases that each of its lines stands in. */
export interface PointText {
  readonly text: string;
  lineOf(line: number): number;
}

/** How a text of points is read. */
export interface PointTextOptions {
  readonly precision: Precision;
  /** Gives the time of each point that has none. */
  readonly now: () => bigint;
  readonly onBad: (line: number, message: string) => void;
}

/** Reads points that stand in a case: JSON lines where the text begins with a brace, else line protocol. */
export async function parsePoints({ text, lineOf }: PointText, options: PointTextOptions): Promise<CaseItem[]> {
  const { precision, now, onBad } = options;
  const items: CaseItem[] = [];
  const stream = new Blob([text.endsWith("\n") ? text : text + "\n"]).stream();
  for await (const piece of readPoints({ format: isJsonLines(text) ? "json" : "line", precision, now }, stream)) {
    for (const item of piece) {
      const line = lineOf(item.line);
      if (item.kind === "bad") onBad(line, `${item.reason}${item.text === "" ? "" : `: ${item.text}`}`);
      // What is kept must not refer to what is read next.
      else items.push(item.kind === "point" ? { kind: "point", line, point: item.point.copy() } : { ...item, line });
    }
  }
  return items;
}

/** Whether a text of points is JSON lines: no measurement begins with a brace. */
export function isJsonLines(text: string): boolean {
  return /^\s*\{/.test(text);
}

/**
 * Writes an object of a list of points as a line of JSON, in which a number without decimals is an int64.
 *
 * @param value has int64 as bigint
 */
export function jsonOf(value: unknown): string {
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return `"${value}"`;
    if (Object.is(value, -0)) return "-0.0";
    return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
  }
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}:${jsonOf(inner)}`).join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}

/** What is no part of a line in YAML: controls, and what ends lines in other ways. */
// deno-lint-ignore no-control-regex -- these are what a text of YAML cannot hold
const UNPRINTABLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|\p{Surrogate}/u;

/**
 * Writes what a UDF sent as it stands in a case: line protocol, with a blank line behind each batch, where that holds
 * all of it; else JSON lines.
 *
 * @returns lines, each with its end; empty where nothing came
 */
export function outputText(output: readonly PointOrBatch[], precision: Precision): string {
  const line = new LineProtocolWriter();
  const text = write(output, precision, line).replace(/\n+$/, "\n");
  const { points, fields, tags } = line.losses;
  const isWhole = points + fields + tags === 0 && output.every(isPlain);
  // A blank line ends batches of all groups and names: without it, or in it, two would be one.
  if (isWhole && !UNPRINTABLE.test(text) && isOnTheGrid(output, precision) && !/^\s*[{#]/.test(text)) return text;
  return write(output, precision, new JsonLinesWriter());
}

/** Whether line protocol holds all but the name, the time, tags and fields, and there is nothing else to hold. */
function isPlain(item: PointOrBatch): boolean {
  if (item.kind === "point") return !multiline(item.point);
  const { points } = item.batch;
  return points.length > 0 && !points.some(multiline);
}

/** A text over several lines would look like several points. */
function multiline(point: Point): boolean {
  return point.fieldsString.values().some((value) => value.includes("\n"));
}

function isOnTheGrid(output: readonly PointOrBatch[], precision: Precision): boolean {
  const unit = nanosecondsOf(precision);
  return output.every((item) =>
    (item.kind === "point" ? [item.point] : item.batch.points).every(({ time }) => time % unit === 0n)
  );
}

function write(output: readonly PointOrBatch[], precision: Precision, writer: PointWriter): string {
  const unit = nanosecondsOf(precision);
  const inLine = writer instanceof LineProtocolWriter;
  // Times are those of the writer, in its unit; JSON lines have another form for what lies between.
  const scaled = (text: string, time: bigint) => {
    if (unit === 1n) return text;
    if (inLine) return text.replace(/ -?\d+\n$/, ` ${time / unit}\n`);
    const shown = time % unit === 0n ? String(time / unit) : JSON.stringify(formatRfc3339(time));
    return text.replace(/"(time|tmax)":-?\d+(?=[,}])/, (_, key) => `"${key}":${shown}`);
  };
  let text = "";
  for (const item of output) {
    if (item.kind === "point") {
      text += scaled(textOf((out) => writer.point(judged(item.point), out)), item.point.time);
      continue;
    }
    const { begin, points, end } = item.batch;
    text += textOf((out) => writer.begin({ ...begin, size: 0n, group: "" }, out));
    for (const point of points) text += scaled(textOf((out) => writer.point(judged(point, true), out)), point.time);
    text += scaled(textOf((out) => writer.end({ ...end, group: "" }, out)), end.tmax);
  }
  return text;
}

/** A point with what cases judge unless they name more: what a UDF decides, and not where its input came from. */
function judged(
  { name, time, tags, fieldsDouble, fieldsInt, fieldsString, fieldsBool }: Point,
  inBatch = false,
): Point {
  return new Point({ name: inBatch ? "" : name, time, tags, fieldsDouble, fieldsInt, fieldsString, fieldsBool });
}
