import { assertEquals } from "@std/assert";
import { nearest } from "../../src/base/nearest.ts";

const words = ["agent", "host", "check", "completions"];

Deno.test("nearest() finds swapped, missing, doubled and wrong letters", () => {
  const slips = ["hsot", "hst", "hoost", "chekc", "agemt"];
  assertEquals(slips.map((slip) => nearest(slip, words)), ["host", "host", "host", "check", "agent"]);
});

Deno.test("nearest() finds the word that was begun", () => {
  assertEquals(nearest("comp", words), "completions");
});

Deno.test("nearest() guesses nothing that is far away or endless", () => {
  assertEquals(nearest("frobnicate", words), undefined);
  assertEquals(nearest("x".repeat(100_000), words), undefined);
});
