import { assertEquals } from "@std/assert";
import { columns, style } from "../../src/cli/terminal.ts";

const file = { isTerminal: () => false };
const terminal = { isTerminal: () => true };

Deno.test("style() decorates only for a terminal, and not when NO_COLOR is set", () => {
  const before = { NO_COLOR: Deno.env.get("NO_COLOR"), TERM: Deno.env.get("TERM") };
  try {
    Deno.env.delete("NO_COLOR");
    Deno.env.set("TERM", "xterm");
    assertEquals(style(terminal).red("x"), "\x1b[31mx\x1b[39m");
    assertEquals(style(file).red("x"), "x");
    Deno.env.set("NO_COLOR", "1");
    assertEquals(style(terminal).bold("x"), "x");
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});

Deno.test("columns() is the widest for what is not a terminal", () => {
  assertEquals(columns(file, 90), 90);
});
