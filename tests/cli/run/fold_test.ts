import { assertEquals } from "@std/assert";
import { fold } from "../../../src/cli/run/plan_tree.ts";

const lines = (text: string) => fold(text.split("").map((line) => [line]));

Deno.test("fold() shows a block that repeats once, with how often", () => {
  assertEquals(lines("aaab"), ["a  x 3", "b"]);
  assertEquals(fold([["child left", "  sleep"], ["child left", "  sleep"]]), ["child left  x 2", "  sleep"]);
  assertEquals(fold([]), []);
});

Deno.test("fold() shows a group that repeats once, with how often", () => {
  assertEquals(lines("ababab"), ["3 times these 2", "  a", "  b"]);
  assertEquals(lines("aabaabc"), ["2 times these 3", "  a  x 2", "  b", "c"]);
});

Deno.test("fold() joins only neighbours that are equal", () => {
  assertEquals(lines("abca"), ["a", "b", "c", "a"]);
  assertEquals(fold([["a", "b"], ["a"]]), ["a", "b", "a"]);
});

Deno.test("fold() is fast for many blocks, equal or not", () => {
  assertEquals(lines("a".repeat(1_000_000)), ["a  x 1000000"]);
  assertEquals(fold(Array.from({ length: 100_000 }, (_, i) => [String(i)])).length, 100_000);
});
