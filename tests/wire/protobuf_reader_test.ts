import { assertEquals, assertThrows } from "@std/assert";
import { WireError } from "../../src/base/errors.ts";
import { ProtobufReader } from "../../src/wire/protobuf_reader.ts";
import { concat, field, varint } from "../support/bytes.ts";

const reader = new ProtobufReader(`
  syntax = "proto3";
  package p;
  enum E { A = 0; B = 1; }
  message Inner { string text = 1; bytes data = 2; }
  message M {
    int64 time = 1;
    map<string, int64> counts = 2;
    repeated E kinds = 3;
    Inner inner = 4;
    double share = 5;
    sfixed64 stamp = 6;
    bool more = 7;
    uint64 number = 8;
    map<string, Inner> inners = 9;
  }
`);
const text = (value: string) => new TextEncoder().encode(value);
const entry = (key: string, value: Uint8Array) => field(2, field(1, text(key)), varint(2 << 3), value);
const fixed64 = (number: number, ...bytes: number[]) => concat([varint(number << 3 | 1), new Uint8Array(bytes)]);

Deno.test("ProtobufReader.read() gives all fields, 64 bits exactly, and each key of a map", () => {
  const bytes = concat([
    concat([varint(1 << 3), varint(-(2n ** 63n))]),
    entry("__proto__", varint(2n ** 63n - 1n)),
    entry("a", varint(1)),
    entry("a", varint(2)),
    field(3, varint(1), varint(0), varint(9)),
    field(9, field(1, text("k")), field(2, field(1, text("é")))),
    field(1000, text("unknown")),
  ]);
  const { inners, ...message } = reader.read("p.M", bytes);
  assertEquals({ ...message }, {
    time: -(2n ** 63n),
    counts: new Map([["__proto__", 2n ** 63n - 1n], ["a", 2n]]),
    kinds: ["B", "A", 9],
    share: 0,
    stamp: 0n,
    more: false,
    number: 0n,
  });
  const inner = (inners as Map<string, Record<string, unknown>>).get("k");
  assertEquals({ ...inner }, { text: "é", data: new Uint8Array() });
});

Deno.test("ProtobufReader.read() throws a WireError for what protobufjs refuses", () => {
  assertThrows(() => reader.read("p.M", new Uint8Array([0x22, 5, 1])), WireError, "index out of range");
});

Deno.test("ProtobufReader.walk() shows fields in their order, unknown ones with number, wire type and value", () => {
  const bytes = concat([
    concat([varint(8 << 3), varint(2n ** 64n - 1n)]),
    concat([varint(1 << 3), varint(-1n)]),
    field(4, field(1, text("é")), field(2, new Uint8Array([255])), field(70, text("x"))),
    field(3, varint(1), varint(9)),
    concat([varint(3 << 3), varint(0)]),
    fixed64(5, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f),
    fixed64(6, 255, 255, 255, 255, 255, 255, 255, 255),
    concat([varint(7 << 3), varint(1)]),
    fixed64(99, 1, 0, 0, 0, 0, 0, 0, 0),
    concat([varint(100 << 3 | 5), new Uint8Array([2, 0, 0, 0])]),
    concat([varint(101 << 3), varint(-1n)]),
    field(1, text("not a varint")),
    concat([varint(102 << 3 | 3), varint(1 << 3), varint(3), varint(102 << 3 | 4)]),
  ]);
  assertEquals(reader.walk("p.M", bytes), {
    fields: [
      { number: 8, wireType: "varint", name: "number", value: 2n ** 64n - 1n },
      { number: 1, wireType: "varint", name: "time", value: -1n },
      {
        number: 4,
        wireType: "bytes",
        name: "inner",
        value: [
          { number: 1, wireType: "bytes", name: "text", value: "é" },
          { number: 2, wireType: "bytes", name: "data", value: new Uint8Array([255]) },
          { number: 70, wireType: "bytes", value: text("x") },
        ],
      },
      {
        number: 3,
        wireType: "bytes",
        name: "kinds",
        value: [
          { number: 3, wireType: "varint", name: "kinds", value: "B" },
          { number: 3, wireType: "varint", name: "kinds", value: 9n },
        ],
      },
      { number: 3, wireType: "varint", name: "kinds", value: "A" },
      { number: 5, wireType: "fixed64", name: "share", value: 1 },
      { number: 6, wireType: "fixed64", name: "stamp", value: -1n },
      { number: 7, wireType: "varint", name: "more", value: true },
      { number: 99, wireType: "fixed64", value: 1n },
      { number: 100, wireType: "fixed32", value: 2 },
      { number: 101, wireType: "varint", value: 2n ** 64n - 1n },
      { number: 1, wireType: "bytes", value: text("not a varint") },
      { number: 102, wireType: "group", value: [{ number: 1, wireType: "varint", value: 3n }] },
    ],
  });
});

Deno.test("ProtobufReader.walk() keeps what comes before the first byte that is no protobuf", () => {
  const cut = concat([
    concat([varint(1 << 3), varint(5)]),
    field(4, field(1, text("a")), new Uint8Array([0x12, 9, 1])),
  ]);
  assertEquals(reader.walk("p.M", cut), {
    fields: [
      { number: 1, wireType: "varint", name: "time", value: 5n },
      {
        number: 4,
        wireType: "bytes",
        name: "inner",
        value: [{ number: 1, wireType: "bytes", name: "text", value: "a" }],
      },
    ],
    error: "a protobuf message ends in the middle of a field",
  });
  for (const bad of [[0x0e], [0x0c], [0x02, 0], [0x09, 1], [0x0b, 0x14], [0x80]]) {
    const { error } = reader.walk(undefined, new Uint8Array(bad));
    assertEquals(typeof error, "string", String(bad));
  }
});
