import { assert, assertEquals } from "@std/assert";
import { createPointWriter, shortDouble } from "../../../src/udf/format/point_writer.ts";
import { textWidth } from "../../../src/base/text.ts";
import { Printed } from "./samples.ts";
import { type FieldValue, Point } from "../../../src/udf/point.ts";

function point(fields: Record<string, FieldValue>, tag = "a", name = "cpu"): Point {
  const made = new Point({ name, time: 1_700_000_000_000_000_000n, tags: new Map([["host", tag]]) });
  made.setFields(Object.entries(fields));
  return made;
}

Deno.test("a table has time, name, tags and fields, numbers to the right, wide characters counted", () => {
  const writer = new Printed(createPointWriter("table"));
  const text = writer.point(point({ n: 5n, s: "x" })) + writer.point(point({ n: 12345n, d: 0.1 }, "温度")) +
    writer.flush();
  assertEquals(
    text,
    "time                  name  host      n  s    d\n" +
      "2023-11-14T22:13:20Z  cpu   a         5  x\n" +
      "2023-11-14T22:13:20Z  cpu   温度  12345     0.1\n",
  );
});

Deno.test("other columns start a new header, fewer do not", () => {
  const writer = new Printed(createPointWriter("table"));
  writer.point(point({ n: 5n }));
  writer.flush();
  assertEquals(writer.point(point({})), "2023-11-14T22:13:20Z  cpu   a\n");
  assertEquals(writer.point(point({ other: true })), "");
  assert(writer.flush().startsWith("\ntime                  name  host  other\n"));
});

Deno.test("long input is printed as it comes once the columns are known", () => {
  const writer = new Printed(createPointWriter("table"));
  let lines = 0;
  for (let i = 0; i < 1000; i++) lines += writer.point(point({ n: BigInt(i) })).split("\n").length - 1;
  assertEquals(lines, 1001);
});

Deno.test("nothing from outside drives the terminal", () => {
  const writer = new Printed(createPointWriter("table"));
  const evil = "\x1b[2J\x9b\r\n\u202e\u2028\ud800";
  const head = { name: evil, group: evil, tags: new Map<string, string>(), byName: false };
  const text = writer.begin({ ...head, size: 0n }) + writer.point(point({ [evil]: evil }, evil, evil)) +
    writer.end({ ...head, tmax: 0n });
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/.test(text));
  assertEquals(text.split("\n").length, 5);
  assert(text.includes("\\x1b[2J\\x9b\\r\\n\\u202e\\u2028\\ud800"), text);
});

Deno.test("long texts are cut", () => {
  const writer = new Printed(createPointWriter("table"));
  for (const long of ["x".repeat(1_000_000), "温".repeat(40)]) writer.point(point({ s: long }));
  for (const line of writer.flush().trimEnd().split("\n")) assert(textWidth(line) < 90);
});

Deno.test("doubles are short and still look like doubles", () => {
  const cases: [number, string][] = [
    [1, "1.0"],
    [-0, "-0.0"],
    [97.53333333, "97.5333"],
    [123456789.25, "123456789.3"],
    [0.000123456789, "0.000123457"],
    [1e-9, "1e-9"],
    [1.5e300, "1.5e+300"],
    [NaN, "NaN"],
    [-Infinity, "-Infinity"],
    [999999.99, "1000000.0"],
  ];
  for (const [value, text] of cases) assertEquals(shortDouble(value), text);
});

Deno.test("width is that of a terminal", () => {
  assertEquals(["a", "é", "e\u0301", "温", "😀", "ｱ", "한", "\u200b"].map(textWidth), [1, 1, 1, 2, 2, 1, 2, 0]);
});
