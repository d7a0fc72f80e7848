import { assertAlmostEquals, assertEquals } from "@std/assert";
import { Distribution, roundTripsPerMinute } from "../../../src/flow/analysis/distribution.ts";

Deno.test("roundTripsPerMinute() is a minute by the trimmed mean", () => {
  const rtt = new Distribution();
  assertEquals(roundTripsPerMinute(rtt), undefined);
  rtt.add(50_000_000, 95);
  rtt.add(5_000_000_000, 5);
  assertAlmostEquals(roundTripsPerMinute(rtt)!, 1200, 2);
});
