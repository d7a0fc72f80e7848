import { assertEquals } from "@std/assert";
import { shellWords, splitCommand } from "../../src/base/shell_words.ts";
import { Random } from "../support/random.ts";

Deno.test("splitCommand() splits as a shell does", () => {
  const cases: [string, string[] | undefined][] = [
    ["", []],
    ["  ", []],
    ["ip -br addr", ["ip", "-br", "addr"]],
    ["a 'b c' \"d 'e\" f\\ g", ["a", "b c", "d 'e", "f g"]],
    ["a''b \"\" ''", ["ab", "", ""]],
    ['"\\$x \\a \\"" \\\\', ['$x \\a "', "\\"]],
    ["a\tb\nc", ["a", "b", "c"]],
    ["a 'b", undefined],
    ['a "b\\"', undefined],
    ["a \\", undefined],
  ];
  for (const [command, words] of cases) assertEquals(splitCommand(command), words, command);
});

Deno.test("splitCommand() reads back what shellWords() writes", () => {
  const random = new Random(2);
  for (let i = 0; i < 5000; i++) {
    const words = Array.from({ length: random.below(5) }, () => random.string());
    assertEquals(splitCommand(shellWords(words)), words);
  }
});
