import { assertEquals, assertThrows } from "@std/assert";
import { type HeapTimer, TimerHeap } from "../../../src/flow/engine/poll_loop.ts";
import { Random } from "../../support/random.ts";

Deno.test("TimerHeap gives timers in the order of their times, whatever was set again and cleared", () => {
  const random = new Random(1);
  const heap = new TimerHeap();
  const timers = Array.from({ length: 300 }, () => heap.timer(() => {}));
  for (let i = 0; i < 5000; i++) {
    const timer = timers[random.below(timers.length)];
    if (random.below(10) < 3) timer.clear();
    else timer.set(random.below(1000));
  }
  const expected = timers.filter(({ index }) => index >= 0).map(({ at }) => at).sort((a, b) => a - b);
  assertEquals(heap.size, expected.length);
  const given: HeapTimer[] = [];
  heap.takeDue(1000, given);
  assertEquals(given.map(({ at }) => at), expected);
  assertEquals([heap.size, heap.first], [0, undefined]);
});

Deno.test("TimerHeap.takeDue() leaves timers whose time has not come", () => {
  const heap = new TimerHeap();
  const timer = heap.timer(() => {});
  timer.set(10);
  const due: HeapTimer[] = [];
  heap.takeDue(9, due);
  assertEquals(due, []);
  heap.takeDue(10, due);
  assertEquals(due, [timer]);
  heap.takeDue(10, due);
  assertEquals(due.length, 1);
  assertThrows(() => timer.set(NaN), RangeError);
});

Deno.test("HeapTimer.isDue() from when it was taken out until it is asked, set or cleared", () => {
  const heap = new TimerHeap();
  const timers = Array.from({ length: 3 }, () => heap.timer(() => {}));
  for (const timer of timers) timer.set(10);
  assertEquals(timers.map((timer) => timer.isDue()), [false, false, false]);
  heap.takeDue(10, []);
  timers[0].clear();
  timers[1].set(5);
  assertEquals(timers.map((timer) => timer.isDue()), [false, false, true]);
  assertEquals(timers.map((timer) => timer.isDue()), [false, false, false]);
  assertEquals([heap.size, heap.first], [1, timers[1]]);
});
