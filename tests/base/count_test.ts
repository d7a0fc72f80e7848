import { assertEquals } from "@std/assert";
import { count, grouped } from "../../src/base/count.ts";

Deno.test("grouped() groups digits by three", () => {
  const numbers = [0, 7, 999, 1000, 123_456, 1_234_567, 10_000_000];
  assertEquals(numbers.map(grouped), numbers.map((n) => n.toLocaleString("en")));
});

Deno.test("count() tells one from many", () => {
  assertEquals([count(0, "test"), count(1, "test"), count(2000, "test")], ["0 tests", "1 test", "2,000 tests"]);
  assertEquals([count(1, "batch", "batches"), count(2, "batch", "batches")], ["1 batch", "2 batches"]);
});
