import { assertEquals } from "@std/assert";
import { parseInt64 } from "../../../src/udf/format/int64.ts";
import { formatRfc3339, parseRfc3339, parseTime } from "../../../src/udf/format/timestamp.ts";
import { seeded } from "./samples.ts";

Deno.test("RFC 3339 times read and write to the nanosecond over all of int64", () => {
  const random = seeded(4);
  for (let i = 0; i < 2000; i++) {
    const bits = BigInt.asIntN(
      64,
      BigInt(Math.floor(random() * 2 ** 32)) << 32n | BigInt(Math.floor(random() * 2 ** 32)),
    );
    const time = i % 2 === 0 ? bits : bits - bits % 1_000_000n;
    assertEquals(parseRfc3339(formatRfc3339(time)), time);
  }
  assertEquals(formatRfc3339(-1n), "1969-12-31T23:59:59.999999999Z");
  assertEquals(formatRfc3339(1_000n), "1970-01-01T00:00:00.000001Z");
});

Deno.test("offsets count, impossible times are refused", () => {
  assertEquals(parseRfc3339("1970-01-01 02:00:00+02:00"), 0n);
  assertEquals(parseRfc3339("1969-12-31t22:30:00-01:30"), 0n);
  for (
    const text of [
      "1970-02-30T00:00:00Z",
      "1970-13-01T00:00:00Z",
      "1970-01-01T24:00:00Z",
      "1970-01-01T00:00:00",
      "9999-01-01T00:00:00Z",
      "1970-01-01T00:00:00.1234567890Z",
      "yesterday",
    ]
  ) assertEquals(parseRfc3339(text), undefined, text);
});

Deno.test("integers are exact, and refused beyond int64", () => {
  const random = seeded(5);
  for (let i = 0; i < 5000; i++) {
    const value = BigInt.asIntN(
      1 + Math.floor(random() * 68),
      BigInt(Math.floor(random() * 2 ** 36)) << 32n | BigInt(Math.floor(random() * 2 ** 32)),
    );
    assertEquals(parseInt64(`${value}`), BigInt.asIntN(64, value) === value ? value : undefined, `${value}`);
  }
  assertEquals(parseInt64("000000000000000000000000000001"), 1n);
  assertEquals(parseInt64("+12"), 12n);
  for (
    const text of ["", "-", "1.5", "1e3", " 1", "0x1", "9223372036854775808", "-9223372036854775809", "1".repeat(400)]
  ) {
    assertEquals(parseInt64(text), undefined, text);
  }
  assertEquals(parseTime("9223372036854775807", 1000n), undefined);
});
