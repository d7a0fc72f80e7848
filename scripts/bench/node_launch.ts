import type { Benchmark } from "./benchmark.ts";
import { builtTine } from "./built_tine.ts";
import { medianMs } from "./command_time.ts";
import { medianOfRounds } from "./median.ts";
import { planFile } from "./plan_file.ts";
import { program } from "./programs.ts";

/** How long `tine run` takes for nodes that do nothing, from the built file: their start, and their end. */
export const benchmark: Benchmark = {
  summary: "`tine run` of 1 and of 20 local nodes that do nothing, beside empty programs",

  async *run({ quick }) {
    await using tine = await builtTine();
    const node = (id: number) => ({ child: { node: { id: `node${id}`, launcher: { local: {} } } } });
    await using one = await planFile(node(1));
    await using twenty = await planFile({ parallel: Array.from({ length: 20 }, (_, i) => node(i)) });
    const runs = quick ? 1 : 5;
    const tineMs = (args: string[], cwd = one.folder) => () =>
      medianMs([tine.path, ...args], runs, { cwd, env: tine.env });
    const measures = [
      tineMs(["run", one.path]),
      tineMs(["run", twenty.path], twenty.folder),
      tineMs(["--version"]),
      () => medianMs(program("empty.ts"), runs),
    ];
    for (const measure of measures) await measure(); // fills caches of code
    const [oneMs, twentyMs, versionMs, emptyMs] = await medianOfRounds(quick ? 1 : 5, ...measures);
    const beside = (ms: number) =>
      `${ms.toFixed(0)} ms, empty program ${emptyMs.toFixed(0)} ms: ${(ms / emptyMs).toFixed(1)} x; ` +
      `\`--version\` of the same file ${versionMs.toFixed(0)} ms: ${(ms / versionMs).toFixed(1)} x`;
    yield { what: "one node", figures: beside(oneMs), target: "150 ms", reached: oneMs <= 150 };
    yield {
      what: `20 nodes, on ${navigator.hardwareConcurrency} processors`,
      figures: beside(twentyMs),
      target: "1000 ms on 2 processors",
      reached: twentyMs < 1000,
    };
  },
};
