import { assertEquals, assertThrows } from "@std/assert";
import {
  checkHandler,
  checkMethods,
  findWrongProperty,
  infoResponse,
  type OutputPoint,
  toPoint,
} from "../../src/udf/handler.ts";
import { Point } from "../../src/udf/point.ts";
import { describePoint } from "../support/describe.ts";

Deno.test("toPoint() takes plain objects for maps, and sorts fields by their type", () => {
  const point = toPoint({
    name: "cpu",
    time: 5n,
    tags: { host: "a" },
    fields: { load: 1.5, count: 3n, state: "up", ok: true },
  });
  assertEquals(point.tags, new Map([["host", "a"]]));
  assertEquals(point.fieldsDouble, new Map([["load", 1.5]]));
  assertEquals(point.fieldsInt, new Map([["count", 3n]]));
  assertEquals(point.fieldsString, new Map([["state", "up"]]));
  assertEquals(point.fieldsBool, new Map([["ok", true]]));
});

Deno.test("toPoint() keeps maps, and returns a point as it is", () => {
  const fieldsInt = new Map([["count", 3n]]);
  assertEquals(toPoint({ fieldsInt }).field("count"), 3n);
  assertEquals(toPoint({ fieldsInt: { count: 4n } }).field("count"), 4n);
  const point = new Point({ name: "cpu" });
  assertEquals(toPoint(point) === point, true);
});

Deno.test("toPoint() takes a point of another class by its maps", () => {
  const fieldsInt = new Map([["count", 3n]]);
  const other = {
    ...{ time: 1n, name: "cpu", database: "", retentionPolicy: "", group: "", byName: false, dimensions: [] },
    ...{ tags: new Map<string, string>(), fieldsDouble: new Map<string, number>(), fieldsInt },
    ...{ fieldsString: new Map<string, string>(), fieldsBool: new Map<string, boolean>() },
    field: (name: string) => fieldsInt.get(name),
    setFields() {},
    *fields(): Generator<[string, bigint]> {
      yield* fieldsInt;
    },
    copy: () => other,
  };
  assertEquals([...toPoint(other).fields()], [["count", 3n]]);
});

Deno.test("toPoint() takes a point of another copy of tine with all that it has", async () => {
  const path = "../../src/udf/point.ts?copy"; // not a literal: the check of types has one copy
  const copy: { Point: typeof Point } = await import(path);
  const dimensions = ["host"], tags = new Map([["host", "a"]]), fieldsDouble = new Map([["v", 1.5]]);
  const texts = { name: "cpu", database: "db", retentionPolicy: "rp", group: "host=a" };
  const init = { ...texts, time: 5n, byName: true, dimensions, tags, fieldsDouble };
  const other = new copy.Point(init);
  assertEquals(other instanceof Point, false);
  assertEquals(describePoint(toPoint(other)), describePoint(new Point(init)));
});

/** What a handler in JavaScript may write by mistake, and what it reads then. */
const NO_POINTS: [unknown, string][] = [
  ["m v=1", 'a point must be an object, got "m v=1"'],
  [undefined, "a point must be an object, got undefined"],
  [[{ name: "m", fields: { v: 1 } }], "a point must be an object, got an array"],
  [{ measurement: "m", values: { v: 1 } }, "a point needs fields, such as"],
  [{ ...new Point({ name: "m" }) }, "got no property, as a spread of a point is"],
  [{ name: "m", fields: [["v", 1]] }, "fields must be an object or a Map, got an array"],
  [{ name: "m", fields: { v: {} } }, 'the field "v" must be a number, bigint, string or boolean, got an object'],
  [{ name: "m", fields: { v: Symbol() } }, "string or boolean, got a symbol"],
  [{ name: "m", tags: "a", fields: { v: 1 } }, 'tags must be an object or a Map, got "a"'],
  [{ name: "m", dimensions: "host", fields: { v: 1 } }, 'dimensions must be an array, got "host"'],
];

Deno.test("toPoint() refuses what is no point, and says what it must be", () => {
  for (const [written, message] of NO_POINTS) {
    assertThrows(() => toPoint(written as OutputPoint), TypeError, message);
  }
  assertEquals(
    [...toPoint({ fields: { a: 1, b: null, c: undefined } as unknown as Record<string, number> }).fields()],
    [
      ["a", 1],
    ],
  );
});

Deno.test("findWrongProperty() names a property of a point that was set to a value of another type", () => {
  const wrong: [object, string][] = [
    [{ time: 5 }, "time must be a bigint, in ns, got the number 5"],
    [{ time: new Date(0) }, "time must be a bigint, in ns, got a Date"],
    [{ name: null }, "name must be a string, got null"],
    [{ tags: { a: "b" } }, "tags must be a Map, got an object"],
    [{ fieldsInt: new Map([[5, 1n]]) }, "a key of fieldsInt must be a string, got the number 5"],
    [{ dimensions: ["a", 5] }, "a dimension must be a string, got the number 5"],
  ];
  for (const [properties, message] of wrong) {
    assertEquals(findWrongProperty(Object.assign(new Point(), properties)), message);
  }
  assertEquals(findWrongProperty(new Point({ name: "m" })), undefined);
});

Deno.test("infoResponse() takes options as an object or a map, and names what is wrong", () => {
  const wanted = new Map([["size", ["int"]], ["verbose", []]]);
  assertEquals(
    new Map(infoResponse({ wants: "stream", provides: "batch", options: { size: ["int"], verbose: [] } }).options),
    wanted as Map<string, never[]>,
  );
  const info = (options: unknown) => infoResponse({ wants: "stream", provides: "stream", options } as never);
  assertThrows(() => info({ size: ["integer"] }), TypeError, "info().options.size must list the types of its values");
  assertThrows(() => infoResponse(undefined as never), TypeError, "must return { wants, provides, options }");
});

Deno.test("checkHandler() and checkMethods() name the line to write", () => {
  assertThrows(() => checkHandler(null), TypeError, "must return a handler, got null");
  assertThrows(() => checkHandler({ init() {} }), TypeError, "has no method info(); write: info()");
  const handler = checkHandler({ info() {}, init() {}, point() {} });
  checkMethods(handler, "stream");
  assertThrows(() => checkMethods(handler, "batch"), TypeError, "has no method beginBatch(); write: beginBatch(begin)");
});
