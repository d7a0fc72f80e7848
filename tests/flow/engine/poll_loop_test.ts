import { assert, assertEquals } from "@std/assert";
import { PollLoop, WakeMargin } from "../../../src/flow/engine/poll_loop.ts";
import { availability } from "../../../src/sys/libc.ts";
import { needsProcessors } from "../../support/quiet.ts";

const ignore = !availability().available;

Deno.test({
  ...needsProcessors("PollLoop calls all timers that are due, also beside one that is due again and again", () => {
    const loop = new PollLoop();
    let calls = 0;
    const busy = loop.timer(() => {
      if (++calls === 1_000_000) loop.stop();
      busy.set(0);
    });
    busy.set(0);
    let called = false;
    loop.timer(() => {
      called = true;
      loop.stop();
    }).set(loop.now() + 1e6);
    loop.run();
    assert(called);
  }),
  ignore,
});

Deno.test({
  ...needsProcessors("PollLoop does not call a timer that another one has cleared or put off", () => {
    const loop = new PollLoop();
    const called: string[] = [];
    const first = loop.timer(() => {
      called.push("first");
      cleared.clear();
      later.set(loop.now() + 2e6);
    });
    const cleared = loop.timer(() => called.push("cleared"));
    const later = loop.timer(() => {
      called.push("later");
      loop.stop();
    });
    const start = loop.now();
    for (const [i, timer] of [first, cleared, later].entries()) timer.set(i);
    loop.run();
    assertEquals(called, ["first", "later"]);
    assert(loop.now() - start >= 2e6);
  }),
  ignore,
});

Deno.test("WakeMargin covers most wakes, and is not much longer than that takes", () => {
  const margin = new WakeMargin();
  const lateness = (i: number) => 8000 + 7000 * (i * 0.618034 % 1);
  for (let i = 0; i < 2000; i++) margin.woken(lateness(i));
  let missed = 0, sum = 0;
  for (let i = 0; i < 10_000; i++) {
    if (lateness(i) > margin.nanos) missed++;
    sum += margin.nanos;
    margin.woken(lateness(i));
  }
  assert(missed <= 1200, `${missed} of 10,000 wakes were later than the margin`);
  assert(sum / 10_000 < 20_000, `the margin is ${sum / 10_000} ns at the mean`);
});

Deno.test("WakeMargin stays within its bounds, whatever the wakes are", () => {
  const margin = new WakeMargin();
  assertEquals(margin.nanos, 50_000);
  for (let i = 0; i < 10_000; i++) margin.woken(0);
  assertEquals(margin.nanos, 3000);
  for (let i = 0; i < 100; i++) margin.woken(1e9);
  assertEquals(margin.nanos, 50_000);
});

Deno.test("WakeMargin.before() is longer than wakes need before a long wait, and no part of a short one to speak of", () => {
  const margin = new WakeMargin();
  for (let i = 0; i < 10_000; i++) margin.woken(0);
  assertEquals([100_000, 1e6, 2e6, 1e9].map((wait) => margin.before(wait)), [4000, 40_000, 50_000, 50_000]);
  for (let i = 0; i < 100; i++) margin.woken(1e9);
  assertEquals(margin.before(0), 50_000);
});
