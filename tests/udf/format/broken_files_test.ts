import { assert, assertEquals } from "@std/assert";
import { gunzipSync, gzipSync } from "node:zlib";
import { TineError } from "../../../src/base/errors.ts";
import { INPUT_FORMATS, type InputFormat } from "../../../src/udf/format/formats.ts";
import type { InputItem } from "../../../src/udf/format/input_item.ts";
import { readPoints, type ReadPointsOptions } from "../../../src/udf/format/point_reader.ts";
import type { Point } from "../../../src/udf/point.ts";
import { decompressed } from "../../../src/wire/decompress.ts";
import { seeded } from "./samples.ts";

const FOLDER = new URL("./real_files/", import.meta.url);

/** A file of each format, as text that is not compressed. */
const FILES: readonly (readonly [string, InputFormat])[] = [
  ["influxdb/flux.csv", "annotated-csv"],
  ["influx_write/types.csv", "annotated-csv"],
  ["influxdb/influx-ns.csv", "influx-csv"],
  ["influxdb/http.csv", "influx-csv"],
  ["influxdb/http.json", "influx-json"],
  ["influxdb/pretty.json", "influx-json"],
  ["influxdb/chunked.json", "influx-json"],
  ["influxdb/export.txt", "influx-export"],
  ["telegraf/single-s.json", "telegraf-json"],
  ["telegraf/batch-s.json", "telegraf-json"],
  ["kapacitor/batch.brpl", "brpl"],
  ["kapacitor/stream.srpl", "srpl"],
];

async function textOf(name: string): Promise<Uint8Array> {
  const file = decompressed(ReadableStream.from([Deno.readFileSync(new URL(name, FOLDER))]), name);
  return new Uint8Array(await new Response(file).arrayBuffer());
}

/** What is read up to the end or to an error, which has to be one that people understand. */
async function readAll(bytes: Uint8Array, options: ReadPointsOptions, name = "x"): Promise<InputItem[]> {
  const items: InputItem[] = [];
  const stream = decompressed(ReadableStream.from([bytes]), name);
  try {
    for await (const some of readPoints({ now: () => 42n, warn: () => {}, ...options }, stream)) items.push(...some);
  } catch (error) {
    assert(
      error instanceof TineError && error.code === "bad-input",
      error instanceof Error ? error.stack : String(error),
    );
  }
  for (const item of items) {
    if (item.kind !== "bad") continue;
    assert(item.line >= 1 && item.reason.length > 5 && !/[\n\r]/.test(item.reason + item.text), JSON.stringify(item));
  }
  return items;
}

/** A point as a text; numbers are compared as such, since a cut column may hold integers only. */
function show({ time, name, tags, fieldsInt, fieldsDouble, fieldsString, fieldsBool }: Point): string {
  const numbers = [...fieldsInt, ...fieldsDouble].map(([name, value]) => [name, Number(value)]).sort();
  return JSON.stringify([String(time), name, [...tags], numbers, [...fieldsString], [...fieldsBool]]);
}

const pointsOf = (items: readonly InputItem[]) =>
  items.flatMap((item) => item.kind === "point" ? show(item.point) : []);

for (const [name, format] of FILES) {
  Deno.test(`${name}, cut anywhere, has all that was whole, and a bad line for the rest`, async () => {
    const bytes = await textOf(name);
    const whole = pointsOf(await readAll(bytes, { format }));
    const badBefore = (await readAll(bytes, { format })).filter(({ kind }) => kind === "bad").length;
    let before = 0;
    for (let cut = 1; cut < bytes.length; cut += 11) {
      const items = await readAll(bytes.subarray(0, cut), { format });
      const points = pointsOf(items);
      const bad = items.filter(({ kind }) => kind === "bad").length;
      // A text in quotes that is cut may go over two lines.
      assert(bad <= badBefore + 2, `${bad} bad lines at ${cut}`);
      // Only the last one may differ: a number or a name that is cut is another one.
      const count = Math.max(0, points.length - 1);
      assertEquals(points.slice(0, count), whole.slice(0, count));
      assert(points.length >= before - 1, `${points.length} points at ${cut}, and ${before} before`);
      before = Math.max(before, points.length);
    }
    assertEquals(before >= whole.length - (format === "brpl" ? 3 : 1), true);
  });

  Deno.test(`${name}, changed at random, is read or refused with a reason for each line`, async () => {
    const bytes = await textOf(name);
    const random = seeded(7);
    const below = (n: number) => Math.floor(random() * n);
    const signs = new TextEncoder().encode('"\\,;:{}[]\n\r #=|\0\xff0e-n');
    for (let round = 0; round < 60; round++) {
      const changed = Uint8Array.from(bytes);
      for (let n = 1 + below(4); n > 0; n--) changed[below(changed.length)] = signs[below(signs.length)];
      const from = below(changed.length), to = from + below(40);
      const pieces = round % 2 === 0 ? changed : Uint8Array.of(...changed.subarray(0, from), ...changed.subarray(to));
      await readAll(pieces, { format });
      await readAll(pieces, { pivot: round % 3 === 0 });
    }
  });
}

Deno.test("compressed files that are cut have what is before the cut, also what was held back to decide on types", async () => {
  let text = "name,tags,time,usage\n";
  for (let i = 0; i < 3000; i++) text += `cpu,host=h${i % 7},${i},${(i * 7919 % 1000) / 10}\n`;
  const packed = gzipSync(text);
  assertEquals(gunzipSync(packed).length, text.length);
  const points = pointsOf(await readAll(packed.subarray(0, packed.length >> 1), {}, "x.gz"));
  assert(points.length > 100 && points.length < 3000, `${points.length} points`);
  const again = () =>
    Promise.resolve(decompressed(ReadableStream.from([packed.subarray(0, packed.length >> 1)]), "x.gz"));
  assertEquals(pointsOf(await readAll(packed.subarray(0, packed.length >> 1), { again }, "x.gz")), points);
  const joined = pointsOf(await readAll(packed.subarray(0, packed.length >> 1), { pivot: true }, "x.gz"));
  assertEquals(joined.length, points.length);
});

Deno.test("an archive that is cut has the batches that are whole", async () => {
  const archive = Deno.readFileSync(new URL("kapacitor/batch.brpl", FOLDER));
  let before = 0;
  for (let cut = 0; cut <= archive.length; cut += 3) {
    const items = await readAll(archive.subarray(0, cut), { format: "brpl" }, "x.brpl");
    const begins = items.filter(({ kind }) => kind === "begin").length;
    const ends = items.filter(({ kind }) => kind === "end").length;
    assertEquals(begins, ends);
    assert(ends >= before);
    before = ends;
  }
  assertEquals(before, 6);
});

Deno.test("JSON goes on behind what is broken, at the next line that begins with {", async () => {
  const metric = (n: number) => `{"name":"m","fields":{"v":${n}},"timestamp":${n}}\n`;
  const text = metric(1) + '{"name":"m","fields":{"v":}}\n' + metric(2) + '{"name":"m","fie\n' + metric(3) +
    '{"name":7,"fields":{}}\n' + metric(4) + "]\n" + metric(5) + '{"name":"m","fields":{"v":{}}}\n' + metric(6) +
    '{"a":';
  const items = await readAll(new TextEncoder().encode(text), {});
  assertEquals(pointsOf(items).length, 6);
  assertEquals(items.flatMap((item) => item.kind === "bad" ? `${item.line}: ${item.reason}` : []), [
    "2: a value is missing before }",
    "4: a string does not end",
    "6: name must be a string, not 7",
    "8: there is nothing to close by ]",
    '10: the field "v" is an object',
    "12: the JSON that begins here has no end: the input ends within it",
  ]);
});

Deno.test("a value in JSON that does not end has a limit", async () => {
  const text = `{"name":"${
    "a".repeat(5000)
  }","fields":{"v":1},"timestamp":1}\n{"name":"m","fields":{"v":1},"timestamp":1}\n`;
  const items = await readAll(new TextEncoder().encode(text), { format: "telegraf-json", maxLineLength: 1000 });
  assertEquals(pointsOf(items).length, 1);
  const many = `{"metrics":[{"name":"m","fields":{${'"v":1,'.repeat(300)}"w":1}},\n`;
  assertEquals(
    (await readAll(new TextEncoder().encode(many), { maxLineLength: 1000 })).map(
      (item) => item.kind === "bad" && item.reason,
    ),
    ["a value is longer than 1000 characters"],
  );
  const stream = ReadableStream.from(
    [text.slice(0, 3000), text.slice(3000)].map((part) => new TextEncoder().encode(part)),
  );
  const inPieces: InputItem[] = [];
  for await (const some of readPoints({ format: "telegraf-json", maxLineLength: 1000 }, stream)) inPieces.push(...some);
  assertEquals(inPieces.map((item) => item.kind === "bad" ? item.reason : item.kind), [
    "a value is longer than 1000 characters",
    "point",
  ]);
});

Deno.test("each format has a file here that is cut and changed", () => {
  const tested = new Set(FILES.map(([, format]) => format));
  // The tests of these formats have such cases themselves.
  const elsewhere = new Set<InputFormat>(["line", "json", "csv", "parquet"]);
  assertEquals(INPUT_FORMATS.filter((name) => !tested.has(name) && !elsewhere.has(name)), []);
});
