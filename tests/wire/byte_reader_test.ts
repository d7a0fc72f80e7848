import { assertEquals, assertThrows } from "@std/assert";
import { ByteReader } from "../../src/wire/byte_reader.ts";
import { WireError } from "../../src/base/errors.ts";
import { concat, frame, textField, varint, varintField } from "../support/bytes.ts";
import { INT64_EDGES, Random, TEXTS } from "../support/random.ts";

const over = (...bytes: number[]) => new ByteReader().reset(new Uint8Array(bytes));
const START = (field: number) => field << 3 | 3;
const END = (field: number) => field << 3 | 4;

function code(action: () => unknown): string {
  return assertThrows(action, WireError).code;
}

Deno.test("ByteReader.int64() reads every edge of 64 bits", () => {
  for (const value of INT64_EDGES) {
    const reader = new ByteReader().reset(varint(value));
    assertEquals(reader.int64(), value);
    assertEquals(reader.position, reader.end);
  }
});

Deno.test("ByteReader.int64() reads varints longer than needed, and only 64 of 70 bits", () => {
  assertEquals(over(0x85, 0x80, 0x80, 0).int64(), 5n);
  assertEquals(over(0x85, ...Array(8).fill(0x80), 0).int64(), 5n);
  assertEquals(over(0xff, 0xff, 0xff, 0xff, 0x0f).int64(), 2n ** 32n - 1n);
  assertEquals(over(...Array(9).fill(0xff), 0x7f).int64(), -1n);
  assertEquals(over(...Array(9).fill(0x80), 0x7e).int64(), 0n);
});

Deno.test("ByteReader refuses a varint of more than 10 bytes", () => {
  const long = [...Array(10).fill(0x80), 0];
  assertEquals(code(() => over(...long).int64()), "bad-varint");
  assertEquals(code(() => over(...long).uint32()), "bad-varint");
  assertEquals(code(() => over(...long).bool()), "bad-varint");
  assertEquals(code(() => over(...long).skip(1 << 3)), "bad-varint");
});

Deno.test("ByteReader.uint32() reads the low 32 bits of any varint", () => {
  assertEquals(over(0).uint32(), 0);
  assertEquals(over(0x7f).uint32(), 127);
  assertEquals(over(0xff, 0xff, 0xff, 0xff, 0x0f).uint32(), 2 ** 32 - 1);
  assertEquals(new ByteReader().reset(varint(-1n)).uint32(), 2 ** 32 - 1);
  assertEquals(new ByteReader().reset(varint(2n ** 40n + 3n)).uint32(), 3);
});

Deno.test("ByteReader.bool() is true if any of the 64 bits is set", () => {
  assertEquals(over(0).bool(), false);
  assertEquals(over(1).bool(), true);
  assertEquals(over(2).bool(), true);
  assertEquals(new ByteReader().reset(varint(2n ** 32n)).bool(), true);
  assertEquals(new ByteReader().reset(varint(2n ** 63n)).bool(), true);
  assertEquals(over(0x80, 0x80, 0).bool(), false);
});

Deno.test("ByteReader throws where any value is cut", () => {
  for (const bytes of [[], [0x80], [0xff, 0xff]]) {
    assertEquals(code(() => over(...bytes).uint32()), "cut-message");
    assertEquals(code(() => over(...bytes).int64()), "cut-message");
    assertEquals(code(() => over(...bytes).string()), "cut-message");
    assertEquals(code(() => over(...bytes).skip(8)), "cut-message");
  }
  assertEquals(code(() => over(1, 2, 3, 4, 5, 6, 7).double()), "cut-message");
  assertEquals(code(() => over(3, 65, 66).string()), "cut-message");
  assertEquals(code(() => over(3, 65, 66).byteString()), "cut-message");
  assertEquals(code(() => over(0xff, 0xff, 0xff, 0xff, 0x0f, 65).string()), "cut-message");
  assertEquals(code(() => over(1, 2, 3).skip(1 << 3 | 5)), "cut-message");
  assertEquals(code(() => over(1, 2, 3).skip(1 << 3 | 1)), "cut-message");
});

Deno.test("ByteReader stops at its end, also where the bytes go on", () => {
  const bytes = new Uint8Array([2, 65, 66, 0x80, 1, 1, 1, 1, 1, 1, 1, 1]);
  assertEquals(code(() => new ByteReader().reset(bytes, 0, 2).string()), "cut-message");
  assertEquals(code(() => new ByteReader().reset(bytes, 3, 4).uint32()), "cut-message");
  assertEquals(code(() => new ByteReader().reset(bytes, 3, 4).int64()), "cut-message");
  assertEquals(code(() => new ByteReader().reset(bytes, 3, 10).double()), "cut-message");
});

Deno.test("ByteReader.reset() works on a part of a buffer", () => {
  const buffer = concat([new Uint8Array(5), frame(new TextEncoder().encode("héllo")), new Uint8Array(9)]);
  const reader = new ByteReader().reset(buffer.subarray(5));
  assertEquals(reader.string(), "héllo");
  assertEquals(reader.double(), 0);
});

Deno.test("ByteReader.string() reads every text", () => {
  const reader = new ByteReader();
  for (const text of [...TEXTS, "x".repeat(100_000), "😀".repeat(9000)]) {
    for (let again = 0; again < 2; again++) {
      assertEquals(reader.reset(frame(new TextEncoder().encode(text))).string(), text);
    }
  }
});

Deno.test("ByteReader.byteString() returns a copy", () => {
  const bytes = frame(new Uint8Array([1, 2, 3]));
  const copy = new ByteReader().reset(bytes).byteString();
  bytes.fill(9);
  assertEquals(copy, new Uint8Array([1, 2, 3]));
});

Deno.test("ByteReader.skip() steps over a value of each wire type", () => {
  const marker = 77;
  const cases: [tag: number, value: number[]][] = [
    [1 << 3, [0xff, 0xff, 1]],
    [1 << 3 | 1, [1, 2, 3, 4, 5, 6, 7, 8]],
    [1 << 3 | 2, [3, 1, 2, 3]],
    [START(1), [END(1)]],
    [1 << 3 | 5, [1, 2, 3, 4]],
  ];
  for (const [tag, value] of cases) {
    const reader = over(...value, marker);
    reader.skip(tag);
    assertEquals(reader.uint32(), marker);
  }
});

Deno.test("ByteReader.skip() steps over nested groups", () => {
  const group = concat([
    varintField(1, -1n),
    new Uint8Array([START(9)]),
    textField(2, "text"),
    new Uint8Array([START(10), END(10), END(9)]),
    new Uint8Array([END(4)]),
    new Uint8Array([77]),
  ]);
  const reader = new ByteReader().reset(group);
  reader.skip(START(4));
  assertEquals(reader.uint32(), 77);
});

Deno.test("ByteReader.skip() refuses groups that do not end, end another, or nest without end", () => {
  assertEquals(code(() => over(START(2)).skip(START(4))), "cut-message");
  assertEquals(code(() => over(END(5)).skip(START(4))), "bad-field");
  assertEquals(code(() => over().skip(END(4))), "bad-field");
  const deep = new Uint8Array(1_000_000).fill(START(1));
  assertEquals(code(() => new ByteReader().reset(deep).skip(START(1))), "bad-field");
});

Deno.test("ByteReader.skip() refuses the field number 0 and the wire types 6 and 7", () => {
  for (const wireType of [0, 1, 2, 5]) assertEquals(code(() => over(...Array(9).fill(0)).skip(wireType)), "bad-field");
  assertEquals(code(() => over(0).skip(1 << 3 | 6)), "bad-field");
  assertEquals(code(() => over(0).skip(1 << 3 | 7)), "bad-field");
});

Deno.test("ByteReader throws only WireError on random bytes", () => {
  const random = new Random(21);
  for (let i = 0; i < 20_000; i++) {
    const reader = new ByteReader().reset(random.bytes(random.below(24)));
    try {
      while (reader.position < reader.end) {
        switch (random.below(7)) {
          case 0:
            reader.uint32();
            break;
          case 1:
            reader.int64();
            break;
          case 2:
            reader.double();
            break;
          case 3:
            reader.string();
            break;
          case 4:
            reader.byteString();
            break;
          case 5:
            reader.bool();
            break;
          case 6:
            reader.skip(reader.uint32());
        }
      }
      assertEquals(reader.position, reader.end);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
});
