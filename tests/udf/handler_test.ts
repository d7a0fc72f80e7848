import { assertEquals, assertThrows } from "@std/assert";
import { checkHandler, checkMethods, infoResponse, toPoint } from "../../src/udf/handler.ts";
import { Point } from "../../src/udf/point.ts";

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
