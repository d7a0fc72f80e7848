import { assertEquals } from "@std/assert";
import { LiveArea } from "../../../src/cli/run/live_block.ts";
import { FakeTerminal } from "./fake_terminal.ts";

Deno.test("LiveArea.frame() draws over what it drew before, more lines or fewer", () => {
  const terminal = new FakeTerminal();
  const area = new LiveArea();
  terminal.write("$ tine run\n");
  terminal.write(area.frame("", ["a long line", "b"], 80));
  terminal.write(area.frame("", ["short", "b", "c"], 80));
  assertEquals(terminal.lines, ["$ tine run", "short", "b", "c"]);
  terminal.write(area.frame("", ["a"], 80));
  assertEquals(terminal.lines, ["$ tine run", "a"]);
  assertEquals(terminal.cursor, { row: 2, column: 0 });
});

Deno.test("LiveArea.frame() puts lines that stay above the others", () => {
  const terminal = new FakeTerminal();
  const area = new LiveArea();
  terminal.write(area.frame("ok 1\n", ["test 2", "nodes"], 80));
  terminal.write(area.frame("ok 2\nok 3\n", ["test 4"], 80));
  assertEquals(terminal.lines, ["ok 1", "ok 2", "ok 3", "test 4"]);
  terminal.write(area.frame("", [], 80));
  assertEquals([terminal.lines, area.drawn], [["ok 1", "ok 2", "ok 3"], false]);
});

Deno.test("LiveArea.frame() reckons with lines that a narrower terminal has wrapped", () => {
  const area = new LiveArea();
  area.frame("", [`\x1b[1m${"x".repeat(70)}\x1b[22m`, "y".repeat(40), "温".repeat(20)], 80);
  // 3 rows, 2 and 2.
  assertEquals(area.frame("", [], 30), "\x1b[7A\r\x1b[J");
});
