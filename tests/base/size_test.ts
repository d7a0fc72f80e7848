import { assertEquals } from "@std/assert";
import { formatSize, parseSize } from "../../src/base/size.ts";
import { Random } from "../support/random.ts";

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
