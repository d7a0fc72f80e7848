import { assert, assertEquals } from "@std/assert";
import { isOddTime } from "../../../src/flow/packet/packet_port.ts";
import { WallClock } from "../../../src/flow/packet/wall_clock.ts";

/** Two clocks that can be set. */
function clocks() {
  const time = { steady: 1000, wall: 1_700_000_000_000_000_000n };
  const clock = new WallClock(() => time.steady, { now: () => time.wall });
  const pass = (nanos: number) => {
    time.steady += nanos;
    time.wall += BigInt(nanos);
  };
  return { time, clock, pass };
}

Deno.test("WallClock.now() counts from its start", () => {
  const { clock, pass } = clocks();
  assertEquals([clock.tinit, clock.now()], [1_700_000_000_000_000_000n, 0]);
  pass(5e9);
  assertEquals([clock.now(), clock.corrected(5e9), clock.checkWallClock()], [5e9, 5e9, 0]);
});

Deno.test("WallClock.corrected() goes on in the old way after the wall clock was set", () => {
  const { time, clock, pass } = clocks();
  pass(1e9);
  time.wall += 3_600_000_000_000n;
  pass(1e9);
  const stamp = Number(time.wall - clock.tinit);
  assert(isOddTime(clock.corrected(stamp), clock.now()));
  assertEquals(clock.checkWallClock(), 3600e9);
  assertEquals([clock.corrected(stamp), clock.checkWallClock()], [2e9, 0]);
  time.wall -= 7_200_000_000_000n;
  assertEquals(clock.checkWallClock(), -7200e9);
  assertEquals(clock.corrected(Number(time.wall - clock.tinit)), 2e9);
});

Deno.test("WallClock.checkWallClock() takes what cannot be measured for nothing", () => {
  const { time, clock, pass } = clocks();
  pass(1e9);
  time.wall += 19_000n;
  assertEquals([clock.checkWallClock(), clock.corrected(1e9)], [0, 1e9]);
});

Deno.test("isOddTime() of what has not been yet, and of what was long ago", () => {
  assertEquals([0, -0.5e9, 10_000, 30_000, -1.5e9, NaN].map((t) => isOddTime(10e9 + t, 10e9)), [
    false,
    false,
    false,
    true,
    true,
    false,
  ]);
});
