import { assertEquals } from "@std/assert";
import { Backlog } from "../../../src/cli/run/background_writer.ts";

Deno.test("Backlog.take() gives the lines that wait, once", () => {
  const backlog = new Backlog(String);
  backlog.add("a");
  assertEquals(backlog.offer("b"), true);
  assertEquals([backlog.take(), backlog.take()], ["a\nb\n", ""]);
});

Deno.test("Backlog.offer() leaves out lines where too much waits, and reports how many in their place", () => {
  const backlog = new Backlog((n) => `left out ${n}`);
  const long = "x".repeat(2 ** 20);
  assertEquals([long, "b", "c"].map((line) => backlog.offer(line)), [true, false, false]);
  backlog.add("d");
  assertEquals(backlog.take(), `${long}\nleft out 2\nd\n`);
  backlog.offer(long);
  backlog.offer("e");
  assertEquals(backlog.take(), `${long}\nleft out 1\n`);
});
