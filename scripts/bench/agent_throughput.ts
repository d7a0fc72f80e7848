import type { Benchmark } from "./benchmark.ts";
import { medianOfRounds } from "./median.ts";
import { pointFrames } from "./points.ts";
import { program, tine } from "./programs.ts";
import { pointsPerSecond, thousands } from "./throughput.ts";

const AGENT = tine("agent", "moving-avg");
const PLAIN_LOOP = program("plain_loop.ts");

/** Points/s of an agent over pipes, beside the loop that most would write first. */
export const benchmark: Benchmark = {
  summary: "points/s of `tine agent moving-avg` over stdio, beside a plain protobufjs loop",

  async *run({ quick }) {
    const rounds = quick ? 1 : 5;
    const count = quick ? 5_000 : 400_000;
    for (const texts of ["repeating", "unique"] as const) {
      const frames = pointFrames(count, texts);
      const [agent, plain] = await medianOfRounds(
        rounds,
        () => pointsPerSecond(AGENT, frames, count),
        () => pointsPerSecond(PLAIN_LOOP, frames, count),
      );
      yield {
        what: `agent, strings ${texts === "unique" ? "that never repeat" : "that repeat"}`,
        figures: `${thousands(agent)} points/s, plain loop ${thousands(plain)}: ${(agent / plain).toFixed(1)} x`,
        target: "4 x the plain loop, aiming at 1,000,000 points/s",
        reached: agent >= 4 * plain,
      };
    }
  },
};
