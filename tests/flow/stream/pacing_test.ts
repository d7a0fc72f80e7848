import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { StreamClientConfig } from "../../../src/flow/config.ts";
import { Pace, TurnBudget } from "../../../src/flow/stream/pacing.ts";
import { RecordedEvents } from "./recorded_events.ts";
import { makers } from "./stream_makers.ts";

const { signal } = new AbortController();
const pacing = (value: number) => ({ type: "int", level: 1, opt: 47, name: "SO_MAX_PACING_RATE", value } as const);
const request = { flow: "a", direction: "upload", sampleIOIntervalMs: 100, bufLenBytes: 1000 } as const;

Deno.test("Pace.of() has the rate that was set last, and none where there is none", () => {
  assertEquals(Pace.of(request), undefined);
  assertEquals(Pace.of({ ...request, sockopt: [pacing(2 ** 32 - 1)] }), undefined);
  const pace = Pace.of({ ...request, sockopt: [pacing(5), pacing(50_000), { ...pacing(9), opt: 7 }] })!;
  assertEquals([pace.writeBytes, pace.dueNanos(100_000)], [500, 2e9]);
  assertEquals([new Pace(1, 1000).writeBytes, new Pace(1e9, 1000).writeBytes], [1, 1000]);
});

for (const direction of ["upload", "download"] as const) {
  Deno.test({
    name: `streamClient() sends a paced ${direction} at its rate, and no longer than its time`,
    ignore: !("ffi" in makers),
    async fn() {
      await using flows = makers.ffi();
      await using server = await flows.streamServer({ listenAddr: ":0" }, { events: new RecordedEvents(), signal });
      const run = (duration: number, bytesPerSecond: number) => {
        const config = { [direction]: { flow: "a", duration, sockopt: [pacing(bytesPerSecond)] } };
        return flows.streamClient(server.address, config as StreamClientConfig, {
          events: new RecordedEvents(),
          signal,
        });
      };
      const slow = await run(500, 125_000);
      assertAlmostEquals(slow.bytes, 62_500, 2500);
      assert(slow.durationNanos < 700e6, `${slow.durationNanos}`);
      // A byte a second: the first one, and the 16 of the mark.
      const slowest = await run(300, 1);
      assertEquals(slowest.bytes, 17);
      const fast = await run(300, 125_000_000);
      assert(fast.goodputBitsPerSecond > 0.4e9 && fast.goodputBitsPerSecond < 1.1e9, `${fast.goodputBitsPerSecond}`);
    },
  });
}

/** How many writes of 128 KiB a turn has, each of which takes 20 µs. */
function turn(budget: TurnBudget, at: number): number {
  budget.begin(at);
  let count = 1;
  while (budget.spend(131072, at += 20_000)) count++;
  return count;
}

Deno.test("TurnBudget allows one write among many flows, and some of them alone", () => {
  const budget = new TurnBudget();
  assertEquals(turn(budget, 0), 1);
  assertEquals(turn(budget, 1e6), 16);
  assertEquals(turn(budget, 2e6), 16);
  assertEquals(turn(budget, 50e6), 1);
});
