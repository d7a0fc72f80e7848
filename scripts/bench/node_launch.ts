import type { Benchmark } from "./benchmark.ts";
import { builtTine } from "./built_tine.ts";
import { outputOf } from "./command_output.ts";
import { inRounds, medians } from "./median.ts";
import { planFile } from "./plan_file.ts";
import { program } from "./programs.ts";

const MANY = 20;

/** From the start to the end, and what was computed meanwhile. */
type Cost = Readonly<Record<"ms" | "cpuMs", number>>;

/** How long `tine run` takes for nodes that do nothing, from the built file: their start, and their end. */
export const benchmark: Benchmark = {
  summary: `\`tine run\` of 1 and of ${MANY} local nodes that do nothing, beside empty programs`,

  async *run({ quick }) {
    await using tine = await builtTine();
    const node = (id: number) => ({ child: { node: { id: `node${id}`, launcher: { local: {} } } } });
    await using one = await planFile(node(1));
    await using many = await planFile({ parallel: Array.from({ length: MANY }, (_, i) => node(i)) });
    const run = ({ path, folder }: typeof one) => () =>
      costOf([tine.path, "run", path, "--out", `${folder}/results`], tine.env);
    const empty = program("empty.ts");
    const measures = [
      run(one),
      run(many),
      () => costOf([tine.path, "--version"], tine.env),
      () => costOf(empty),
      () => costOf(["sh", "-c", `for i in $(seq ${MANY}); do "$@" & done; wait`, "sh", ...empty]),
    ];
    if (!quick) { for (const measure of measures) await measure(); } // fills caches of code
    const [ofOne, ofMany, ofVersion, ofEmpty, ofManyEmpty] = (await inRounds(quick ? 1 : 11, ...measures)).map(medians);
    yield {
      what: "one node",
      figures: `${text(ofOne)}, empty program ${text(ofEmpty)}: ${ratio(ofOne, ofEmpty)}; ` +
        `\`--version\` of the same file ${text(ofVersion)}: ${ratio(ofOne, ofVersion)}`,
      target: "150 ms",
      reached: ofOne.ms <= 150,
    };
    yield {
      what: `${MANY} nodes, on ${navigator.hardwareConcurrency} processors`,
      figures: `${text(ofMany)}, ${MANY} empty programs at the same time ${text(ofManyEmpty)}: ` +
        ratio(ofMany, ofManyEmpty),
      target: "600 ms on 2 processors",
      reached: ofMany.ms < 600,
    };
    const each = (ofMany.cpuMs - ofOne.cpuMs) / (MANY - 1);
    yield {
      what: "each node more",
      figures: `${each.toFixed(0)} ms of CPU time, empty program ${ofEmpty.cpuMs.toFixed(0)} ms: ` +
        times(each, ofEmpty.cpuMs, 2),
    };
  },
};

async function costOf(command: readonly string[], env?: Readonly<Record<string, string>>): Promise<Cost> {
  const started = performance.now();
  const { cpuSeconds } = await outputOf(command, env);
  return { ms: performance.now() - started, cpuMs: cpuSeconds * 1000 };
}

function text({ ms, cpuMs }: Cost): string {
  return `${ms.toFixed(0)} ms (${cpuMs.toFixed(0)} ms of CPU time)`;
}

function ratio(a: Cost, b: Cost): string {
  return `${times(a.ms, b.ms, 1)} (${times(a.cpuMs, b.cpuMs, 1)})`;
}

/** CPU time is counted in ticks: what took less than one has none. */
function times(a: number, b: number, digits: number): string {
  return b === 0 ? "? x" : `${(a / b).toFixed(digits)} x`;
}
