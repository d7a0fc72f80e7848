import { assertEquals, assertThrows } from "@std/assert";
import { type Batch, Batcher } from "../../src/udf/batcher.ts";
import { assignGroup } from "../../src/udf/group.ts";
import { Point } from "../../src/udf/point.ts";
import { TineError } from "../../src/base/errors.ts";

function point(time: bigint, host = "a", name = "m"): Point {
  const made = new Point({ time, name, database: "d", tags: new Map([["host", host]]) });
  assignGroup(made, ["host"]);
  return made;
}

function describe(batches: Batch[]): string[] {
  return batches.map(({ begin, points, end }) =>
    `${begin.name} ${begin.group} ${points.map((p) => p.time).join()} tmax ${end.tmax} size ${begin.size}`
  );
}

Deno.test("by size a batch ends with the last of its group's points, the end flushes the rest", () => {
  const batcher = new Batcher({ size: 2 });
  assertEquals(batcher.point(point(5n)), []);
  assertEquals(batcher.point(point(1n, "b")), []);
  assertEquals(batcher.boundary(), []);
  assertEquals(describe(batcher.point(point(4n))), ["m host=a 5,4 tmax 5 size 2"]);
  assertEquals(batcher.held, 1);
  assertEquals(describe(batcher.flush()), ["m host=b 1 tmax 1 size 1"]);
  assertEquals([batcher.held, batcher.flush()], [0, []]);
});

Deno.test("windows are aligned to the epoch, per group, and drop and count late points", () => {
  const batcher = new Batcher({ windowNs: 10n });
  assertEquals(batcher.point(point(-1n)), []);
  assertEquals(batcher.point(point(-10n)), []);
  assertEquals(batcher.point(point(25n, "b")), []);
  assertEquals(describe(batcher.point(point(0n))), ["m host=a -1,-10 tmax 0 size 2"]);
  assertEquals(describe(batcher.point(point(10n))), ["m host=a 0 tmax 10 size 1"]);
  assertEquals(batcher.point(point(9n)), []);
  assertEquals(batcher.late, 1);
  assertEquals(describe(batcher.flush()), ["m host=b 25 tmax 30 size 1", "m host=a 10 tmax 20 size 1"]);
});

Deno.test("the last window of int64 ends where int64 does", () => {
  const batcher = new Batcher({ windowNs: 10n ** 12n });
  batcher.point(point(2n ** 63n - 1n));
  assertEquals(batcher.flush()[0].end.tmax, 2n ** 63n - 1n);
});

Deno.test("otherwise a boundary ends the batches of all groups; measurements do not mix", () => {
  const batcher = new Batcher();
  for (const one of [point(1n), point(2n, "b"), point(3n), point(4n, "a", "n")]) assertEquals(batcher.point(one), []);
  assertEquals(describe(batcher.boundary()), [
    "m host=a 1,3 tmax 3 size 2",
    "m host=b 2 tmax 2 size 1",
    "n host=a 4 tmax 4 size 1",
  ]);
  assertEquals(batcher.boundary(), []);
});

Deno.test("points in a batch keep time, group, tags and fields only", () => {
  const batcher = new Batcher({ size: 1 });
  const [batch] = batcher.point(point(1n));
  const [inside] = batch.points;
  assertEquals([inside.name, inside.database, inside.dimensions, inside.group], ["", "", [], "host=a"]);
  assertEquals(inside.tags, new Map([["host", "a"]]));
  assertEquals(batch.begin.tags, new Map([["host", "a"]]));
  assertEquals([batch.end.group, batch.end.name, batch.end.byName], ["host=a", "m", false]);
});

Deno.test("a batch that input spells out is taken as it is, with its size", () => {
  const batcher = new Batcher({ size: 1 });
  const head = { name: "m", group: "g", tags: new Map([["t", "x"]]), byName: true };
  const end = { ...head, tmax: 99n };
  assertEquals(batcher.end(end), []);
  assertEquals(batcher.begin({ ...head, size: 7n }), []);
  assertEquals(batcher.point(new Point({ time: 1n })), []);
  const [batch] = batcher.end(end);
  assertEquals(batch.begin, { ...head, size: 1n });
  assertEquals(batch.end, end);
  assertEquals(batch.points[0].group, "g");
  batcher.begin({ ...head, size: 0n });
  batcher.point(new Point({ time: 5n }));
  assertEquals(batcher.flush()[0].end.tmax, 5n);
});

Deno.test("more points than the limit are an error, and so are senseless options", () => {
  const batcher = new Batcher({ maxPoints: 2 });
  batcher.point(point(1n));
  batcher.point(point(1n));
  assertEquals(assertThrows(() => batcher.point(point(1n)), TineError).code, "too-many-points");
  for (const options of [{ size: 0 }, { size: 1.5 }, { windowNs: 0n }, { size: 1, windowNs: 1n }, { maxPoints: 0 }]) {
    assertEquals(assertThrows(() => new Batcher(options), TineError).code, "usage");
  }
});
