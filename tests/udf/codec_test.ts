import { assertEquals } from "@std/assert";
import { ByteWriter } from "../../src/wire/byte_writer.ts";
import { ByteReader } from "../../src/wire/byte_reader.ts";
import { decodeRequest, encodeRequest } from "../../src/udf/codec.ts";
import { Point } from "../../src/udf/point.ts";

Deno.test("a point survives encode and decode", () => {
  const w = new ByteWriter();
  encodeRequest(w, {
    kind: "point",
    point: new Point({
      time: -5n,
      name: "cpu",
      group: "g",
      tags: new Map([["__proto__", "x"]]),
      fieldsDouble: new Map([["a", NaN], ["b", -0]]),
      fieldsInt: new Map([["i", 1n << 62n]]),
      fieldsBool: new Map([["t", true]]),
    }),
  });
  const r = decodeRequest(new ByteReader().reset(w.bytes, 0, w.position));
  if (r.kind !== "point") throw new Error(r.kind);
  assertEquals(r.point.field("i"), 1n << 62n);
  const w2 = new ByteWriter();
  encodeRequest(w2, r);
  assertEquals(w2.written(), w.written());
  assertEquals(r.point.fieldsDouble, new Map([["a", NaN], ["b", -0]]));
  assertEquals(r.point.tags.get("__proto__"), "x");
  assertEquals(r.point.time, -5n);
  const w3 = new ByteWriter();
  encodeRequest(w3, r);
  assertEquals(w3.written(), w.written());
});
