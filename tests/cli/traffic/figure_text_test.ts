import { assertEquals } from "@std/assert";
import { bitRate, milliseconds, percent, seconds, span } from "../../../src/cli/traffic/figure_text.ts";

Deno.test("bitRate() has three digits and a unit", () => {
  const texts = [0, 1, 12.34, 999, 999.6, 941e6, 9.995e9, 10e9, 35.55e9, 2e15].map(bitRate);
  assertEquals(texts, [
    "0 bit/s",
    "1.00 bit/s",
    "12.3 bit/s",
    "999 bit/s",
    "1.00 kbit/s",
    "941 Mbit/s",
    "10.0 Gbit/s",
    "10.0 Gbit/s",
    "35.5 Gbit/s",
    "2000 Tbit/s",
  ]);
});

Deno.test("milliseconds() has as many decimals as fit", () => {
  const texts = [0, 61_000, 9_999_400, 9_999_600, 99_996_000, 1_204_000_000, -250_000].map(milliseconds);
  assertEquals(texts, ["0.000", "0.061", "9.999", "10.00", "100.0", "1204", "-0.250"]);
});

Deno.test("seconds() has three digits of short times too", () => {
  const texts = [0, 480_000, 7_510_000, 512e6, 999.4e6, 999.6e6, 12.3e9].map(seconds);
  assertEquals(texts, ["0.00", "0.000480", "0.00751", "0.512", "0.999", "1.00", "12.30"]);
});

Deno.test("percent() does not call a little nothing, or almost all of it all", () => {
  assertEquals([percent(0, 10), percent(1, 100_000), percent(1, 3), percent(10, 10), percent(0, 0)], [
    "0%",
    "0.0010%",
    "33%",
    "100%",
    "-",
  ]);
});

Deno.test("span() tells short intervals apart", () => {
  assertEquals([span(0, 1000), span(200, 400), span(10, 20)], ["0.0-1.0", "0.20-0.40", "0.010-0.020"]);
});
