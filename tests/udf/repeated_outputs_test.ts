import { assertEquals } from "@std/assert";
import { encodeResponse } from "../../src/udf/codec.ts";
import { Point } from "../../src/udf/point.ts";
import { RepeatedOutputs } from "../../src/udf/supervise/repeated_outputs.ts";
import { ByteWriter } from "../../src/wire/byte_writer.ts";

const point = (tags: [string, string][], v: number) =>
  new Point({ name: "cpu", time: 1n, tags: new Map(tags), fieldsDouble: new Map([["v", v]]), group: "x".repeat(200) });

/** A point as a UDF sends it. */
function frameOf(point: Point): Uint8Array {
  const writer = new ByteWriter();
  encodeResponse(writer, { kind: "point", point });
  return writer.bytes.slice(0, writer.position);
}

Deno.test("RepeatedOutputs takes points for the same whatever the order of their tags, encoded or not", () => {
  const repeats = new RepeatedOutputs();
  const ways: ((point: Point) => boolean)[] = [
    (point) => repeats.isRepeatedPoint(point),
    (point) => {
      const frame = frameOf(point);
      return repeats.isRepeatedFrame(Uint8Array.of(0, ...frame, 0), 1, frame.length + 1);
    },
  ];
  for (const first of ways) {
    for (const second of ways) {
      repeats.saved();
      assertEquals([first(point([["a", "1"], ["b", "2"]], 5)), first(point([], 6))], [false, false]);
      repeats.died();
      assertEquals(second(point([["b", "2"], ["a", "1"]], 5)), true);
      assertEquals(second(point([], 7)), false); // it differs: nothing more is left out
      assertEquals(second(point([], 6)), false);
    }
  }
});

Deno.test("RepeatedOutputs tells points apart that differ in one thing", () => {
  const points = [
    point([["a", "1"]], 5),
    point([["a", "2"]], 5),
    point([["1", "a"]], 5),
    point([["a", "1"]], -5),
    point([["a", "1"]], NaN),
    new Point({ name: "cpu", time: 2n }),
    new Point({ name: "cpu", time: 1n, fieldsInt: new Map([["v", 5n]]) }),
    new Point({ name: "cpu", time: 1n, fieldsString: new Map([["v", "5"]]) }),
  ];
  for (const [i, one] of points.entries()) {
    for (const [j, other] of points.entries()) {
      const repeats = new RepeatedOutputs();
      repeats.isRepeatedPoint(one);
      repeats.died();
      assertEquals(repeats.isRepeatedPoint(other), i === j, `${i} ${j}`);
    }
  }
});

Deno.test("RepeatedOutputs compares batches as a whole", () => {
  const batch = (...values: number[]) => ({
    begin: { name: "cpu", group: "g", tags: new Map(), size: 0n, byName: false },
    points: values.map((value) => point([], value)),
    end: { name: "cpu", group: "g", tags: new Map(), tmax: 9n, byName: false },
  });
  const repeats = new RepeatedOutputs();
  assertEquals([repeats.isRepeatedBatch(batch(1, 2)), repeats.isRepeatedBatch(batch(2, 1))], [false, false]);
  repeats.died();
  assertEquals([repeats.isRepeatedBatch(batch(1, 2)), repeats.isRepeatedBatch(batch(1, 2))], [true, false]);
  assertEquals(repeats.points, 2);
});
