import { assertEquals, assertStringIncludes } from "@std/assert";
import { SecondReader } from "../../../src/udf/check/second_reader.ts";
import { Point } from "../../../src/udf/point.ts";
import { concat, field, responseBytes, responseIn, varint } from "../../support/bytes.ts";
import { Generator, RESPONSE_KINDS } from "../../support/generate.ts";
import { Random } from "../../support/random.ts";

const second = new SecondReader();

for (const kind of RESPONSE_KINDS) {
  Deno.test(`SecondReader finds no difference in a response as our encoder writes it: ${kind}`, () => {
    const generator = new Generator(new Random(RESPONSE_KINDS.indexOf(kind) + 201));
    for (let i = 0; i < 200; i++) {
      const bytes = responseBytes(generator.response(kind));
      assertEquals(second.difference(responseIn(bytes), bytes), undefined);
    }
  });
}

Deno.test("SecondReader finds no difference in keys __proto__, extreme integers, NaN and -0", () => {
  const bytes = responseBytes({
    kind: "point",
    point: new Point({
      time: -(2n ** 63n),
      tags: new Map([["__proto__", "a"], ["constructor", "b"]]),
      fieldsDouble: new Map([["__proto__", NaN], ["zero", -0]]),
      fieldsInt: new Map([["__proto__", 2n ** 63n - 1n]]),
      fieldsBool: new Map([["__proto__", false]]),
    }),
  });
  assertEquals(second.difference(responseIn(bytes), bytes), undefined);
});

Deno.test("SecondReader names what a faulty decoder reads wrongly, with its place", () => {
  const init = {
    time: 7n,
    name: "m",
    dimensions: ["a", "b"],
    tags: new Map([["__proto__", "x"]]),
    fieldsInt: new Map([["n", 2n ** 53n + 1n]]),
    fieldsDouble: new Map([["z", -0]]),
  };
  const bytes = responseBytes({ kind: "point", point: new Point(init) });
  const faulty = (change: Partial<typeof init>) =>
    second.difference({ kind: "point", point: new Point({ ...init, ...change }) }, bytes);
  assertEquals(faulty({}), undefined);
  assertEquals(
    faulty({ fieldsInt: new Map([["n", 2n ** 53n]]) }),
    'point.fieldsInt["n"] is 9007199254740992 to tine and 9007199254740993 to protobufjs',
  );
  assertEquals(faulty({ tags: new Map() }), 'point.tags["__proto__"] is absent to tine and "x" to protobufjs');
  assertEquals(
    faulty({ fieldsDouble: new Map([["z", 0]]) }),
    'point.fieldsDouble["z"] is 0 to tine and -0 to protobufjs',
  );
  assertEquals(faulty({ dimensions: ["a"] }), 'point.dimensions.1 is absent to tine and "b" to protobufjs');
  assertEquals(second.difference({ kind: "empty" }, bytes), "the response is empty to tine and point to protobufjs");
  const snapshot = responseBytes({ kind: "snapshot", snapshot: new Uint8Array([1, 2]) });
  const cut = { kind: "snapshot", snapshot: new Uint8Array([1]) } as const;
  assertEquals(second.difference(cut, snapshot), "snapshot.snapshot is 01 to tine and 01 02 to protobufjs");
});

Deno.test("SecondReader reports messages on which decoders differ by design", () => {
  // A message in two parts.
  const parts = concat([field(1, varint(1 << 3), varint(1)), field(1, varint(2 << 3), varint(1))]);
  assertEquals(
    second.difference(responseIn(parts), parts),
    "info comes in parts, which some decoders join and others do not",
  );
  const invalid = field(6, field(1, new Uint8Array([0xff])));
  assertStringIncludes(
    second.difference(responseIn(invalid), invalid) ?? "",
    "tine reads error where protobufjs refuses the message: ",
  );
});
