import { assertEquals } from "@std/assert";
import {
  elapsed,
  formatCount,
  formatDuration,
  formatSize,
  grouped,
  MAX_DURATION,
  parseDuration,
  parseSize,
  wholeSeconds,
} from "../../src/base/units.ts";
import { Random } from "../support/random.ts";

Deno.test("parseDuration() reads amounts with units as milliseconds", () => {
  const cases: [string, number][] = [
    ["0", 0],
    ["0s", 0],
    ["500ms", 500],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["1h", 3_600_000],
    ["0.1s", 100],
    ["250us", 0.25],
    // The micro sign, and the Greek letter.
    ["250\u00b5s", 0.25],
    ["1ms250\u03bcs", 1.25],
    ["1ns", 0.000001],
    ["100d", MAX_DURATION],
  ];
  for (const [text, ms] of cases) assertEquals(parseDuration(text), ms, text);
});

Deno.test("parseDuration() refuses what is none, or too long", () => {
  for (const text of ["", "60", "1x", "-1s", "1 s", "s", "1e3s", ".5s", "1.s", "100d1ns", "9".repeat(99) + "h"]) {
    assertEquals(parseDuration(text), undefined, text);
  }
});

Deno.test("parseDuration() accepts what is longer where the caller allows it", () => {
  assertEquals(parseDuration("30d", { longest: Infinity }), 30 * 86_400_000);
  assertEquals(parseDuration("11s", { longest: 10_000 }), undefined);
});

Deno.test("formatDuration() writes what parseDuration() reads", () => {
  assertEquals([0, 90_000, 500.25, 86_400_000].map(formatDuration), ["0s", "1m30s", "500ms250us", "1d"]);
  const random = new Random(1);
  for (let i = 0; i < 20_000; i++) {
    // Whole nanoseconds of any magnitude.
    const ns = Math.floor(2 ** (random.below(51_000) / 1000) * (1 + random.below(1000) / 1000)) % (MAX_DURATION * 1e6);
    assertEquals(parseDuration(formatDuration(ns / 1e6)), ns / 1e6, `${ns}ns`);
  }
});

Deno.test("elapsed() writes two or three digits", () => {
  const times = [0, 4, 994, 996, 1240, 9949, 9951, 59_400, 59_600, 125_000, 3_599_400, 3_599_600, 11_220_000, -5];
  assertEquals(
    times.map(elapsed).join(" "),
    "0.00s 0.00s 0.99s 1.0s 1.2s 9.9s 10s 59s 1m00s 2m05s 59m59s 1h00m 3h07m 0.00s",
  );
});

Deno.test("wholeSeconds() counts as clocks do", () => {
  assertEquals([0, 999, 1000, 59_999, 60_000, 7_325_000].map(wholeSeconds).join(" "), "0s 0s 1s 59s 1m00s 2h02m");
});

Deno.test("parseSize() reads amounts with units as bytes", () => {
  const cases: [string, number][] = [["0", 0], ["1B", 1], ["64KiB", 65_536], ["10MB", 1e7], ["1.5kB", 1500], [
    "1TiB",
    2 ** 40,
  ]];
  for (const [text, bytes] of cases) assertEquals(parseSize(text), bytes, text);
});

Deno.test("parseSize() refuses what is none, parts of bytes, and too much", () => {
  for (const text of ["", "4096", "1KB", "-1B", "1 B", "0.5B", "1e3B", "9007199254740992B", "9".repeat(16) + "TiB"]) {
    assertEquals(parseSize(text), undefined, text);
  }
});

Deno.test("formatSize() writes what parseSize() reads", () => {
  assertEquals([0, 1, 1000, 1024, 65_536, 3e6, 1025].map(formatSize), [
    "0B",
    "1B",
    "1kB",
    "1KiB",
    "64KiB",
    "3MB",
    "1025B",
  ]);
  const random = new Random(1);
  for (let i = 0; i < 20_000; i++) {
    const bytes = Math.floor(2 ** (random.below(52_000) / 1000) * (1 + random.below(1000) / 1000));
    assertEquals(parseSize(formatSize(bytes)), bytes);
  }
});

Deno.test("grouped() groups digits by three", () => {
  const numbers = [0, 7, 999, 1000, 123_456, 1_234_567, 10_000_000];
  assertEquals(numbers.map((n) => grouped(n)), numbers.map((n) => n.toLocaleString("en")));
  assertEquals(["0.5", "1234.5", "1234567.12345"].map((n) => grouped(n)), ["0.5", "1,234.5", "1,234,567.12345"]);
});

Deno.test("formatCount() has one thing, or many", () => {
  assertEquals([formatCount(0, "test"), formatCount(1, "test"), formatCount(2000, "test")], [
    "0 tests",
    "1 test",
    "2,000 tests",
  ]);
  assertEquals([formatCount(1, "batch", "batches"), formatCount(2, "batch", "batches")], ["1 batch", "2 batches"]);
});
