import { assert, assertAlmostEquals, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { random } from "../../../src/node/mod.ts";

const COUNT = 20_000;
const numbers = (next: () => number) => Array.from({ length: COUNT }, next).sort((a, b) => a - b);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

Deno.test("random() gives the same numbers for the same seed, and others for another one", () => {
  const [a, b, other] = [7, 7, 8].map((seed) => Array.from({ length: 5 }, random(seed).uniform.bind(null, 0, 1)));
  assertEquals(a, b);
  assertNotEquals(a, other);
  assert(new Set(Array.from({ length: 1000 }, (_, seed) => random(seed).uniform())).size === 1000);
});

Deno.test("random() has the distributions that it says", () => {
  const { uniform, exponential, normal, lognormal, pick } = random(1);
  const even = numbers(() => uniform(2, 4));
  assert(even[0] >= 2 && even.at(-1)! < 4);
  assertAlmostEquals(mean(even), 3, 0.02);
  const waits = numbers(() => exponential(50));
  assert(waits[0] >= 0);
  assertAlmostEquals(mean(waits), 50, 2);
  assertAlmostEquals(waits[COUNT / 2], 50 * Math.LN2, 2);
  const bell = numbers(() => normal(10, 2));
  assertAlmostEquals(mean(bell), 10, 0.1);
  assertAlmostEquals(Math.sqrt(mean(bell.map((value) => (value - 10) ** 2))), 2, 0.1);
  const sizes = numbers(() => lognormal(1000, 1.5));
  assertAlmostEquals(Math.log(sizes[COUNT / 2]), Math.log(1000), 0.1);
  assertAlmostEquals(Math.log(sizes[Math.floor(COUNT * 0.8413)]), Math.log(1000) + 1.5, 0.1);
  const counts = new Map<string, number>();
  for (let i = 0; i < 3000; i++) {
    const value = pick(["a", "b", "c"]);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  for (const count of counts.values()) assertAlmostEquals(count, 1000, 150);
  assertThrows(() => pick([]), RangeError, "no value");
});
