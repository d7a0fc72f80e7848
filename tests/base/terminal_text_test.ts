import { assertEquals } from "@std/assert";
import { terminalJson, terminalText } from "../../src/base/terminal_text.ts";

Deno.test("terminalText() makes control characters and marks of direction visible", () => {
  assertEquals(terminalText("a\x1b[2Jb\x00\n\r\t\x9b\x7f"), "a\\x1b[2Jb\\x00\\n\\r\\t\\x9b\\x7f");
  assertEquals(terminalText("\u202egnp.exe\u2028\ud800"), "\\u202egnp.exe\\u2028\\ud800");
});

Deno.test("terminalText() leaves printable text alone", () => {
  assertEquals(terminalText("grün 温度 🙂 \\x1b"), "grün 温度 🙂 \\x1b");
});

Deno.test("terminalJson() makes them visible as JSON does", () => {
  const value = { "\x7f": "\x9b\u202e\ud800 grün 🙂" };
  const text = terminalJson(JSON.stringify(value));
  assertEquals(text, '{"\\u007f":"\\u009b\\u202e\\ud800 grün 🙂"}');
  assertEquals(JSON.parse(text), value);
});
