import type { InputItem } from "../../../src/udf/format/input_item.ts";
import { readPoints, type ReadPointsOptions } from "../../../src/udf/format/point_reader.ts";
import type { PointWriter } from "../../../src/udf/format/point_writer.ts";
import type { BeginBatch, EndBatch } from "../../../src/udf/messages.ts";
import { type FieldValue, Point } from "../../../src/udf/point.ts";
import { textOf } from "../../../src/wire/text_writer.ts";

/** All items of a text that comes in pieces of this many bytes. */
export async function read(
  options: ReadPointsOptions,
  text: string | Uint8Array,
  pieceBytes = 1 << 20,
): Promise<InputItem[]> {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const pieces: Uint8Array[] = [];
  for (let i = 0; i < bytes.length; i += pieceBytes) pieces.push(bytes.subarray(i, i + pieceBytes));
  const items: InputItem[] = [];
  for await (const some of readPoints({ now: () => 42n, ...options }, ReadableStream.from(pieces))) items.push(...some);
  return items;
}

/** The only point of a text. */
export async function readOne(options: ReadPointsOptions, text: string): Promise<Point> {
  const items = await read(options, text);
  const [item] = items;
  if (items.length !== 1 || item.kind !== "point") throw new Error(`not one point: ${JSON.stringify(items[0])}`);
  return item.point;
}

/** The reasons of the bad lines, each with its line number. */
export async function reasons(options: ReadPointsOptions, text: string): Promise<string[]> {
  const items = await read(options, text);
  return items.filter((item) => item.kind === "bad").map((item) => `${item.line}: ${item.reason}`);
}

/** What a writer writes, as text call by call. */
export class Printed {
  constructor(readonly writer: PointWriter) {}

  point(point: Point): string {
    return textOf((out) => this.writer.point(point, out));
  }

  begin(begin: BeginBatch): string {
    return textOf((out) => this.writer.begin(begin, out));
  }

  end(end: EndBatch): string {
    return textOf((out) => this.writer.end(end, out));
  }

  flush(): string {
    return textOf((out) => this.writer.flush(out));
  }
}

/** Everything a point says, to be compared. */
export function plain(point: Point) {
  return {
    time: point.time,
    name: point.name,
    database: point.database,
    retentionPolicy: point.retentionPolicy,
    group: point.group,
    dimensions: point.dimensions,
    tags: point.tags,
    fieldsDouble: point.fieldsDouble,
    fieldsInt: point.fieldsInt,
    fieldsString: point.fieldsString,
    byName: point.byName,
    fieldsBool: point.fieldsBool,
  };
}

/** Random numbers that are the same in each run (mulberry32). */
export function seeded(seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 0x100000000;
  };
}

const PARTS = [
  ..."ab01,= \"\\#'{}[]:\t",
  "é",
  "温",
  "😀",
  "NaN",
  "Infinity",
  "__proto__",
  "constructor",
  "\ufffd",
  "\u009b",
  "\u2028",
];

/** Text that formats have to take care with. */
export function awkwardText(random: () => number, parts: readonly string[] = PARTS): string {
  let text = "";
  for (let n = Math.floor(random() * 5); n > 0; n--) text += parts[Math.floor(random() * parts.length)];
  return text;
}

const DOUBLES = [0, -0, 1, -1, 0.1, 1e21, 1e-7, 1e308, 5e-324, 2 ** 53, -123456789.123456789];
const INTS = [0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), 9_000_000_000_000_001n, 10n ** 18n];

export interface AwkwardOptions {
  /** What names and tag values are made of. */
  name: () => string;
  text: () => string;
  doubles?: readonly number[];
}

/** A point with awkward names and values; it has a field at least. */
export function awkwardPoint(random: () => number, { name, text, doubles = [] }: AwkwardOptions): Point {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
  const fields = new Map<string, FieldValue>();
  do {
    const values = [pick([...DOUBLES, ...doubles]), pick(INTS), text(), random() < 0.5];
    fields.set(name(), pick(values));
  } while (random() < 0.6);
  const tags = new Map<string, string>();
  while (random() < 0.6) tags.set(name(), name());
  const point = new Point({ name: name(), time: pick(INTS), tags });
  point.setFields([...fields]);
  return point;
}
