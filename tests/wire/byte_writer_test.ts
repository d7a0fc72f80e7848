import { assertEquals, assertThrows } from "@std/assert";
import { ByteReader } from "../../src/wire/byte_reader.ts";
import { ByteWriter, varintSize } from "../../src/wire/byte_writer.ts";
import { concat, frame, varint } from "../support/bytes.ts";
import { DOUBLE_EDGES, INT64_EDGES, Random, TEXTS } from "../support/random.ts";

const encode = (write: (writer: ByteWriter) => void): Uint8Array => {
  const writer = new ByteWriter(0);
  write(writer);
  return writer.written().slice();
};
const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test("ByteWriter.uint32() writes the shortest varint", () => {
  for (
    const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 21 - 1, 2 ** 21, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32 - 1]
  ) {
    const bytes = encode((writer) => writer.uint32(value));
    assertEquals(bytes, varint(value), `${value}`);
    assertEquals(bytes.length, varintSize(value));
  }
});

Deno.test("ByteWriter.int64() writes every edge of 64 bits", () => {
  for (const value of INT64_EDGES) assertEquals(encode((writer) => writer.int64(value)), varint(value), `${value}`);
  assertEquals(encode((writer) => writer.int64(-1n)).length, 10);
});

Deno.test("ByteWriter and ByteReader carry random int64 and doubles unchanged", () => {
  const random = new Random(5);
  const reader = new ByteReader();
  for (let i = 0; i < 5000; i++) {
    const int = random.int64();
    const double = random.double();
    const bytes = encode((writer) => {
      writer.int64(int);
      writer.double(double);
    });
    reader.reset(bytes);
    assertEquals(reader.int64(), int);
    const read = reader.double();
    if (!Object.is(read, double)) throw new Error(`${double} came back as ${read}`);
    assertEquals(reader.position, bytes.length);
  }
});

Deno.test("ByteWriter.double() keeps NaN, infinities and negative zero", () => {
  for (const value of DOUBLE_EDGES) {
    const expected = new Uint8Array(8);
    new DataView(expected.buffer).setFloat64(0, value, true);
    assertEquals(encode((writer) => writer.double(value)), expected);
  }
});

Deno.test("ByteWriter.fixed64() writes the 64 bits of an integer, little endian", () => {
  for (const value of [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 0x0102030405060708n]) {
    const expected = new Uint8Array(8);
    new DataView(expected.buffer).setBigInt64(0, value, true);
    assertEquals(encode((writer) => writer.fixed64(value)), expected);
  }
});

Deno.test("ByteWriter.string() writes UTF-8 with its length, whatever the length", () => {
  const texts = [...TEXTS];
  for (const length of [0, 1, 62, 63, 64, 65, 127, 128, 16_383, 16_384, 100_000]) {
    texts.push("x".repeat(length), "é".repeat(length), "x".repeat(length) + "日", "😀".repeat(length));
  }
  for (const text of texts) {
    assertEquals(encode((writer) => writer.string(text)), frame(utf8(text)), text.slice(0, 20));
  }
});

Deno.test("ByteWriter.string() writes U+FFFD for lone surrogates", () => {
  for (const text of ["\ud800", "\udfff", "a\ud83d", "\ude00b", "\ud83d\ud83d\ude00", "x".repeat(70) + "\udc00y"]) {
    assertEquals(encode((writer) => writer.string(text)), frame(utf8(text.toWellFormed())));
  }
});

Deno.test("ByteWriter.raw() copies a part, short or long", () => {
  const bytes = new Random(1).bytes(400);
  for (const [from, to] of [[0, 0], [3, 3], [5, 6], [7, 31], [7, 32], [0, 400]]) {
    assertEquals(encode((writer) => writer.raw(bytes.subarray(from, to))), bytes.slice(from, to));
  }
});

Deno.test("ByteWriter.rawSlice() copies a part of any length from any place to any place", () => {
  const bytes = new Random(3).bytes(400);
  const piece = bytes.subarray(5); // not at the start of its buffer
  const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
  for (const length of [...Array(40).keys(), 127, 128, 129, 136, 300]) {
    for (const from of [0, 1, 7, 8, 63]) {
      for (const before of [0, 1, 3]) {
        const copied = encode((writer) => {
          writer.raw(new Uint8Array(before));
          writer.rawSlice(piece, view, from, from + length);
          writer.raw(new Uint8Array([9]));
        });
        const expected = concat([new Uint8Array(before), piece.slice(from, from + length), new Uint8Array([9])]);
        assertEquals(copied, expected, `${length} bytes from ${from}`);
      }
    }
  }
});

Deno.test("ByteWriter.closeLength() is right wherever the buffer ends and whatever was guessed", () => {
  const random = new Random(2);
  for (const length of [0, 1, 2, 3, 4, 5, 6, 126, 127, 128, 129, 200]) {
    const payload = random.bytes(length);
    for (const guess of [1, 2, 3, 4, 5]) {
      for (let capacity = 0; capacity < length + 16; capacity++) {
        const writer = new ByteWriter(capacity);
        writer.raw(new Uint8Array([7, 7]));
        const start = writer.openLength(guess);
        writer.raw(payload);
        assertEquals(writer.closeLength(start, guess), varintSize(length));
        writer.raw(new Uint8Array([8]));
        const message = `${length} bytes, guess ${guess}, capacity ${capacity}`;
        assertEquals(writer.written(), concat([new Uint8Array([7, 7]), frame(payload), new Uint8Array([8])]), message);
      }
    }
  }
});

Deno.test("ByteWriter.closeLength() nests", () => {
  const random = new Random(8);
  for (let i = 0; i < 200; i++) {
    const writer = new ByteWriter(random.below(40));
    let expected: Uint8Array = random.bytes(random.below(4));
    const parts = Array.from({ length: 5 }, () => random.bytes(random.below(random.pick([3, 90]))));
    const starts: number[] = [];
    for (let j = parts.length - 1; j >= 0; j--) {
      starts.push(writer.openLength());
      writer.raw(parts[j]);
    }
    writer.raw(expected);
    for (const part of parts) {
      writer.closeLength(starts.pop()!);
      expected = frame(concat([part, expected]));
    }
    assertEquals(writer.written(), expected);
  }
});

Deno.test("ByteWriter.int64() refuses what exceeds 64 bits, and leaves what was written as it was", () => {
  const writer = new ByteWriter();
  writer.uint32(1);
  for (const value of [2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n + 5n]) {
    assertThrows(() => writer.int64(value), RangeError, `${value}`);
  }
  assertEquals(writer.written(), new Uint8Array([1]));
});

Deno.test("ByteWriter.int64() throws for a number, and leaves what was written as it was", () => {
  const writer = new ByteWriter();
  writer.uint32(1);
  const number: unknown = 5;
  assertThrows(() => writer.int64(number as bigint), TypeError);
  assertEquals(writer.written(), new Uint8Array([1]));
});
