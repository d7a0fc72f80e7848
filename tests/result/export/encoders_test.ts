import { assertEquals } from "@std/assert";
import { csv } from "../../../src/result/export/csv.ts";
import { type EncodeTable, textEncoder } from "../../../src/result/export/formats.ts";
import { jsonLines } from "../../../src/result/export/json_lines.ts";
import { lineProtocol } from "../../../src/result/export/line_protocol.ts";
import { parquetEncoder } from "../../../src/result/export/parquet.ts";
import type { Column, Table, Value, Values } from "../../../src/result/tables/table.ts";
import type { Point } from "../../../src/udf/point.ts";
import { readPoints } from "../../../src/udf/format/point_reader.ts";
import { findPythonWith, run } from "../../support/peers.ts";
import { Random } from "../../support/random.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";
import { BASE, objectsOf, oddTable } from "./odd_table.ts";

const SCRIPT = new URL("./read_table.py", import.meta.url).pathname;

/** All bytes that an encoder makes of a table. */
async function encoded(table: Table, encode: EncodeTable) {
  const counts = { rows: 0, bytes: 0, lostRows: 0, lostValues: 0 };
  const encoder = encode(table, counts);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of table.rows()) parts.push(encoder.rows(chunk).slice());
  parts.push(encoder.end().slice());
  return { bytes: new Uint8Array(await new Blob(parts).arrayBuffer()), counts };
}

/** What Python reads of a file: a value is its type and its text, so that 64 bits, NaN and absent values are told apart. */
async function readByPython(format: string, bytes: Uint8Array): Promise<Record<string, [string, string]>[]> {
  const { python } = format === "duckdb" ? READERS.duckdb : READERS.pyarrow;
  const { code, stdout, stderr } = await run(python, [SCRIPT, format], bytes);
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** What {@linkcode readByPython} gives for a row. */
function asPython(row: Record<string, Value>): Record<string, [string, string]> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (typeof value === "string") return [name, ["str", value.toWellFormed()]];
      if (typeof value === "boolean") return [name, ["bool", String(value)]];
      if (typeof value === "bigint" || name === "seq") return [name, ["int", String(value)]];
      return [name, ["float", doubleBits(value as number)]];
    }),
  );
}

/** Compares rows one by one: a difference of all of them takes minutes to print. */
function assertSame(rows: readonly object[], expected: readonly object[]): void {
  assertEquals(rows.length, expected.length);
  for (const [i, row] of rows.entries()) assertEquals(row, expected[i], `row ${i}`);
}

function doubleBits(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return Number.isNaN(value) ? "nan" : view.getBigUint64(0).toString(16).padStart(16, "0");
}

const whyNoPython = whyNotInstalled("python3");
/** Readers of Parquet. */
const READERS = { pyarrow: await findPythonWith("pyarrow"), duckdb: await findPythonWith("duckdb") };

Deno.test({
  ...unless(whyNoPython, "CSV of every kind of value is what Python's csv reads"),
  async fn() {
    const { bytes } = await encoded(oddTable(), textEncoder(csv));
    const rows = await readByPython("csv", bytes);
    // Python tells an empty text from an absent one as little as most readers do.
    const expected = (await objectsOf(oddTable())).map((row) =>
      Object.fromEntries(Object.entries(asPython(row)).filter(([, [, text]]) => text !== ""))
    );
    assertSame(rows, expected);
  },
});

Deno.test({
  ...unless(whyNoPython, "JSON lines of every kind of value are what Python's json reads"),
  async fn() {
    const { bytes } = await encoded(oddTable(), textEncoder(jsonLines));
    const rows = await readByPython("jsonl", bytes);
    assertSame(rows, (await objectsOf(oddTable())).map(asPython));
  },
});

Deno.test({
  ...unless(READERS.pyarrow.why, "Parquet of every kind of value is what pyarrow reads"),
  async fn() {
    for (const time of ["timestamp", "int64"] as const) {
      const { bytes } = await encoded(oddTable(), parquetEncoder({ time }));
      const rows = await readByPython("parquet", bytes);
      assertSame(rows, (await objectsOf(oddTable())).map(asPython));
    }
  },
});

Deno.test({
  ...unless(READERS.pyarrow.why, "Parquet of several row groups, and of none, is whole"),
  async fn() {
    // 100,000 rows are a group.
    const large: Table = {
      name: "large",
      row: "",
      columns: [{ name: "time", type: "time", definition: "" }, { name: "n", type: "int", definition: "" }],
      async *rows() {
        for (let k = 0; k < 61; k++) {
          const values = Float64Array.from({ length: 4096 }, (_, i) => k * 4096 + i);
          yield await {
            count: 4096,
            columns: [{ type: "time", base: BASE, offsets: values }, { type: "number", values }],
          };
        }
      },
    };
    const { bytes } = await encoded(large, parquetEncoder());
    const count = 61 * 4096;
    // Each time less its number is the base, so all rows are there and in order.
    assertEquals(
      (await readByPython("summary", bytes))[0].summary[1],
      `[{'min': ${BASE}, 'max': ${BASE}}, ${count * (count - 1) / 2}, ${count}, 3]`,
    );
    const empty = await encoded({ ...large, async *rows() {} }, parquetEncoder());
    assertEquals(await readByPython("parquet", empty.bytes), []);
  },
});

/** Numbers of every size, close to each other and far apart, with and without some that are absent. */
function numbersTable(random: Random, rows: number): Table {
  const int = (name: string, next: (i: number) => number | bigint): [Column, Values] => {
    const values = Array.from({ length: rows }, (_, i) => next(i));
    const column = { name, type: "int", definition: "" } as const;
    if (typeof values[0] === "number") return [column, { type: "number", values: Float64Array.from(values, Number) }];
    return [column, { type: "bigint", values: BigInt64Array.from(values, BigInt) }];
  };
  const sign = () => random.below(2) * 2 - 1;
  const big = (bits: number) => random.below(2 ** Math.min(bits, 26)) * 2 ** Math.max(0, bits - 26) + random.below(2);
  let sum = 0;
  const pairs: [Column, Values][] = [
    ...Array.from({ length: 53 }, (_, bits) => int(`bits_${bits}`, () => sign() * big(bits))),
    int("counter", () => sum += random.below(3)),
    int("sometimes", (i) => i % 97 === 3 ? NaN : i),
    int("runs", (i) => random.oneIn(50) ? NaN : Math.floor(i / 40)),
    int("wide", (i) => i % 3 === 0 ? 2n ** 63n - 1n : -(2n ** 63n) + BigInt(i)),
    [{ name: "later", type: "time", definition: "" }, {
      type: "time",
      base: BASE,
      offsets: Float64Array.from({ length: rows }, (_, i) => i % 2 === 0 ? i : -1e17),
    }],
    ...[1, 2, 3, 5, 200, 2000].map((count): [Column, Values] => [
      { name: `texts_${count}`, type: "text", definition: "" },
      {
        type: "text",
        values: Array.from({ length: rows }, (_, i) => {
          if (random.oneIn(40)) return undefined;
          return `text ${random.oneIn(2) ? Math.floor(i / 50) % count : random.below(count)}`;
        }),
      },
    ]),
    [{ name: "flag", type: "bool", definition: "" }, {
      type: "bool",
      values: Uint8Array.from({ length: rows }, () => random.below(3)),
    }],
  ];
  return {
    name: "numbers",
    row: "",
    columns: pairs.map(([column]) => column),
    async *rows() {
      yield await { count: rows, columns: pairs.map(([, values]) => values) };
    },
  };
}

for (const reader of ["pyarrow", "duckdb"] as const) {
  Deno.test({
    ...unless(READERS[reader].why, `Parquet of numbers of every size is what ${reader} reads`),
    async fn() {
      for (const rows of [1, 2, 33, 400]) {
        const table = numbersTable(new Random(rows), rows);
        const { bytes } = await encoded(table, parquetEncoder({ time: "int64" }));
        const read = await readByPython(reader === "pyarrow" ? "parquet" : "duckdb", bytes);
        const ints = new Set(table.columns.filter(({ type }) => type === "int").map(({ name }) => name));
        const expected = (await objectsOf(table)).map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([name, value]) => {
              return [name, [ints.has(name) ? "int" : asPython({ [name]: value })[name][0], String(value)]];
            }),
          )
        );
        assertSame(read, expected);
      }
    },
  });
}

Deno.test({
  ...unless(READERS.pyarrow.why, "Parquet names the least and greatest values, and how many are absent"),
  async fn() {
    const table = numbersTable(new Random(3), 1000);
    const { bytes } = await encoded(table, parquetEncoder({ time: "int64" }));
    const rows = await objectsOf(table);
    const [read] = await readByPython("statistics", bytes);
    for (const { name, type } of table.columns) {
      const values = rows.flatMap((row) => row[name] === undefined ? [] : [BigInt(type === "text" ? 0 : row[name]!)]);
      const nulls = rows.length - values.length;
      if (type !== "int" && type !== "time") {
        assertEquals(read[name], ["tuple", `(None, None, ${nulls})`]);
        continue;
      }
      const [min, max] = [values.reduce((a, b) => a < b ? a : b), values.reduce((a, b) => a > b ? a : b)];
      assertEquals(read[name], ["tuple", `(${min}, ${max}, ${nulls})`], name);
    }
  },
});

Deno.test("line protocol is what its reader reads: tags, or string fields where a tag cannot hold them", async () => {
  const table = oddTable();
  const { bytes, counts } = await encoded(table, textEncoder(lineProtocol));
  const points: Point[] = [];
  for await (const items of readPoints({ format: "line" }, new Blob([bytes]).stream())) {
    for (const item of items) {
      if (item.kind !== "point") throw new Error(JSON.stringify(item));
      points.push(item.point);
    }
  }
  const rows = await objectsOf(table);
  assertEquals(points.length, rows.length);
  let lost = 0;
  for (const [i, row] of rows.entries()) {
    const point = points[i];
    assertEquals([point.name, point.time], ["odd table", row.time]);
    const read: Record<string, Value> = { time: point.time, ...Object.fromEntries(point.tags) };
    for (const [name, value] of point.fields()) read[name] = value;
    const expected: Record<string, Value> = { ...row };
    for (const [name, value] of Object.entries(row)) {
      if (typeof value === "number" && !Number.isFinite(value)) {
        lost++;
        delete expected[name];
      } else if (name === "flow" && value === "") delete expected[name];
      else if (name === "seq") expected[name] = BigInt(value as number);
      else if (typeof value === "string") expected[name] = value.toWellFormed();
    }
    assertEquals(read, expected);
    // Parsers of InfluxDB 2 refuse control characters in tags.
    // deno-lint-ignore no-control-regex
    const isOdd = typeof row.flow === "string" && /[\x00-\x1f\x7f]|\\$/.test(row.flow);
    assertEquals(point.tags.has("flow"), row.flow !== undefined && row.flow !== "" && !isOdd);
  }
  assertEquals([counts.lostValues, counts.lostRows], [lost, 0]);
});

Deno.test("line protocol leaves out and counts rows without a field or without a time", async () => {
  const table: Table = {
    name: "t",
    row: "",
    columns: [
      { name: "time", type: "time", definition: "" },
      { name: "flow", type: "text", tag: true, definition: "" },
      { name: "n", type: "double", definition: "" },
    ],
    async *rows() {
      yield await {
        count: 3,
        columns: [
          { type: "time", base: 5n, offsets: Float64Array.of(0, 1, NaN) },
          { type: "constant", value: "a" },
          { type: "number", values: Float64Array.of(1.5, NaN, 2) },
        ],
      };
    },
  };
  const { bytes, counts } = await encoded(table, textEncoder(lineProtocol));
  assertEquals(new TextDecoder().decode(bytes), "t,flow=a n=1.5 5\n");
  assertEquals(counts.lostRows, 2);
});

Deno.test("line protocol leaves out and counts values whose names it cannot hold", async () => {
  const names = ["", "new\nline", "ends in a backslash\\", "comma, = blank"];
  const table: Table = {
    name: "t",
    row: "",
    columns: [
      { name: "time", type: "time", definition: "" },
      ...names.map((name) => ({ name, type: "text", tag: true, definition: "" } as const)),
      ...names.map((name) => ({ name: name + name, type: "int", definition: "" } as const)),
    ],
    async *rows() {
      yield await {
        count: 2,
        columns: [
          { type: "time", base: 5n, offsets: Float64Array.of(0, 1) },
          ...names.map(() => ({ type: "text", values: ["a", undefined] } as const)),
          ...names.map(() => ({ type: "number", values: Float64Array.of(1, 2) } as const)),
        ],
      };
    },
  };
  const { bytes, counts } = await encoded(table, textEncoder(lineProtocol));
  const field = "comma\\,\\ \\=\\ blankcomma\\,\\ \\=\\ blank";
  assertEquals(
    new TextDecoder().decode(bytes),
    `t,comma\\,\\ \\=\\ blank=a ${field}=1i 5\nt ${field}=2i 6\n`,
  );
  // Three tags of one row, three fields of two.
  assertEquals([counts.lostRows, counts.lostValues], [0, 9]);
});
