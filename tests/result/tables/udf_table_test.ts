import { assertEquals } from "@std/assert";
import { pointsTable, udfTable } from "../../../src/result/tables/udf_table.ts";
import { type ReturnedPoint, writeUdfHead } from "../../../src/result/udf_output.ts";
import { UdfColumns } from "../../../src/result/udf_columns.ts";
import { Point } from "../../../src/udf/point.ts";
import { encodeResponse } from "../../../src/udf/codec.ts";
import { ByteWriter } from "../../../src/wire/byte_writer.ts";
import { objectsOf } from "../export/odd_table.ts";
import { inFolder } from "../fixtures.ts";

/** The table of a UDF that returned points with such tags in a test of this id. */
function tableOf(points: readonly Point[], id: Readonly<Record<string, string>> = { name: "a" }) {
  const columns = new UdfColumns();
  for (const point of points) columns.add(point);
  async function* returned(): AsyncGenerator<ReturnedPoint[]> {
    yield await Promise.resolve(points.map((point) => ({ point })));
  }
  return udfTable("odd", {
    test: { path: "", summary: { id } },
    run: "r",
    idKeys: Object.keys(id),
    udfs: new Map([["odd", columns.columns]]),
    returned: returned(),
  });
}

const TIMES = [0n, 1_795_962_910_435_642_881n, 2n ** 63n - 1n, -5n, -(2n ** 63n)];

Deno.test("times of a UDF's points are exact, whichever it chooses", async () => {
  const points = TIMES.map((time) => new Point({ time, fieldsInt: new Map([["n", time]]) }));
  for (const some of [points, points.slice(0, 2), points.slice(1, 2)]) {
    const rows = await objectsOf(tableOf(some));
    assertEquals(rows.map(({ time }) => time), some.map(({ time }) => time));
  }
  await inFolder(async (folder) => {
    const writer = new ByteWriter();
    writeUdfHead(writer, { name: "odd", table: "round_trips" });
    for (const point of points) {
      const start = writer.openLength(1);
      encodeResponse(writer, { kind: "point", point });
      writer.closeLength(start, 1);
    }
    await Deno.writeFile(`${folder}/1.tine`, writer.written());
    const rows = await objectsOf(pointsTable(`${folder}/1.tine`, []));
    assertEquals(rows.map(({ time }) => time), TIMES);
  });
});

Deno.test("the keys of an id hide no tag that a UDF returned, and are called as in the rows that it got", async () => {
  const id = { flow: "bulk", node: "far", queue: "fq", name: "a", rtt_us: "7" };
  const tags = { run: "r", id_flow: "bulk", id_node: "far", id_queue: "fq", name: "a", id_rtt_us: "7" };
  const own = { flow: "voip", node: "left", queue: "tbf 8001: root" };
  const rowOf = (tags: Readonly<Record<string, string>>) =>
    new Point({ time: 5n, tags: new Map(Object.entries(tags)), fieldsDouble: new Map([["rtt_us", 31]]) });
  const [row] = await objectsOf(tableOf([rowOf({ ...tags, ...own })], id));
  assertEquals(row, { time: 5n, ...tags, ...own, rtt_us: 31 });
  // A UDF that keeps the tags of its groups alone.
  const [kept] = await objectsOf(tableOf([rowOf({ flow: "voip" })], { flow: "bulk", name: "a" }));
  assertEquals(kept, { time: 5n, run: "r", id_flow: "bulk", name: "a", flow: "voip", rtt_us: 31 });
});
