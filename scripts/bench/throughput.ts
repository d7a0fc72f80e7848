import { FedProcess } from "./fed_process.ts";
import type { Frames } from "./points.ts";

/** The share of the points that warms up: a UDF runs for days, not for the half second that compiling takes. */
const WARM_UP = 0.2;

/**
 * Points/s of a UDF over stdio, from the time when a fifth of the answers is there to the last byte of the last one.
 *
 * @param count points in the frames
 * @param init by default that of a moving average
 */
export async function pointsPerSecond(
  command: readonly string[],
  frames: Frames,
  count: number,
  init?: Frames,
): Promise<number> {
  await using fed = await FedProcess.start(command, init);
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

/** A number for people. */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString("en");
}
