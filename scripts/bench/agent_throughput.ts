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

/** The share of the points that warms up: a UDF runs for days, not for the half second that compiling takes. */
const WARM_UP = 0.2;

/** From the time when a fifth of the answers is there to the last byte of the last one. */
async function pointsPerSecond(command: readonly string[], frames: Frames, count: number): Promise<number> {
  await using fed = await FedProcess.start(command);
  const feeding = fed.write(frames).then(() => fed.end());
  const progress = await fed.drain();
  await feeding;
  const end = progress.at(-1);
  // Names, tags and dimensions come back: an answer that is much smaller is none.
  if (end === undefined || end.bytes < frames.length / 3) {
    throw new Error(`${command.join(" ")} answered ${count} points with ${end?.bytes ?? 0} bytes`);
  }
  // Answers are all of one size, or nearly.
  const start = progress.find(({ bytes }) => bytes >= WARM_UP * end.bytes)!;
  return count * (1 - start.bytes / end.bytes) / ((end.atMs - start.atMs) / 1000);
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString("en");
}
