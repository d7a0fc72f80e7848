import { assertEquals } from "@std/assert";
import { bitRate, figureText, milliseconds, percent, seconds, span } from "../../src/cli/figures.ts";

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
  const texts = [0, 61, 9999.4, 9999.6, 99_996, 1_204_000, -250].map(milliseconds);
  assertEquals(texts, ["0.000", "0.061", "9.999", "10.00", "100.0", "1204", "-0.250"]);
});

Deno.test("seconds() has three digits of short times too", () => {
  const texts = [0, 480e-6, 7.51e-3, 0.512, 0.9994, 0.9996, 12.3].map(seconds);
  assertEquals(texts, ["0.00", "0.000480", "0.00751", "0.512", "0.999", "1.00", "12.30"]);
});

Deno.test("percent() does not call a little nothing, or almost all of it all", () => {
  assertEquals([0, 0.001, 100 / 3, 100].map(percent), ["0%", "0.0010%", "33%", "100%"]);
});

Deno.test("span() tells short intervals apart", () => {
  assertEquals([span(0, 1000), span(200, 400), span(10, 20)], ["0.0-1.0", "0.20-0.40", "0.010-0.020"]);
});

Deno.test("figureText() has counts in groups, means of counts with two decimals, and - for what is not known", () => {
  const texts = [1234, 7, 2.345, 1234.5, undefined].map((value) => figureText(value, "packet"));
  assertEquals(texts, ["1,234", "7", "2.35", "1,235", "-"]);
  assertEquals([figureText(true, "flag"), figureText(false, "flag"), figureText(1e6, "us"), figureText(1, "s")], [
    "yes",
    "no",
    "1000",
    "1.00",
  ]);
});
