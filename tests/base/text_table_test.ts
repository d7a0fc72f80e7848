import { assertEquals } from "@std/assert";
import { tableLines } from "../../src/base/text_table.ts";

Deno.test("tableLines() aligns the first column left, others right", () => {
  assertEquals(tableLines([["flow", "lost", ""], ["up", "12,345", "1%"]], [6]), [
    "flow      lost",
    "up      12,345  1%",
  ]);
  assertEquals(tableLines([]), []);
});
