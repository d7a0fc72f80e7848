import type { Benchmark } from "./benchmark.ts";
import { medianMs } from "./command_time.ts";
import { medianOfRounds } from "./median.ts";
import { program, tine } from "./programs.ts";

/** How long `tine --help` takes, beside a program that does nothing. */
export const benchmark: Benchmark = {
  summary: "`tine --help` from start to end, beside an empty Deno program",

  async *run({ quick }) {
    const runs = quick ? 1 : 7;
    const [help, empty] = await medianOfRounds(
      quick ? 1 : 5,
      () => medianMs(tine("--help"), runs),
      () => medianMs(program("empty.ts"), runs),
    );
    yield {
      what: "tine --help",
      figures: `${help.toFixed(0)} ms, empty program ${empty.toFixed(0)} ms: ${(help / empty).toFixed(2)} x`,
      target: "60 ms",
      reached: help <= 60,
    };
  },
};
