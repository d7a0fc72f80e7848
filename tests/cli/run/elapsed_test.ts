import { assertEquals } from "@std/assert";
import { elapsed, wholeSeconds } from "../../../src/cli/run/elapsed.ts";

Deno.test("elapsed() writes two or three digits", () => {
  const times = [0, 4, 994, 996, 1240, 9949, 9951, 59_400, 59_600, 125_000, 3_599_400, 3_599_600, 11_220_000, -5];
  assertEquals(
    times.map(elapsed).join(" "),
    "0.00s 0.00s 0.99s 1.0s 1.2s 9.9s 10s 59s 1m00s 2m05s 59m59s 1h00m 3h07m 0.00s",
  );
});

Deno.test("wholeSeconds() counts as clocks do", () => {
  assertEquals([0, 999, 1000, 59_999, 60_000, 7_325_000].map(wholeSeconds).join(" "), "0s 0s 1s 59s 1m00s 2h02m");
});
