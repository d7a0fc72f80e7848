import { assertEquals, assertThrows } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { decodeJson, encodeJson, list, number, object, optional, text } from "../../../src/node/protocol/json.ts";

Deno.test("encodeJson() writes bigints as decimal strings", () => {
  assertEquals(decodeJson(encodeJson({ a: 2n ** 60n, b: [null] })), { a: "1152921504606846976", b: [null] });
});

Deno.test("encodeJson() refuses numbers that JSON cannot hold, wherever they are", () => {
  const cases: [unknown, string][] = [
    [{ a: [{ b: Infinity }] }, "b is Infinity, expected a number"],
    [{ rate: NaN }, "rate is NaN, expected a number"],
    [{ time: 2n ** 63n }, 'time is "9223372036854775808", expected an integer of 64 bits in a text'],
  ];
  for (const [value, expected] of cases) {
    const error = assertThrows(() => encodeJson(value), TineError);
    assertEquals([error.code, error.message], ["bad-item", expected]);
  }
});

Deno.test("object() reads its own fields only, and names a field by its path", () => {
  const check = object({ a: object({ b: list(number) }), c: optional(text) });
  assertEquals(check(JSON.parse('{"a":{"b":[1,2],"x":0},"__proto__":{}}'), ""), { a: { b: [1, 2] }, c: undefined });
  const cases: [unknown, string][] = [
    [null, "it is null, expected an object"],
    [{ a: { b: [1, "2"] } }, 'a.b[1] is "2", expected a number'],
    [{ a: { b: {} } }, "a.b is an object, expected a list"],
    [{}, "a is left out, expected an object"],
    [Object.create({ a: { b: [] } }), "a is left out, expected an object"],
    [{ a: { b: [] }, c: 1 }, "c is 1, expected a text"],
  ];
  for (const [value, expected] of cases) {
    assertEquals(assertThrows(() => check(value, ""), TineError).message, expected);
  }
});
