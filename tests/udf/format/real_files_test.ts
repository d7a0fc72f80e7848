import { assertEquals, assertStringIncludes } from "@std/assert";
import { zstdCompressSync } from "node:zlib";
import type { InputItem } from "../../../src/udf/format/input_item.ts";
import { readPoints, type ReadPointsOptions } from "../../../src/udf/format/point_reader.ts";
import type { Point } from "../../../src/udf/point.ts";
import { decompressed } from "../../../src/wire/decompress.ts";

// The files are written by the code of InfluxDB, Telegraf and Kapacitor themselves, see the main.go beside them.
const FOLDER = new URL("./real_files/", import.meta.url);

type Options = ReadPointsOptions & { pieceBytes?: number; zstd?: boolean; isFile?: boolean };

/** What is read of a file, and what is warned of. The format is found, unless one is given. */
async function readFile(name: string, options: Options = {}): Promise<{ items: InputItem[]; warnings: string[] }> {
  const file = Deno.readFileSync(new URL(name, FOLDER));
  const bytes: Uint8Array = options.zstd ? zstdCompressSync(file) : file;
  const open = () =>
    decompressed(
      ReadableStream.from(function* () {
        const size = options.pieceBytes ?? bytes.length;
        for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
      }()),
      name,
    );
  const warnings: string[] = [];
  const again = options.isFile ? () => Promise.resolve(open()) : undefined;
  const items: InputItem[] = [];
  const reader = readPoints({ warn: (message) => warnings.push(message), again, now: () => 42n, ...options }, open());
  for await (const some of reader) items.push(...some);
  return { items, warnings };
}

function show({ time, name, tags, fieldsInt, fieldsDouble, fieldsString, fieldsBool }: Point): string {
  const sorted = <T>(map: Map<string, T>) => [...map].sort(([a], [b]) => a < b ? -1 : 1);
  const parts = [time, name, sorted(tags), sorted(fieldsInt), sorted(fieldsDouble), sorted(fieldsString)];
  return JSON.stringify([...parts, sorted(fieldsBool)], (_, value) => typeof value === "bigint" ? `${value}n` : value);
}

/** The points in any order, as texts; whatever else was read is in the way. */
function pointsOf(items: readonly InputItem[]): string[] {
  return items.filter(({ kind }) => kind !== "boundary").map((item) => {
    return item.kind === "point" ? show(item.point) : JSON.stringify(item);
  }).sort();
}

async function expected(name: string): Promise<string[]> {
  return pointsOf((await readFile(name, { format: "line" })).items);
}

/** The rows of the second statement in what the HTTP API answers, which come twice. */
const ofMem = (points: readonly string[]) => points.filter((point) => point.includes('"mem"'));

const INFLUX: [string, Options?][] = [
  ["influx-ns.csv"],
  ["influx-rfc3339.csv"],
  ["influx-ns.json"],
  ["influx-rfc3339.json"],
  ["chunked.json"],
  ["flux-pivoted.csv"],
  ["flux.csv", { pivot: true }],
  ["flux-two.csv", { pivot: true }],
  ["flux-plain.csv", { pivot: true }],
  ["export.txt", { pivot: true }],
  ["export.gz", { pivot: true }],
  ["export.lp", { pivot: true }],
];

for (const [name, options = {}] of INFLUX) {
  Deno.test(`${name} of InfluxDB has the points of its line protocol, in pieces of any size and compressed`, async () => {
    const points = await expected("influxdb/points.lp");
    assertEquals(points.length, 6);
    const ways: Options[] = [{}, { pieceBytes: 7 }, { pieceBytes: 7, isFile: true }];
    if (!name.endsWith(".gz")) ways.push({ zstd: true });
    for (const way of ways) {
      const { items, warnings } = await readFile(`influxdb/${name}`, { ...options, ...way });
      assertEquals([pointsOf(items), warnings], [points, []]);
    }
  });
}

for (const name of ["http.csv", "http.json", "pretty.json"]) {
  Deno.test(`${name} of InfluxDB has the points of both statements`, async () => {
    const points = await expected("influxdb/points.lp");
    for (const way of [{}, { pieceBytes: 3 }]) {
      const { items } = await readFile(`influxdb/${name}`, way);
      assertEquals(pointsOf(items), [...points, ...ofMem(points)].sort());
    }
  });
}

Deno.test("a field of doubles is one in each row, where 98.0 is written 98", async () => {
  for (
    const name of ["influxdb/influx-ns.csv", "influxdb/http.json", "telegraf/single-s.json", "telegraf/batch-s.json"]
  ) {
    const { items } = await readFile(name);
    const usage = items.flatMap((item) => item.kind === "point" ? item.point.field("usage") ?? [] : []);
    assertEquals(usage.filter((value) => typeof value !== "number"), [], name);
  }
});

Deno.test("exports name the database and the retention policy, and without --pivot each line is a point", async () => {
  const { items } = await readFile("influxdb/export.txt");
  assertEquals(items.length, 17);
  for (const item of items) {
    assertEquals(item.kind === "point" && [item.point.database, item.point.retentionPolicy], ["telegraf", "autogen"]);
  }
});

Deno.test("what InfluxDB answers of an error is one bad line that quotes it", async () => {
  const json = await readFile("influxdb/error.json");
  assertEquals(json.items.map((item) => item.kind === "bad" && item.reason), [
    'InfluxDB answered with an error: "database not found: "x""',
  ]);
  const csv = await readFile("influxdb/flux-error.csv");
  assertEquals(csv.items.map((item) => item.kind === "bad" && `${item.line} ${item.reason}: ${item.text}`), [
    "5 the query ended with an error: ,window: invalid bounds,",
  ]);
});

Deno.test("a table of influx is named with what can be read in its place", async () => {
  const message = await readFile("influxdb/influx-ns.column.txt").then(() => "", (error) => error.message);
  assertStringIncludes(
    message,
    "the input looks like a table of influx; influx -format csv and influx -format json can",
  );
});

const TELEGRAF: [string, Options?][] = [
  ["single-s.json"],
  ["single-ms.json", { precision: "ms" }],
  ["single-rfc.json"],
  ["batch-s.json"],
  ["batch-ms.json", { precision: "ms" }],
  ["batch-rfc.json"],
];
for (const [name, options = {}] of TELEGRAF) {
  Deno.test(`${name} of Telegraf has the points of its line protocol`, async () => {
    const points = await expected("telegraf/points.lp");
    assertEquals(points.length, 4);
    for (const way of [{}, { pieceBytes: 5 }, { isFile: true }, { zstd: true }]) {
      const { items, warnings } = await readFile(`telegraf/${name}`, { ...options, ...way });
      assertEquals([pointsOf(items), warnings], [points, []]);
    }
  });
}

Deno.test("times of Telegraf in milliseconds are out of range as seconds, and the message names the unit", async () => {
  const { items } = await readFile("telegraf/single-ms.json");
  assertEquals(
    items.map((item) => item.kind === "bad" && item.reason.slice(0, 96)).at(0),
    "timestamp is out of the range of int64 nanoseconds: 1772442000000 in units of 1000000000 ns",
  );
});

Deno.test("a recording of batches that Kapacitor wrote has its batches, groups and doubles", async () => {
  for (const way of [{}, { pieceBytes: 11 }]) {
    const { items } = await readFile("kapacitor/batch.brpl", way);
    const begins = items.flatMap((item) => item.kind === "begin" ? item.begin : []);
    assertEquals(begins.map(({ group, byName, size }) => [group, byName, size]), [
      ['host=h0,region=eu, "west"', false, 3n],
      ['host=h1,region=eu, "west"', false, 3n],
      ["", false, 3n],
      ['cpu\nhost=h0,region=eu, "west"', true, 3n],
      ['cpu\nhost=h1,region=eu, "west"', true, 3n],
      ["cpu", true, 3n],
    ]);
    const ends = items.flatMap((item) => item.kind === "end" ? item.end.tmax : []);
    const start = 1772442000123456789n;
    assertEquals(ends.slice(0, 3), [start + 10n ** 10n, start + 10n ** 10n, start + 2n * 10n ** 9n]);
    const [first] = items.flatMap((item) => item.kind === "point" ? item.point : []);
    assertEquals(
      show(first),
      JSON.stringify([
        ...[`${start}n`, "cpu", [["host", "h0"], ["region", 'eu, "west"']], [], [["usage", 99.5]]],
        ...[[["note", "two\nlines"]], [["up", true]]],
      ]),
    );
    assertEquals(items.filter(({ kind }) => kind === "point").length, 18);
    const whole = items.flatMap((item) => item.kind === "point" ? item.point.field("usage") : []);
    assertEquals(whole.filter((value) => typeof value !== "number"), []);
  }
});

Deno.test("a recording of a stream that Kapacitor wrote is found by its content, also without a database", async () => {
  const { items } = await readFile("kapacitor/stream.srpl");
  assertEquals(items.map((item) => item.kind === "point" && [item.point.database, item.point.tags.get("host")]), [
    ["telegraf", "h 0"],
    ["telegraf", "h 1"],
    ["", "h 2"],
  ]);
});

for (const name of ["short", "header", "types", "defaults", "query", "raw", "locale", "constants"]) {
  Deno.test(`annotated CSV (${name}) is read as influx write reads it`, async () => {
    const { items } = await readFile(`influx_write/${name}.csv`);
    const points = items.filter(({ kind }) => kind === "point");
    assertEquals(pointsOf(points), await expected(`influx_write/${name}.lp`));
    assertEquals(items.filter(({ kind }) => kind === "bad").length, name === "types" ? 3 : 0);
  });
}
