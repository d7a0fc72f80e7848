import { assertEquals, assertThrows } from "@std/assert";
import { TimerHeap } from "../../../src/flow/engine/timer_heap.ts";
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
  const given: number[] = [];
  for (let timer = heap.takeDue(1000); timer !== undefined; timer = heap.takeDue(1000)) given.push(timer.at);
  assertEquals(given, expected);
  assertEquals([heap.size, heap.first], [0, undefined]);
});

Deno.test("TimerHeap.takeDue() leaves timers whose time has not come", () => {
  const heap = new TimerHeap();
  const timer = heap.timer(() => {});
  timer.set(10);
  assertEquals(heap.takeDue(9), undefined);
  assertEquals(heap.takeDue(10), timer);
  assertEquals(heap.takeDue(10), undefined);
  assertThrows(() => timer.set(NaN), RangeError);
});
