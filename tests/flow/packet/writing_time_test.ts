import { assert, assertEquals } from "@std/assert";
import { WritingTime } from "../../../src/flow/packet/writing_time.ts";

Deno.test("WritingTime.expected() falls at once and rises slowly", () => {
  const writing = new WritingTime();
  assertEquals(writing.expected(1), 0);
  writing.took(1, 16_000);
  assertEquals(writing.expected(1), 8000);
  writing.took(1, 3200);
  assertEquals(writing.expected(1), 3200);
  writing.took(1, 5_000_000);
  assertEquals(writing.expected(1), 3600);
  writing.took(1, 3300);
  assertEquals(writing.expected(1), 3300);
});

Deno.test("WritingTime.expected() is never more than a packet can take", () => {
  const writing = new WritingTime();
  for (let i = 0; i < 100; i++) writing.took(1, 5e9);
  assertEquals(writing.expected(1), 30_000);
});

Deno.test("WritingTime.expected() knows few packets and many apart", () => {
  const writing = new WritingTime();
  for (let i = 0; i < 20; i++) {
    writing.took(1, 8000);
    writing.took(64, 128_000);
  }
  assertEquals([writing.expected(1), writing.expected(64), writing.expected(100)], [8000, 128_000, 200_000]);
  assertEquals(writing.expected(8), 0);
});

Deno.test("WritingTime.expected() stays what it was when a clock does not go on", () => {
  const writing = new WritingTime();
  for (let i = 0; i < 3; i++) writing.took(1, 0);
  assertEquals(writing.expected(1), 0);
  writing.took(1, 1000);
  assert(writing.expected(1) > 0);
});
