import { assert, assertEquals } from "@std/assert";
import { JsonLinesWriter } from "../../../src/udf/format/json_lines_writer.ts";
import { LineProtocolWriter } from "../../../src/udf/format/line_protocol_writer.ts";
import type { ReadPointsOptions } from "../../../src/udf/format/point_reader.ts";
import type { Losses, PointWriter } from "../../../src/udf/format/point_writer.ts";
import type { BeginBatch, EndBatch } from "../../../src/udf/messages.ts";
import { type FieldValue, Point } from "../../../src/udf/point.ts";
import { ByteReader } from "../../../src/wire/byte_reader.ts";
import { ByteWriter } from "../../../src/wire/byte_writer.ts";
import { TextWriter } from "../../../src/wire/text_writer.ts";
import { plain, read, seeded } from "./samples.ts";

type Random = () => number;

const PARTS = [
  ..." ,=\"\\\n\r\t#'{}[]:/a0",
  "é",
  "温度",
  "😀",
  "👩‍🚀",
  "\u00a0",
  "\u2028",
  "\u007f",
  "\u009b",
  "\u0000",
  "\ufffd",
  "NaN",
  "Infinity",
  "null",
  "true",
  "__proto__",
  "constructor",
  "12i",
  "x".repeat(130),
];
const DOUBLES = [0, -0, 1, 0.1, -2.5, 1e21, 1e-7, 1.7976931348623157e308, 5e-324, 2 ** 53, 123456.789, NaN, Infinity];
const INTS = [0n, 1n, -1n, 2n ** 31n, 2n ** 53n + 1n, 10n ** 18n, 2n ** 63n - 1n, -(2n ** 63n)];

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)];

function text(random: Random): string {
  let text = "";
  for (let n = Math.floor(random() * 4); n > 0; n--) text += pick(random, PARTS);
  return text;
}

function value(random: Random): FieldValue {
  switch (Math.floor(random() * 4)) {
    case 0:
      return random() < 0.5
        ? pick(random, DOUBLES)
        : (random() < 0.5 ? -1 : 1) * random() * 10 ** pick(random, [0, 3, 15]);
    case 1:
      return pick(random, INTS);
    case 2:
      return random() < 0.5;
    default:
      return text(random);
  }
}

/** A point as handlers make it, or as it comes over the wire. */
function anyPoint(random: Random, isFull: boolean): Point {
  const fields = new Map<string, FieldValue>();
  for (let n = Math.floor(random() * 5); n > 0; n--) fields.set(text(random), value(random));
  const tags = new Map<string, string>();
  for (let n = Math.floor(random() * 4); n > 0; n--) tags.set(text(random), text(random));
  const point = new Point({ time: pick(random, INTS), name: text(random), tags });
  point.setFields([...fields]);
  if (isFull) {
    point.database = text(random);
    point.retentionPolicy = text(random);
    point.group = text(random);
    point.dimensions = [text(random), text(random)];
    point.byName = random() < 0.5;
  }
  if (random() < 0.5) return point;
  const writer = new ByteWriter();
  point.encode(writer);
  return Point.decode(new ByteReader().reset(writer.written().slice()));
}

/** A format, and what it does not hold. */
interface Format {
  readonly writer: PointWriter;
  readonly reading: ReadPointsOptions;
  /** Whether database, group and the like are kept. */
  readonly isFull: boolean;
  /** What comes back of a point; undefined: the format cannot hold it. What is left out is counted. */
  held(point: Point, losses: Losses): Point | undefined;
}

const json = (): Format => ({
  writer: new JsonLinesWriter(),
  reading: { format: "json" },
  isFull: true,
  held: (point) => point,
});

/** As LineProtocolWriter documents it. */
const line = (): Format => ({
  writer: new LineProtocolWriter(),
  reading: { format: "line" },
  isFull: false,
  held(point, losses) {
    const isName = (name: string) => name !== "" && !name.endsWith("\\") && !name.includes("\n");
    const tags = [...point.tags].filter(([, value]) => value !== "");
    const fields = [...point.fields()];
    const held = fields.filter(([key, value]) => isName(key) && (typeof value !== "number" || Number.isFinite(value)));
    const fits = isName(point.name) && !/^[#\t]/.test(point.name) && tags.flat().every(isName) && held.length > 0;
    if (!fits) {
      losses.points++;
      return undefined;
    }
    losses.tags += point.tags.size - tags.length;
    losses.fields += fields.length - held.length;
    const back = new Point({ time: point.time, name: point.name, tags: new Map(tags) });
    back.setFields(held);
    return back;
  },
});

for (const [name, open, seed] of [["line protocol", line, 31], ["JSON lines", json, 32]] as const) {
  Deno.test(`what the writer of ${name} prints, its reader gives back, cut anywhere`, async () => {
    const random = seeded(seed);
    const format = open();
    const out = new TextWriter();
    const expected: Losses = { points: 0, fields: 0, tags: 0 };
    let count = 0;
    for (let round = 0; round < 150; round++) {
      const points: Point[] = [];
      for (let i = 0; i < 20; i++) {
        const point = anyPoint(random, format.isFull && random() < 0.5);
        const held = format.held(point, expected);
        if (held !== undefined) points.push(held);
        format.writer.point(point, out);
      }
      format.writer.flush(out);
      const bytes = out.take().slice();
      const items = await read(format.reading, bytes, 1 + Math.floor(random() * bytes.length));
      const back = items.map((item) => item.kind === "point" ? plain(item.point) : item);
      assertEquals(back, points.map(plain), new TextDecoder().decode(bytes));
      count += points.length;
    }
    assertEquals({ ...format.writer.losses }, expected);
    assert(count > 500);
  });
}

Deno.test("batches come back from JSON lines as they were, and from line protocol with what it holds", async () => {
  const random = seeded(33);
  for (let round = 0; round < 100; round++) {
    const head = { name: text(random), group: text(random), tags: new Map([[text(random), text(random)]]) };
    const begin: BeginBatch = { ...head, size: pick(random, INTS), byName: random() < 0.5 };
    const end: EndBatch = { ...head, tmax: pick(random, INTS), byName: random() < 0.5 };
    const points = Array.from({ length: Math.floor(random() * 5) }, () => {
      const point = anyPoint(random, false);
      point.name = "";
      return point;
    });
    for (const format of [json(), line()]) {
      const out = new TextWriter();
      format.writer.begin(begin, out);
      for (const point of points) format.writer.point(point, out);
      format.writer.end(end, out);
      const items = await read(format.reading, out.take().slice(), 1 + Math.floor(random() * 100));
      const back = items.map((item) => item.kind === "point" ? plain(item.point) : item);
      const lastLine = items.at(-1)!.line;
      if (format.isFull) {
        assertEquals(back, [{ kind: "begin", line: 1, begin }, ...points.map(plain), {
          kind: "end",
          line: lastLine,
          end,
        }]);
      } else {
        const losses = { points: 0, fields: 0, tags: 0 };
        const held = points.flatMap((point) => {
          const named = point.copy();
          named.name = begin.name;
          return format.held(named, losses) ?? [];
        });
        assertEquals(back, [...held.map(plain), { kind: "boundary", line: lastLine }]);
        assertEquals({ ...format.writer.losses }, losses);
      }
    }
  }
});
