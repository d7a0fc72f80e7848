import type { Benchmark } from "./benchmark.ts";
import { medianOfRounds } from "./median.ts";
import { pointFrames } from "./points.ts";
import { tine } from "./programs.ts";
import { pointsPerSecond, thousands } from "./throughput.ts";

/** The bundled moving average, run as an author's module: the same work, in a worker. */
const MODULE = new URL("../../src/udf/handlers/moving_avg.ts", import.meta.url).pathname;

/** Points/s of a module, and of a relay, beside the bundled handler run directly. */
export const benchmark: Benchmark = {
  summary: "points/s of a module in a worker, and of a supervising relay, beside the bundled handler run directly",

  async *run({ quick }) {
    const count = quick ? 5_000 : 400_000;
    const frames = pointFrames(count, "repeating");
    const direct = tine("agent", "moving-avg");
    for (
      const [what, command, least] of [
        ["module", tine("agent", MODULE), 0.6],
        ["relay", tine("agent", "--restart", "--", ...direct), 0.5],
      ] as const
    ) {
      const [measured, bundled] = await medianOfRounds(
        quick ? 1 : 5,
        () => pointsPerSecond(command, frames, count),
        () => pointsPerSecond(direct, frames, count),
      );
      yield {
        what,
        figures: `${thousands(measured)} points/s, direct ${thousands(bundled)}: ${(measured / bundled).toFixed(2)} x`,
        target: `at least ${least} x`,
        reached: measured >= least * bundled,
      };
    }
  },
};
