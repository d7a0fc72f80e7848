import { assert, assertEquals, assertThrows } from "@std/assert";
import { TineError } from "../../src/base/errors.ts";
import { exactly, list, number, object, oneOf, optional, passes, text } from "../../src/base/shape.ts";

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

Deno.test("exactly() refuses other fields, wherever they are", () => {
  const check = list(exactly<{ kind: "a" | "b"; size?: number }>({ kind: oneOf("a", "b"), size: optional(number) }));
  assertEquals(check([{ kind: "a" }, { kind: "b", size: 1 }], "")[1], { kind: "b", size: 1 });
  assert(passes(check, [{ kind: "a" }]));
  const cases: [unknown, string][] = [
    [[{ kind: "a" }, { kind: "b", more: 1 }], "[1] is an object, expected no more"],
    [[{ kind: "c" }], '[0].kind is "c", expected a, b'],
    [[{ kind: "a", size: NaN }], "[0].size is NaN, expected a number"],
    [[[]], "[0] is a list, expected an object"],
  ];
  for (const [value, expected] of cases) {
    assertEquals(assertThrows(() => check(value, ""), TineError).message, expected);
    assert(!passes(check, value));
  }
});
