import { assertEquals, assertThrows } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { decodeJson, encodeJson } from "../../../src/node/protocol/json.ts";

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
