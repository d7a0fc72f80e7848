import { assertEquals, assertThrows } from "@std/assert";
import { udfOptions } from "../../src/udf/option_values.ts";
import type { ValueType } from "../../src/udf/messages.ts";

const options = new Map<string, ValueType[]>([
  ["field", ["string"]],
  ["size", ["int"]],
  ["scale", ["double"]],
  ["every", ["duration"]],
  ["on", ["bool"]],
  ["range", ["int", "double"]],
  ["quiet", []],
]);

const typed = (given: Parameters<typeof udfOptions>[0]) => udfOptions(given, { options });

Deno.test("udfOptions() gives each value the type that the UDF declares", () => {
  assertEquals(typed({ field: 5, size: "9007199254740993", scale: 1, every: "10s", on: true, quiet: true }), [
    { name: "field", values: [{ type: "string", value: "5" }] },
    { name: "size", values: [{ type: "int", value: 9007199254740993n }] },
    { name: "scale", values: [{ type: "double", value: 1 }] },
    { name: "every", values: [{ type: "duration", value: 10_000_000_000n }] },
    { name: "on", values: [{ type: "bool", value: true }] },
    { name: "quiet", values: [] },
  ]);
  assertEquals(typed(undefined), []);
});

Deno.test("udfOptions() takes a list for several values, and one option for each value otherwise", () => {
  const range = (a: bigint, b: number) => ({
    name: "range",
    values: [{ type: "int" as const, value: a }, { type: "double" as const, value: b }],
  });
  assertEquals(typed({ range: [1, 2.5] }), [range(1n, 2.5)]);
  assertEquals(typed({ range: [[1, 2.5], [3, 4]] }), [range(1n, 2.5), range(3n, 4)]);
  assertEquals(typed({ field: ["a", "b"], quiet: false }).map(({ values }) => values[0].value), ["a", "b"]);
});

for (
  const [given, message] of [
    [{ feild: "a" }, 'the UDF has no option "feild": did you mean field?'],
    [{ size: 1.5 }, 'option size wants size=INT: expected a whole number, got "1.5"'],
    [{ range: [1] }, "option range wants range=INT,DOUBLE, got 1 of 2 values"],
    [{ quiet: "yes" }, 'option quiet is a flag: expected true or false, not "yes"'],
    [{ every: 10 }, 'option every wants every=DURATION: expected a duration such as 10s, 1h30m or 250us, got "10"'],
  ] as const
) {
  Deno.test(`udfOptions() refuses ${JSON.stringify(given)}`, () => {
    assertEquals(assertThrows(() => typed(given), Error).message, message);
  });
}
