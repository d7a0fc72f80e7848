import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { loadFormat } from "../../../src/result/export/formats.ts";
import type { RowChunk, TableSchema } from "../../../src/result/tables/table.ts";
import type { InputItem } from "../../../src/udf/format/input_item.ts";
import { type ParquetOptions, readParquet } from "../../../src/udf/format/parquet_reader.ts";
import type { FieldValue, Point } from "../../../src/udf/point.ts";
import { concat } from "../../support/bytes.ts";
import { Random } from "../../support/random.ts";
import { tine } from "../../support/tine.ts";
import { unless } from "../../support/unless.ts";
import { findPythonWith } from "../../support/peers.ts";

const python = await findPythonWith("pandas, pyarrow, duckdb");

/** How a test reads: by default points of the measurement that the column `name` has, and the tag `host`. */
type How = Partial<Omit<ParquetOptions, "defaults">> & { measurement?: string; unit?: bigint };

async function read(
  bytes: Uint8Array<ArrayBuffer>,
  how: How = {},
): Promise<{ items: InputItem[]; warnings: string[] }> {
  const { measurement, unit = 1n, ...options } = how;
  const items: InputItem[] = [];
  const warnings: string[] = [];
  const defaults = { unit, measurement, database: "db", retentionPolicy: "rp", now: () => 77n };
  const warn = (message: string) => void warnings.push(message);
  for await (const list of readParquet(bytes, { defaults, tagColumns: [], timeColumn: undefined, warn, ...options })) {
    items.push(...list);
  }
  return { items, warnings };
}

async function points(bytes: Uint8Array<ArrayBuffer>, how: How = {}): Promise<Point[]> {
  const { items } = await read(bytes, how);
  return items.map((item) => {
    assert(item.kind === "point", item.kind === "bad" ? item.reason : item.kind);
    return item.point;
  });
}

/** A file of a table with these rows, by the writer of exports. */
async function written(schema: [name: string, type: "time" | "int" | "double" | "text" | "bool"][], chunk: RowChunk) {
  const columns = schema.map(([name, type]) => ({ name, type, definition: "" }));
  const table: TableSchema = { name: "t", row: "a row", columns };
  const encode = await loadFormat("parquet");
  const encoder = encode(table, { rows: 0, bytes: 0, lostRows: 0, lostValues: 0 });
  return concat([encoder.rows(chunk).slice(), encoder.end().slice()]);
}

const COLUMNS = [["time", "time"], ["name", "text"], ["host", "text"], ["n", "int"], ["v", "double"], [
  "up",
  "bool",
]] as const;

function sample(): Promise<Uint8Array<ArrayBuffer>> {
  return written(COLUMNS.map(([name, type]) => [name, type]), {
    count: 4,
    columns: [
      { type: "time", base: 1772442000000000000n, offsets: Float64Array.of(0, 1, NaN, 3) },
      { type: "text", values: ["cpu", "cpu", "cpu", "mem"] },
      { type: "text", values: ["a", undefined, "", "__proto__"] },
      {
        type: "bigint",
        values: BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 0n, 5n),
        present: Uint8Array.of(1, 1, 1, 0),
      },
      { type: "number", values: Float64Array.of(-0, NaN, Infinity, 0), present: Uint8Array.of(1, 1, 1, 0) },
      { type: "bool", values: Uint8Array.of(1, 0, 2, 2) },
    ],
  });
}

Deno.test("readParquet() gives back what exports have written, with all int64, NaN and absent values", async () => {
  const { items } = await read(await sample(), { tagColumns: ["host"] });
  const rows = items.map((item) => {
    assert(item.kind === "point");
    const { point, line } = item;
    return [line, point.time, point.name, Object.fromEntries(point.tags), Object.fromEntries(point.fields())];
  });
  const start = 1772442000000000000n;
  assertEquals(
    rows,
    [
      [1, start, "cpu", { host: "a" }, { v: -0, n: 2n ** 63n - 1n, up: true }],
      [2, start + 1n, "cpu", {}, { v: NaN, n: -(2n ** 63n), up: false }],
      [3, 77n, "cpu", {}, { v: Infinity, n: 0n }],
    ],
  );
  const [first] = await points(await sample());
  assertEquals([first.database, first.retentionPolicy], ["db", "rp"]);
});

Deno.test("readParquet() takes times as integers in the precision, and as texts", async () => {
  const integers = await written([["at", "int"], ["v", "double"]], {
    count: 2,
    columns: [{ type: "number", values: Float64Array.of(5, 2 ** 40) }, {
      type: "number",
      values: Float64Array.of(1, 2),
    }],
  });
  const how = { timeColumn: "at", measurement: "m", unit: 1_000_000n };
  assertEquals((await points(integers, how)).map(({ time }) => time), [5_000_000n, 2n ** 40n * 1_000_000n]);
  const { items: [, late] } = await read(integers, { ...how, unit: 3600n * 10n ** 9n });
  assertEquals(late.kind === "bad" && late.reason, "the time 1099511627776 is out of range");
  const texts = await written([["time", "text"], ["v", "double"]], {
    count: 2,
    columns: [
      { type: "text", values: ["2026-03-02T09:00:00.5Z", "soon"] },
      { type: "number", values: Float64Array.of(1, 2) },
    ],
  });
  const { items } = await read(texts, { measurement: "m" });
  assertEquals(items[0].kind === "point" && items[0].point.time, 1772442000500000000n);
  assertEquals(items[1].kind === "bad" && [items[1].line, items[1].reason], [2, 'the time "soon" is no RFC 3339 time']);
});

Deno.test("readParquet() names columns that are not there, a time that is none, and a measurement that is missing", async () => {
  const bytes = await sample();
  const cases: [how: How, message: string][] = [
    [{ timeColumn: "at" }, 'there is no column "at", only time, name, host, n, v, up'],
    [{ tagColumns: ["dc"] }, 'there is no column "dc"'],
    [{ timeColumn: "v" }, 'the time column "v" holds doubles, not timestamps'],
  ];
  for (const [how, message] of cases) assertStringIncludes((await failureOf(bytes, how)).message, message);
  const nameless = await written([["v", "double"]], { count: 1, columns: [{ type: "constant", value: 1 }] });
  assertStringIncludes(
    (await failureOf(nameless)).message,
    'there is no column "name", and no --measurement NAME is given',
  );
});

async function failureOf(bytes: Uint8Array<ArrayBuffer>, how: How = {}): Promise<TineError> {
  const error = await assertRejects(() => read(bytes, how), TineError);
  assertEquals(error.code, "bad-input");
  assert(!error.message.includes("\n"), error.message);
  return error;
}

Deno.test("readParquet() says what is wrong with a file that is cut anywhere", async () => {
  const bytes = await sample();
  for (let length = 0; length < bytes.length; length++) {
    const { message } = await failureOf(bytes.slice(0, length));
    const expected = length < 4
      ? /is none: it does not begin with "PAR1"/
      : /is cut short: its \d+ bytes? do not end with "PAR1"/;
    assertMatch(message, expected);
  }
  const front = bytes.slice(100);
  front.set(bytes.subarray(0, 4));
  assertMatch((await failureOf(front)).message, /is damaged: column "\w+" is outside of the file, which has \d+ bytes/);
  assertMatch((await failureOf(new TextEncoder().encode("cpu v=1 1\n"))).message, /does not begin with "PAR1"/);
});

Deno.test("readParquet() reads mutated files, or says that they are damaged", async () => {
  const bytes = await sample();
  const random = new Random(17);
  let failures = 0;
  for (let round = 0; round < 1500; round++) {
    const mutated = bytes.slice();
    for (let n = 1 + random.below(3); n > 0; n--) mutated[4 + random.below(bytes.length - 8)] = random.below(256);
    try {
      await read(mutated, { measurement: "m", timeColumn: "time" });
    } catch (error) {
      assert(error instanceof TineError && error.code === "bad-input", String(error));
      failures++;
    }
  }
  assert(failures > 100, String(failures));
});

Deno.test("tine host reads Parquet by the ending of its name, and from stdin", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tine-parquet-" });
  try {
    const bytes = await sample();
    await Deno.writeFile(`${folder}/cpu.parquet`, bytes);
    const args = ["host", "--handler", "mirror", "--format", "json", "--tag-columns", "host"];
    const file = await tine([...args, "--input", `${folder}/cpu.parquet`]);
    assertEquals([file.code, file.stdout.split("\n").length], [0, 4], file.stderr);
    assertStringIncludes(file.stdout, '"n":9223372036854775807');
    const piped = await tine([...args.slice(0, -2), "--types", "host=tag", "--input-format", "parquet"], bytes);
    assertEquals([piped.code, piped.stdout.split("\n")[0]], [0, file.stdout.split("\n")[0]], piped.stderr);
    const cut = await tine([...args, "--input-format", "parquet"], bytes.subarray(0, 100));
    assertEquals([cut.code, cut.stdout], [1, ""]);
    assertMatch(cut.stderr, /^tine host: the Parquet file is cut short: its 100 bytes do not end with "PAR1"[^\n]*\n/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  ...unless(
    python.why,
    "readParquet() reads what pyarrow, pandas and DuckDB write, with each encoding and unit of time",
  ),
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "tine-parquet-" });
    try {
      const script = new URL("write_parquet.py", import.meta.url).pathname;
      const { code, stderr } = await new Deno.Command(python.python, { args: [script, folder] }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      const file = (name: string) => Deno.readFile(`${folder}/${name}.parquet`);
      const written = Array.from(Deno.readDirSync(folder), ({ name }) => name.replace(".parquet", ""));
      const same = written.filter((name) => !["odd", "lz4", "empty"].includes(name));
      assertEquals(same.length, 14);
      for (const name of same) {
        const all = await points(await file(name), { tagColumns: ["host"] });
        assertEquals(all.length, 600, name);
        for (const [i, point] of all.entries()) checkPoint(point, i, name);
      }
      assertEquals(await points(await file("empty")), []);
      assertStringIncludes((await failureOf(await file("lz4"))).message, "is compressed by LZ4_RAW, not one of");

      const odd = await file("odd");
      assertStringIncludes(
        (await failureOf(odd, { measurement: "m" })).message,
        "its columns ts, day hold times and none is called time; --time-column NAME chooses one",
      );
      const { items: [big], warnings } = await read(odd, { measurement: "m", timeColumn: "ts" });
      assertEquals(big.kind === "bad" && big.reason, 'the field "big" is 18446744073709551615, which is no int64');
      assertEquals(warnings, [
        'column "span" is left out: its values are of the type INTERVAL',
        'column "list" is left out: its values are of the type LIST',
        'column "struct" is left out: its values are nested',
      ]);
      const [point] = await points(odd, { measurement: "m", timeColumn: "ts", tagColumns: ["big", "id"] });
      assertEquals(point.time, 1772442000000001000n);
      assertEquals(
        point.tags,
        new Map([["id", "00000000-0000-0000-0000-00000000000a"], ["big", "18446744073709551615"]]),
      );
      assertEquals(
        new Map(point.fields()),
        new Map<string, FieldValue>([
          ["price", 12.25],
          ["f", 3.5],
          ["n", 1n],
          ["day", 1772409600000000000n],
          ["json", '{"a": 1}'],
          ["blob", "x"],
        ]),
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

function checkPoint(point: Point, i: number, file: string): void {
  const fields = new Map<string, FieldValue>();
  if (i % 5 !== 0) fields.set("usage", i / 4);
  fields.set("half", i * 0.5).set("n", 2n ** 62n + BigInt(i)).set("small", BigInt(i % 100 - 50));
  fields.set("unsigned", 2n ** 32n - 1n - BigInt(i));
  if (i % 4 !== 0) fields.set("up", i % 3 === 0);
  fields.set("text", i % 6 === 0 ? "" : `tëxt ${i % 50}`);
  assertEquals(new Map(point.fields()), fields, `${file}, row ${i}`);
  const tags = new Map(i % 11 === 0 ? [] : [["host", `h${i % 7}`]]);
  assertEquals([point.time, point.name, point.tags], [1772442000000000000n + BigInt(i) * 10n ** 9n, "cpu", tags], file);
}
