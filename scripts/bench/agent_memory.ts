import type { Benchmark } from "./benchmark.ts";
import { FedProcess } from "./fed_process.ts";
import { median } from "./median.ts";
import { pointFrames } from "./points.ts";
import { tine } from "./programs.ts";
import { residentMegabytes } from "./resident.ts";

const BLOCK = 500_000;
const SAMPLE_MS = 20;

/** Whether an agent's memory grows with what has passed through it. */
export const benchmark: Benchmark = {
  summary: "memory (RSS) of `tine agent moving-avg` from 1 to 10 million points",

  async *run({ quick }) {
    if (Deno.build.os !== "linux") {
      yield { what: "memory of the agent", figures: "not measured: only Linux has it in /proc" };
      return;
    }
    const [block, blocks] = quick ? [5_000, 4] : [BLOCK, 20];
    const frames = pointFrames(block, "unique");
    await using fed = await FedProcess.start(tine("agent", "moving-avg"));
    const draining = fed.drain();
    const sample = async () => await residentMegabytes(fed.pid) ?? NaN;
    const samples: number[][] = [];
    for (let i = 0; i < blocks; i++) {
      const during: number[] = samples[i] = [await sample()];
      const timer = setInterval(async () => during.push(await sample()), SAMPLE_MS);
      await fed.write(frames);
      clearInterval(timer);
    }
    await fed.end();
    await draining;
    // The collector makes a saw of it, so that a single sample says little: half a million points have dozens.
    const first = median(samples[Math.floor(blocks / 10)]);
    const last = median(samples[blocks - 1]);
    const peak = Math.max(...samples.flat());
    const million = (points: number) => (points / 1e6).toLocaleString("en");
    yield {
      what: "memory of the agent",
      figures: `${first.toFixed(0)} MB after ${million(Math.floor(blocks / 10) * block)} million points, ` +
        `${last.toFixed(0)} MB after ${million(blocks * block)} million (at most ${peak.toFixed(0)} MB)`,
      target: "flat within 20 MB",
      reached: last - first <= 20,
    };
  },
};
