import { assertEquals } from "@std/assert";
import { RowPoints } from "../../src/bridge/row_points.ts";
import type { Column, RowChunk, TableSchema } from "../../src/result/tables/table.ts";
import { decodeRequest } from "../../src/udf/codec.ts";
import { ByteReader } from "../../src/wire/byte_reader.ts";

const column = (name: string, type: Column["type"], tag = false): Column => ({ name, type, tag, definition: "" });

const schema: TableSchema = {
  name: "odd",
  row: "a row",
  columns: [
    column("time", "time"),
    column("flow", "text", true),
    column("sender", "int", true),
    column("bytes", "int"),
    column("rtt_us", "double"),
    column("text", "text"),
    column("sent", "bool"),
    column("end_time", "time"),
  ],
};

const rows: RowChunk = {
  count: 4,
  columns: [
    { type: "time", base: 1_700_000_000_000_000_000n, offsets: Float64Array.of(0, 5, NaN, 7) },
    { type: "constant", value: "voip.a" },
    { type: "number", values: Float64Array.of(0, 1, 0, NaN) },
    { type: "bigint", values: BigInt64Array.of(2n ** 62n, -1n, 0n, 0n), present: Uint8Array.of(1, 1, 1, 0) },
    { type: "number", values: Float64Array.of(0.5, NaN, 1, NaN), present: Uint8Array.of(1, 1, 1, 0) },
    { type: "text", values: ["é", "", "x", undefined] },
    { type: "bool", values: Uint8Array.of(1, 0, 1, 2) },
    { type: "time", base: 10n, offsets: Float64Array.of(1, NaN, 1, NaN) },
  ],
};

Deno.test("RowPoints has each column as a tag or as a field of its type", () => {
  const points = new RowPoints(schema, ["sender", "flow"]);
  const [first, second, ...others] = points.points(rows);
  assertEquals(others, []);
  assertEquals(points.lost, 2, "a row without a time, and one without a field");
  assertEquals(first.time, 1_700_000_000_000_000_000n);
  assertEquals(first.name, "odd");
  assertEquals(first.group, "flow=voip.a,sender=0");
  assertEquals(first.dimensions, ["flow", "sender"]);
  assertEquals([...first.tags], [["flow", "voip.a"], ["sender", "0"]]);
  assertEquals([...first.fieldsInt], [["bytes", 2n ** 62n], ["end_time", 11n]]);
  assertEquals([...first.fieldsDouble], [["rtt_us", 0.5]]);
  assertEquals([...first.fieldsString], [["text", "é"]]);
  assertEquals([...first.fieldsBool], [["sent", true]]);
  assertEquals(second.group, "flow=voip.a,sender=1");
  assertEquals([...second.fields()], [["sent", false], ["rtt_us", NaN], ["bytes", -1n], ["text", ""]]);
});

Deno.test("RowPoints takes a time between two nanoseconds, which a node must not send, for the nearest", () => {
  const times = { type: "time", base: 5n, offsets: Float64Array.of(1.75, Infinity) } as const;
  const points = new RowPoints(schema);
  const taken = points.points({ count: 2, columns: [times, ...rows.columns.slice(1)] });
  assertEquals([taken.map(({ time }) => time), points.lost], [[7n], 1]);
});

Deno.test("RowPoints groups by all tags of a point, and not at all without groupBy", () => {
  assertEquals(new RowPoints(schema, ["*"]).points(rows)[1].group, "flow=voip.a,sender=1");
  const [point] = new RowPoints(schema).points(rows);
  assertEquals([point.group, point.dimensions], ["", []]);
});

Deno.test("RowPoints encodes requests that are read as the points themselves", () => {
  const points = new RowPoints(schema, ["flow"]);
  const { bytes, count, places } = points.encode(rows);
  assertEquals(count, 2);
  const requests = Array.from({ length: count }, (_, i) => {
    return decodeRequest(new ByteReader().reset(bytes, places[2 * i], places[2 * i + 1]));
  });
  const decoded = requests.map((request) => request.kind === "point" ? request.point.copy() : undefined);
  assertEquals(decoded, new RowPoints(schema, ["flow"]).points(rows).map((point) => point.copy()));
});
