import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { RateLimit } from "../../src/flow/rate_limit.ts";
import { Random } from "../support/random.ts";

const SECOND = 1e9;

Deno.test("RateLimit.take() gives no more than the rate, the start and what waited, whatever is asked for", () => {
  const random = new Random(1);
  const limit = new RateLimit(8000, { depthBytes: 500, startBytes: 100 });
  const taken: [at: number, bytes: number][] = [];
  for (let t = 0; t < 100 * SECOND; t += random.below(200) * 1e6) {
    const bytes = 1 + random.below(300);
    if (limit.take(bytes, t)) taken.push([t, bytes]);
  }
  // In any window: 1000 bytes a second, and the depth.
  for (const [i, [start]] of taken.entries()) {
    let sum = 0;
    for (const [at, bytes] of taken.slice(i)) {
      sum += bytes;
      assert(sum <= (at - start) / SECOND * 1000 + 500 + 1e-6, `${sum} bytes from ${start} to ${at}`);
    }
  }
  assert(taken.reduce((sum, [, bytes]) => sum + bytes, 0) > 90_000);
});

Deno.test("RateLimit.spend() has what is lacking come first, and time that goes back gives nothing", () => {
  const limit = new RateLimit(8000, { depthBytes: 500 });
  limit.spend(1000, 0);
  assertAlmostEquals(limit.nanosUntil(1, 0), 1.001 * SECOND, 1);
  assertEquals(limit.take(1, SECOND), false);
  assertAlmostEquals(limit.nanosUntil(100, 0.5 * SECOND), 0.1 * SECOND, 1);
  assertEquals(limit.take(100, 1.101 * SECOND), true);
});
