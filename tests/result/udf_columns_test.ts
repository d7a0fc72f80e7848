import { assertEquals } from "@std/assert";
import { UdfColumns } from "../../src/result/udf_columns.ts";
import { Point } from "../../src/udf/point.ts";

Deno.test("UdfColumns has the order of the table, then of names, whatever order a UDF sends its fields in", () => {
  const table = { columns: ["time", "flow", "node", "rtt_us", "seq"].map((name) => ({ name })) };
  const points = [
    { tags: ["node", "flow", "extra"], fields: ["z", "seq", "avg", "rtt_us"] },
    { tags: ["extra", "flow", "node"], fields: ["rtt_us", "avg", "z", "seq"] },
  ];
  for (const { tags, fields } of points) {
    const columns = new UdfColumns(table);
    const point = new Point({ tags: new Map(tags.map((name) => [name, "x"])) });
    point.setFields(fields.map((name) => [name, 1]));
    columns.add(point);
    assertEquals(columns.columns.map(({ name }) => name), ["flow", "node", "extra", "rtt_us", "seq", "avg", "z"]);
  }
});
