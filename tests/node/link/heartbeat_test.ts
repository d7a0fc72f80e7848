import { assertEquals } from "@std/assert";
import { Heartbeat } from "../../../src/node/link/heartbeat.ts";

/** A heartbeat of 1 s and 10 s, by a clock of the test's. */
function heartbeat() {
  const seen = { beats: 0, silences: 0 };
  let now = 5000;
  const heart = new Heartbeat({
    intervalMs: 1000,
    silenceMs: 10_000,
    beat: () => seen.beats++,
    silent: () => seen.silences++,
    now: () => now,
  });
  heart.start();
  /** Lets time pass with a tick each second. */
  const pass = (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      now += 1000;
      heart.tick();
    }
  };
  const skip = (ms: number) => now += ms;
  return { heart, seen, pass, skip, [Symbol.dispose]: () => heart.stop() };
}

Deno.test("Heartbeat beats at each interval, and reports silence after its limit", () => {
  using test = heartbeat();
  test.pass(9);
  assertEquals(test.seen, { beats: 9, silences: 0 });
  test.pass(1);
  assertEquals(test.seen, { beats: 10, silences: 1 });
});

Deno.test("Heartbeat takes any sign of life", () => {
  using test = heartbeat();
  for (let i = 0; i < 5; i++) {
    test.pass(9);
    test.heart.received();
  }
  assertEquals(test.seen.silences, 0);
});

Deno.test("Heartbeat takes no time for silence in which this process was suspended or busy", () => {
  using test = heartbeat();
  test.pass(5);
  test.skip(60_000);
  test.heart.tick();
  assertEquals(test.seen.silences, 0);
  for (let i = 0; i < 20; i++) {
    test.skip(5000);
    test.heart.tick();
    test.heart.received();
  }
  assertEquals(test.seen.silences, 0);
  test.pass(10);
  assertEquals(test.seen.silences, 1);
});

Deno.test("Heartbeat takes no time for silence without a listener", () => {
  using test = heartbeat();
  test.heart.pause();
  test.pass(30);
  test.heart.resume();
  test.pass(9);
  assertEquals(test.seen, { beats: 39, silences: 0 });
  test.pass(1);
  assertEquals(test.seen.silences, 1);
});
