import type { Benchmark } from "./benchmark.ts";
import { median, medianOfRounds } from "./median.ts";
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

async function medianMs([command, ...args]: readonly string[], runs: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    const { success } = await new Deno.Command(command, { args, stdin: "null" }).output();
    times.push(performance.now() - started);
    if (!success) throw new Error(`${[command, ...args].join(" ")} failed`);
  }
  return median(times);
}
