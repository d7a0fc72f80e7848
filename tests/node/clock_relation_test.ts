import { assert, assertEquals } from "@std/assert";
import { estimateOffset, relateClock, SAME_CLOCK } from "../../src/node/clock_relation.ts";

/** A clock that goes on by so many ns whenever it is read. */
function steppingClock(...steps: bigint[]): () => bigint {
  let time = 1_700_000_000_000_000_000n;
  let next = 0;
  return () => time += steps[next++ % steps.length];
}

Deno.test("estimateOffset() takes the quickest answer, and bounds its error by half of the time that it took", async () => {
  // Each round reads the clock twice: the answers take 1 s, 2 ms, 4 s, ...
  const clock = steppingClock(0n, 1_000_000_000n, 0n, 2_000_000n, 0n, 4_000_000_000n);
  let last = 0n;
  const ours = () => last = clock();
  const { offsetNs, errorNs } = await estimateOffset(() => Promise.resolve(last - 5_000_000_000n), ours);
  assertEquals(errorNs, 1_000_000 + 1000);
  // The answer was given right after the question, which is as far from the middle as it can be.
  assertEquals(offsetNs, 5_000_000_000 + 1_000_000);
});

Deno.test("relateClock() asks only where the boot ids differ, and adds up along the way to the root", async () => {
  const ask = () => Promise.reject(new Error("nobody is to be asked"));
  assertEquals(relateClock(undefined, "a", ask), SAME_CLOCK);
  const parent = { bootId: "a", offsetNs: 7, errorNs: 3 };
  assertEquals(relateClock(parent, "a", ask), { offsetNs: 7, errorNs: 3 });
  for (const [above, below] of [["a", "b"], ["", ""]]) {
    const { now } = await import("../../src/base/time.ts");
    const behind = () => Promise.resolve(now() - 1_000_000_000_000n);
    const { offsetNs, errorNs } = await relateClock({ ...parent, bootId: above }, below, behind);
    assert(errorNs > 3, `${errorNs}`);
    assert(Math.abs(offsetNs - 7 - 1e12) <= errorNs, `${offsetNs} ${errorNs}`);
  }
});
