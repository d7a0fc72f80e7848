import { assertEquals } from "@std/assert";
import { roundTripTime } from "../../../src/flow/packet/client_receiver.ts";

Deno.test("roundTripTime() is the time on the way, without that at the server", () => {
  assertEquals([roundTripTime(5000, 0), roundTripTime(5000, 1200), roundTripTime(5000, 5000)], [5000, 3800, 0]);
});

Deno.test("roundTripTime() is not known when the server claims what cannot be", () => {
  for (const serverTime of [-1, 5001, 2 ** 52, -(2 ** 52), NaN]) assertEquals(roundTripTime(5000, serverTime), NaN);
  assertEquals([roundTripTime(-1, 0), roundTripTime(NaN, 0), roundTripTime(-5, -6)], [NaN, NaN, NaN]);
});
