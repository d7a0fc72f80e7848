import { assertEquals } from "@std/assert";
import { parseDuration, parseSize } from "../../src/cli/units.ts";

Deno.test("parseDuration() returns milliseconds", () => {
  const texts = ["500ms", "10s", "1m30s", "1h", "1.5s", "250us", "0", "0s", "1d"];
  assertEquals(texts.map(parseDuration), [500, 10_000, 90_000, 3_600_000, 1500, 0.25, 0, 0, 86_400_000]);
});

Deno.test("parseDuration() returns undefined for what is not a duration", () => {
  for (const text of ["", "10", "s", "-1s", "1 s", "1s2", "1S", "1e3s", "Infinitys"]) {
    assertEquals(parseDuration(text), undefined, text);
  }
});

Deno.test("parseSize() returns bytes", () => {
  const texts = ["0", "4096", "512KiB", "64MiB", "1.5KiB", "10MB", "3B", "2kB"];
  assertEquals(texts.map(parseSize), [0, 4096, 524_288, 67_108_864, 1536, 10_000_000, 3, 2000]);
});

Deno.test("parseSize() returns undefined for what is not a whole number of bytes", () => {
  for (const text of ["", "MiB", "-1", "1.5", "1 MiB", "64mib", "64M", "99999999999GiB"]) {
    assertEquals(parseSize(text), undefined, text);
  }
});
