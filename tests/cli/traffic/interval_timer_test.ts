import { assertEquals } from "@std/assert";
import { IntervalTimer } from "../../../src/cli/traffic/client_command.ts";

Deno.test("IntervalTimer.end() reports the intervals that are over, and the rest unless it is very short", () => {
  const told: number[][] = [];
  const timer = new IntervalTimer(100, (...interval) => told.push(interval));
  timer.start();
  timer.end(305);
  assertEquals(told, [[0, 0, 100], [1, 100, 200], [2, 200, 300]]);
  const more = new IntervalTimer(100, (...interval) => told.push(interval));
  more.start();
  more.end(150);
  assertEquals(told.slice(3), [[0, 0, 100], [1, 100, 150]]);
});

Deno.test("IntervalTimer waits for an interval of a month without looking again and again", () => {
  const times: number[] = [];
  const timeout = AbortSignal.timeout;
  AbortSignal.timeout = (ms) => {
    times.push(ms);
    return new AbortController().signal;
  };
  try {
    using timer = new IntervalTimer(30 * 86_400_000, () => {});
    timer.start();
  } finally {
    AbortSignal.timeout = timeout;
  }
  assertEquals(times, [2 ** 31 - 1]);
});
