import { assertEquals } from "@std/assert";
import { TextWriter } from "../../src/wire/text_writer.ts";
import { Random } from "../support/random.ts";

const printed = (write: (writer: TextWriter) => void) => {
  const writer = new TextWriter(1);
  write(writer);
  return new TextDecoder().decode(writer.take());
};

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
  }
  for (const value of values) assertEquals(printed((writer) => writer.double(value)), String(value));
  assertEquals(printed((writer) => writer.double(-0)), "-0");
});

Deno.test("TextWriter.integer() prints whole numbers of up to 53 bits", () => {
  const values = [0, 9, 10, 99, 1000, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 9_999_999_999, Number.MAX_SAFE_INTEGER];
  for (const value of values) {
    assertEquals(printed((writer) => writer.integer(value)), `${value}`);
    if (value > 0) assertEquals(printed((writer) => writer.integer(-value)), `${-value}`);
  }
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
    assertEquals(printed((writer) => writer.nanoseconds(seconds, nanos)), `${expected}`);
  }
});

Deno.test("TextWriter.text() writes any text as UTF-8, and lone surrogates as U+FFFD", () => {
  for (const text of ["", "a", "温度", "a\u{1f600}b", "\ud800", "x".repeat(100) + "é", "é".repeat(1000)]) {
    assertEquals(printed((writer) => writer.text(text)), text.toWellFormed());
  }
});

Deno.test("TextWriter.truncate() takes back what was written since", () => {
  assertEquals(
    printed((writer) => {
      writer.text("kept");
      const { length } = writer;
      writer.text("gone");
      writer.truncate(length);
    }),
    "kept",
  );
});
