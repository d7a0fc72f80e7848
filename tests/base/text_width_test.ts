import { assert, assertEquals } from "@std/assert";
import { cutToWidth, displayWidth } from "../../src/base/text_width.ts";

Deno.test("displayWidth() counts wide characters twice and marks not at all", () => {
  assertEquals(displayWidth("goodput"), 7);
  assertEquals(displayWidth("grün"), 4);
  assertEquals(displayWidth("温度 한글 カタ"), 14);
  assertEquals(displayWidth("e\u0301a\u200d"), 2);
  assertEquals(displayWidth("🙂"), 2);
});

Deno.test("cutToWidth() leaves what fits and cuts what does not, never in a character", () => {
  assertEquals(cutToWidth("goodput", 7), "goodput");
  assertEquals(cutToWidth("goodput", 6), "goo...");
  assertEquals(cutToWidth("goodput", 2), "..");
  assertEquals(cutToWidth("goodput", 0), "");
  assertEquals(cutToWidth("温度温度", 6), "温...");
  assertEquals(cutToWidth("🙂🙂🙂", 5), "🙂...");
});

Deno.test("cutToWidth() bounds texts of characters without a width", () => {
  assert(cutToWidth("a" + "\u0301".repeat(100_000), 10).length < 100);
});
