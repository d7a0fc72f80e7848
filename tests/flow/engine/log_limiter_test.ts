import { assertEquals } from "@std/assert";
import { LogLimiter } from "../../../src/flow/engine/log_limiter.ts";

Deno.test("LogLimiter logs ten lines a second, and says how many it left out", () => {
  const lines: string[] = [];
  let now = 5e9;
  const limiter = new LogLimiter({ log: (text) => lines.push(text), now: () => now });
  for (let i = 0; i < 12; i++) limiter.log(`line ${i}`);
  assertEquals(lines.splice(0).length, 10);
  now += 1e9;
  limiter.log("later");
  assertEquals(lines.splice(0), ["2 more such lines are left out", "later"]);
  limiter.tellLeftOut();
  assertEquals(lines, []);
});
