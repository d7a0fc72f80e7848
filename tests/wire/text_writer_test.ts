import { assertEquals } from "@std/assert";
import { textOf, TextWriter } from "../../src/wire/text_writer.ts";
import { Random } from "../support/random.ts";

Deno.test("TextWriter.double() prints what JavaScript prints", () => {
  const random = new Random(1);
  const doubles = new Float64Array(1);
  const bits = new Uint32Array(doubles.buffer);
  const values = [0, 1, -1, 0.1, 0.001, 0.0001, 999.999, 1e15, 1e21, 1e-7, 2 ** 53, NaN, Infinity, -Infinity, 5e-324];
  for (let i = 0; i < 20_000; i++) {
    bits[0] = random.uint32();
    bits[1] = random.uint32();
    values.push(doubles[0], random.below(1e9) / 1000, -random.below(1e6) / 100, random.uint32() * 1000 / 1000);
    values.push(Number((random.uint32() * random.uint32() / 1e6).toPrecision(10)));
    values.push(random.uint32() / 1e6, -random.below(1e9) * random.below(1e5) / 1e6, random.below(100) / 1e6);
  }
  for (const value of values) assertEquals(textOf((writer) => writer.double(value)), String(value));
  assertEquals(textOf((writer) => writer.double(-0)), "-0");
});

Deno.test("TextWriter.integer() prints whole numbers of up to 53 bits", () => {
  const values = [0, 9, 10, 99, 1000, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 9_999_999_999, Number.MAX_SAFE_INTEGER];
  for (const value of values) {
    assertEquals(textOf((writer) => writer.integer(value)), `${value}`);
    if (value > 0) assertEquals(textOf((writer) => writer.integer(-value)), `${-value}`);
  }
});

Deno.test("TextWriter.int64() prints what a bigint does", () => {
  const random = new Random(3);
  const values = [
    0n,
    1n,
    -1n,
    2n ** 31n,
    2n ** 32n,
    2n ** 53n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    1_700_000_000_000_000_000n,
  ];
  for (let power = 1n; power < 2n ** 62n; power *= 10n) values.push(power, power - 1n, -power, 1n - power);
  for (let i = 0; i < 10_000; i++) {
    values.push(
      BigInt.asIntN(64, BigInt(random.uint32()) << 32n | BigInt(random.uint32())) >> BigInt(random.below(64)),
    );
  }
  for (const value of values) {
    const [high, low] = [Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asUintN(32, value))];
    assertEquals(textOf((writer) => writer.int64(high, low)), `${value}`);
    assertEquals(textOf((writer) => writer.int64(high >>> 0, low | 0)), `${value}`);
  }
});

Deno.test("TextWriter.escaped() puts a backslash before marked bytes, and stops at those it refuses", () => {
  const bytes = new TextEncoder().encode("a,b=é\n");
  const marks = new Uint8Array(256);
  marks[0x2c] = 1;
  assertEquals(textOf((writer) => writer.escaped(bytes, 0, bytes.length, marks)), "a\\,b=é\n");
  marks[0x0a] = 2;
  const writer = new TextWriter(1);
  writer.text("x");
  assertEquals([writer.escaped(bytes, 0, 3, marks), writer.escaped(bytes, 0, bytes.length, marks)], [true, false]);
  assertEquals(new TextDecoder().decode(writer.take()), "xa\\,b");
});

Deno.test("TextWriter.nanoseconds() prints times as a bigint does", () => {
  const random = new Random(2);
  const cases = [[0, 0], [0, 999_999_999], [1, -1], [1_764_377_601, 2 ** 53 - 1], [1_764_377_601, -1_000_000_001], [
    0,
    -1,
  ], [-5, 3]];
  for (let i = 0; i < 1000; i++) cases.push([random.uint32() + 1e7, random.uint32() * 100_000 - 1e15]);
  for (const [seconds, nanos] of cases) {
    const expected = BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
    assertEquals(textOf((writer) => writer.nanoseconds(seconds, nanos)), `${expected}`);
  }
});

Deno.test("TextWriter.text() writes any text as UTF-8, and lone surrogates as U+FFFD", () => {
  for (const text of ["", "a", "温度", "a\u{1f600}b", "\ud800", "x".repeat(100) + "é", "é".repeat(1000)]) {
    assertEquals(textOf((writer) => writer.text(text)), text.toWellFormed());
  }
});

Deno.test("TextWriter.truncate() takes back what was written since", () => {
  assertEquals(
    textOf((writer) => {
      writer.text("kept");
      const { length } = writer;
      writer.text("gone");
      writer.truncate(length);
    }),
    "kept",
  );
});
