import type { Benchmark } from "./benchmark.ts";
import { FedProcess } from "./fed_process.ts";
import { medianOfRounds } from "./median.ts";
import { type Frames, pointFrames } from "./points.ts";
import { program, tine } from "./programs.ts";

const AGENT = tine("agent", "moving-avg");
const PLAIN_LOOP = program("plain_loop.ts");

/** Points/s of an agent over pipes, beside the loop that most would write first. */
export const benchmark: Benchmark = {
  summary: "points/s of `tine agent moving-avg` over stdio, beside a plain protobufjs loop",

  async *run({ quick }) {
    const rounds = quick ? 1 : 5;
    const count = quick ? 5_000 : 500_000;
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

/** From the first byte of the first point to the last byte of the last answer; starting is not counted. */
async function pointsPerSecond(command: readonly string[], frames: Frames, count: number): Promise<number> {
  await using fed = await FedProcess.start(command);
  const started = performance.now();
  const feeding = fed.write(frames).then(() => fed.end());
  const bytes = await fed.drain();
  const seconds = (performance.now() - started) / 1000;
  await feeding;
  // Names, tags and dimensions come back: an answer that is much smaller is none.
  if (bytes < frames.length / 3) throw new Error(`${command.join(" ")} answered ${count} points with ${bytes} bytes`);
  return count / seconds;
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString("en");
}
