import { assert, assertEquals, assertThrows } from "@std/assert";
import { Clock, setTimerSlack, TimeBase, wallClockState } from "../../src/sys/clock.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

const ignore = Deno.build.os !== "linux";

Deno.test({
  name: "Clock.now() of the wall clock is the time since 1970",
  ignore,
  fn() {
    const before = BigInt(Date.now()) * 1_000_000n;
    const now = new Clock("realtime").now();
    // Date.now() cuts to the millisecond.
    assert(before <= now && now < BigInt(Date.now() + 1) * 1_000_000n);
  },
});

Deno.test({
  name: "Clock.now() of a thread goes on while it computes",
  ignore,
  fn() {
    const clock = new Clock("thread");
    const before = clock.now();
    for (let i = 0; i < 1e5; i++) clock.now();
    assert(clock.now() > before && clock.now() < new Clock("monotonic").now());
  },
});

Deno.test({
  name: "Clock.now() of the monotonic clock never goes back, and since() agrees with it",
  ignore,
  fn() {
    const clock = new Clock("monotonic");
    let last = clock.now();
    const base = new TimeBase(last);
    for (let i = 0; i < 10_000; i++) {
      const between = clock.since(base), now = clock.now();
      assert(last <= now && Number(last - base.time) <= between && between <= Number(now - base.time));
      last = now;
    }
  },
});

Deno.test("TimeBase.elapsed() is exact to the nanosecond over months, both ways", () => {
  const base = new TimeBase(1_789_000_000_123_456_789n);
  assertEquals([base.seconds, base.nanos, base.time], [1_789_000_000, 123_456_789, 1_789_000_000_123_456_789n]);
  assertEquals(base.elapsed(1_789_000_000, 123_456_790), 1);
  assertEquals(base.elapsed(1_788_999_999, 999_999_999), -123_456_790);
  assertEquals(base.elapsed(1_789_000_000 + 8_640_000, 123_456_788), 8_640_000 * 1e9 - 1);
});

Deno.test({
  name: "setTimerSlack() takes nanoseconds",
  ignore,
  fn() {
    const thread = Deno.readLinkSync("/proc/thread-self").split("/").at(-1);
    const slack = () => Number(Deno.readTextFileSync(`/proc/${thread}/timerslack_ns`));
    const before = slack();
    setTimerSlack(1234);
    assertEquals(slack(), 1234);
    setTimerSlack(before);
    for (const bad of [0, 0.5, NaN, -1]) assertThrows(() => setTimerSlack(bad), RangeError);
  },
});

const ADJTIMEX = `
import ctypes
words = (ctypes.c_long * 26)()
ctypes.CDLL(None).adjtimex(words)
print(words[3], words[5] & 0x40)
`;

Deno.test({
  ...unless(whyNotInstalled("python3"), "wallClockState() has what adjtimex(2) of the C library has"),
  fn() {
    const { stdout } = new Deno.Command("python3", { args: ["-c", ADJTIMEX] }).outputSync();
    const [maxErrorMicros, unsynchronized] = new TextDecoder().decode(stdout).trim().split(" ").map(Number);
    const state = wallClockState();
    assertEquals(state?.synchronized, unsynchronized === 0);
    // It grows by 500 µs a second until the clock is set again.
    assert(Math.abs(state!.maxErrorNanos - maxErrorMicros * 1000) < 1e9, `${state!.maxErrorNanos}`);
  },
});
