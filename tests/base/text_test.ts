import { assert, assertEquals } from "@std/assert";
import { cutToWidth, tableLines, textWidth } from "../../src/base/text.ts";

Deno.test("textWidth() counts wide characters twice and marks not at all", () => {
  assertEquals(textWidth("goodput"), 7);
  assertEquals(textWidth("grün"), 4);
  assertEquals(textWidth("温度 한글 カタ"), 14);
  assertEquals(textWidth("e\u0301a\u200d"), 2);
  assertEquals(textWidth("🙂"), 2);
  // Half-width Katakana, a hexagram, a trigram, a Tangut component; a Bengali mark with a width of its own.
  assertEquals(["ｱ", "\u4dc0", "\u2630", "\u{18800}", "\u09be"].map(textWidth), [1, 2, 2, 2, 1]);
  // Emoji by a selector, halves of a flag, ignored characters.
  assertEquals(["\u2601\ufe0f", "🇩", "\u200b\u2060\u180e"].map(textWidth), [2, 2, 0]);
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

Deno.test("tableLines() aligns the first column left, others right", () => {
  assertEquals(tableLines([["flow", "lost", ""], ["up", "12,345", "1%"]], [6]), [
    "flow      lost",
    "up      12,345  1%",
  ]);
  assertEquals(tableLines([]), []);
});
