import { assertEquals, assertThrows } from "@std/assert";
import { feedbackFromJson, feedbackToJson, mergeFeedback } from "../../src/node/feedback.ts";
import { TineError } from "../../src/base/errors.ts";

Deno.test("mergeFeedback() joins the values of two runs", () => {
  const both = mergeFeedback(new Map([["a", "1"]]), new Map([["b", "2"]]));
  assertEquals([...both], [["a", "1"], ["b", "2"]]);
});

Deno.test("mergeFeedback() refuses a key that both have set, naming both values", () => {
  assertThrows(
    () => mergeFeedback(new Map([["addr", "1:1"]]), new Map([["addr", "2:2"]])),
    TineError,
    "the feedback key addr is set twice: 1:1, then 2:2",
  );
});

Deno.test("feedback crosses nodes as JSON unchanged", () => {
  const feedback = new Map([["constructor", "x"], ["__proto__", "y"], ["a b", "ü"]]);
  assertEquals(feedbackFromJson(JSON.parse(JSON.stringify(feedbackToJson(feedback)))), feedback);
});

Deno.test("feedbackFromJson() refuses what is no object of texts", () => {
  for (const value of [null, [], "x", { a: 1 }, { a: null }, { a: "x".repeat(70_000) }]) {
    assertThrows(() => feedbackFromJson(value), TineError);
  }
});
