import { assertEquals } from "@std/assert";
import { LogLimiter } from "../../src/base/log_limiter.ts";

Deno.test("LogLimiter logs ten lines a second, and reports how many it left out", () => {
  const lines: string[] = [];
  let now = 5000;
  const limiter = new LogLimiter((line) => lines.push(line), { nowMs: () => now });
  for (let i = 0; i < 12; i++) limiter.log(`line ${i}`);
  assertEquals(lines.splice(0).length, 10);
  now += 1000;
  limiter.log("later");
  assertEquals(lines.splice(0), ["(2 more lines were left out)", "later"]);
  limiter.end();
  assertEquals(lines, []);
});

Deno.test("LogLimiter.end() reports what it left out once, and the rest of the second stays left out", () => {
  const lines: string[] = [];
  let now = 0;
  const limiter = new LogLimiter((line) => lines.push(line), { maxLines: 1, nowMs: () => now });
  for (const line of ["a", "b", "c"]) limiter.log(line);
  limiter.end();
  limiter.log("d");
  limiter.end();
  limiter.end();
  assertEquals(lines.splice(0), ["a", "(2 more lines were left out)", "(1 more line was left out)"]);
  now = 1000;
  limiter.log("e");
  assertEquals(lines, ["e"]);
});
