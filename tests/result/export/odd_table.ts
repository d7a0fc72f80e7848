import { Random } from "../../support/random.ts";
import { type Column, type RowChunk, type Table, type Value, valueAt } from "../../../src/result/tables/table.ts";

const column = (name: string, type: Column["type"], tag = false): Column => ({ name, type, tag, definition: "" });

/** Texts that formats quote, escape or cannot hold in a tag. */
export const ODD_TEXTS = [
  "plain",
  "",
  " blanks ",
  'quote " and quote',
  "comma, comma",
  "key=value",
  "=1+1",
  "-1",
  "two\nlines",
  "carriage\r\nreturn",
  "back\\slash",
  "ends in a backslash\\",
  "tab\there",
  "\u{1f600} emoji",
  "温度",
  "</script><script>alert(1)</script>",
  "\u0000\u001b[31m",
  "'single'",
  "#comment",
  "lone \ud800 surrogate",
];

/** Met once. */
const LONG = "x".repeat(1 << 20);

/** A base of times beyond 2^53. */
export const BASE = 1_795_916_003_108_756_319n;

/**
 * A table with every type of column and of values: what is constant, absent, odd, of 64 bits.
 *
 * @param chunks how many chunks of rows
 */
export function oddTable(chunks = 3): Table {
  const columns = [
    column("time", "time"),
    column("run", "text", true),
    column("absent_tag", "text", true),
    column("flow", "text", true),
    column("note", "text"),
    column("seq", "int"),
    column("big", "int"),
    column("rtt_us", "double"),
    column("maybe", "double"),
    column("alive", "bool"),
    column("same", "double"),
    column("never", "int"),
    column("end", "time"),
  ];
  return {
    name: "odd table",
    row: "anything",
    columns,
    async *rows() {
      const random = new Random(7);
      for (let k = 0; k < chunks; k++) yield await chunkOf(random, k);
    },
  };
}

function chunkOf(random: Random, k: number): RowChunk {
  const count = ODD_TEXTS.length;
  const numbers = (value: (i: number) => number) => Float64Array.from({ length: count }, (_, i) => value(i));
  const constant = (value: Value) => ({ type: "constant", value }) as const;
  return {
    count,
    columns: [
      { type: "time", base: BASE, offsets: numbers((i) => k * 1e12 + i * 1001) },
      constant("a run, = odd"),
      constant(undefined),
      { type: "text", values: k === 1 ? ODD_TEXTS.map((text, i) => i % 2 === 0 ? text : undefined) : ODD_TEXTS },
      { type: "text", values: k === 0 ? [...ODD_TEXTS.slice(1), LONG] : ODD_TEXTS.toReversed() },
      { type: "number", values: numbers((i) => i % 5 === 4 ? NaN : i - 3) },
      {
        type: "bigint",
        values: BigInt64Array.from({ length: count }, (_, i) => (-1n) ** BigInt(i) * 2n ** 62n + BigInt(i)),
      },
      { type: "number", values: numbers(() => random.below(1e9) / 1000) },
      {
        type: "number",
        values: numbers((i) => [NaN, Infinity, -Infinity, 0.1, 1e300, 5e-324][i % 6]),
        present: Uint8Array.from({ length: count }, (_, i) => i % 7 === 6 ? 0 : 1),
      },
      { type: "bool", values: Uint8Array.from({ length: count }, (_, i) => i % 3) },
      constant(0.25),
      constant(undefined),
      { type: "time", base: BASE, offsets: numbers((i) => i % 4 === 3 ? NaN : -i) },
    ],
  };
}

/** The rows of a table as objects; absent values are left out. */
export async function objectsOf(table: Table): Promise<Record<string, Value>[]> {
  const objects: Record<string, Value>[] = [];
  for await (const { count, columns } of table.rows()) {
    for (let i = 0; i < count; i++) {
      const entries = table.columns.map(({ name }, k) => [name, valueAt(columns[k], i)] as const);
      objects.push(Object.fromEntries(entries.filter(([, value]) => value !== undefined)));
    }
  }
  return objects;
}
