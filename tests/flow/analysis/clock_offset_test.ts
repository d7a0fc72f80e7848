import { assert, assertEquals } from "@std/assert";
import { ClockOffsetEstimator } from "../../../src/flow/analysis/clock_offset.ts";

Deno.test("ClockOffsetEstimator.estimate() has the distance within its bound", () => {
  const offset = new ClockOffsetEstimator();
  const ahead = 7_000_000;
  // The quickest way there takes 100, the quickest way back 300.
  for (const [i, [toServer, fromServer]] of [[100, 900], [500, 300], [400, 400]].entries()) {
    const sent = i * 1000;
    offset.toServer(sent, sent + toServer + ahead);
    offset.fromServer(sent + toServer + ahead, sent + toServer + fromServer);
  }
  assertEquals(offset.estimate(), { offsetNanos: ahead - 100, boundNanos: 200, drifted: false });
});

Deno.test("ClockOffsetEstimator.estimate() is undefined until packets went both ways", () => {
  const offset = new ClockOffsetEstimator();
  assertEquals(offset.estimate(), undefined);
  offset.toServer(0, 10);
  assertEquals(offset.estimate(), undefined);
  offset.fromServer(20, 30);
  assert(offset.estimate() !== undefined);
});

Deno.test("ClockOffsetEstimator.estimate() bounds clocks that drift apart", () => {
  const offset = new ClockOffsetEstimator();
  const drift = 50e-6;
  for (let second = 0; second < 100; second++) {
    const t = second * 1e9;
    const ahead = t * drift;
    offset.toServer(t, t + 1000 + ahead);
    offset.fromServer(t + 1000 + ahead, t + 2000);
  }
  const { offsetNanos, boundNanos, drifted } = offset.estimate()!;
  assert(drifted);
  // From 0 to 4.95 ms: what is within the last window may be missing.
  assert(offsetNanos - boundNanos <= 450_000 + 1000, `${offsetNanos} ${boundNanos}`);
  assert(offsetNanos + boundNanos >= 4_500_000 - 1000);
  assert(boundNanos < 2_600_000);
});

Deno.test("ClockOffsetEstimator.estimate() bounds a clock that was set", () => {
  const offset = new ClockOffsetEstimator();
  for (const ahead of [0, 1_000_000]) {
    offset.toServer(0, 100 + ahead);
    offset.fromServer(100 + ahead, 200);
  }
  const { offsetNanos, boundNanos, drifted } = offset.estimate()!;
  assert(drifted);
  assert(offsetNanos - boundNanos <= 100 && offsetNanos + boundNanos >= 1_000_000 - 100);
});
