import { assert, assertEquals } from "@std/assert";
import { PollLoop } from "../../../src/flow/engine/poll_loop.ts";
import { availability } from "../../../src/sys/availability.ts";
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
