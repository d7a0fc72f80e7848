import type { RunInput } from "../../src/node/mod.ts";
import { lines } from "../../src/base/lines.ts";
import type { Benchmark } from "./benchmark.ts";
import { type BuiltTine, builtTine } from "./built_tine.ts";
import { median } from "./median.ts";
import { planFile } from "./plan_file.ts";
import { program } from "./programs.ts";
import { ownMegabytes, residentMegabytes } from "./resident.ts";

const SAMPLE_MS = 20;
const TARGET_MB = 60;
const OWN_TARGET_MB = 8;

/** Reads how much memory a process has. */
type Memory = (pid: number) => Promise<number | undefined>;

/** What nodes take in memory: one that has nothing to do, and one that hands on the results of another. */
export const benchmark: Benchmark = {
  summary: "memory of a node that waits, its own and with what it shares (RSS), and of one that hands on log entries",

  async *run({ quick }) {
    if (Deno.build.os !== "linux") {
      yield { what: "memory of nodes", figures: "not measured: only Linux has it in /proc" };
      return;
    }
    await using tine = await builtTine();
    const empty = await emptyMegabytes(residentMegabytes);
    const wait: RunInput = { sleep: quick ? "300ms" : "3s" };
    const own = median(await nodeMegabytes(tine, wait, ownMegabytes, "leaf"));
    const emptyOwn = await emptyMegabytes(ownMegabytes);
    yield {
      what: "a node that waits, without pages of files that it shares",
      figures: `${own.toFixed(1)} MB, empty program ${emptyOwn.toFixed(1)} MB: ${(own / emptyOwn).toFixed(2)} x`,
      target: `${OWN_TARGET_MB} MB`,
      reached: own <= OWN_TARGET_MB,
    };
    const idle = await nodeMegabytes(tine, wait, residentMegabytes);
    const busy = await nodeMegabytes(tine, {
      serial: [
        { resultStream: { include: { all: true } } },
        { system: { command: `seq 1 ${quick ? 1000 : 1_000_000}`, stdout: "stream" } },
      ],
    }, residentMegabytes);
    for (const [what, samples] of [["a node that waits", idle], ["a node that hands on log entries", busy]] as const) {
      const typical = median(samples);
      yield {
        what,
        figures: `${typical.toFixed(0)} MB (at most ${Math.max(...samples).toFixed(0)} MB), ` +
          `empty program ${empty.toFixed(0)} MB: ${(typical / empty).toFixed(2)} x`,
        target: `${TARGET_MB} MB`,
        reached: typical <= TARGET_MB,
      };
    }
  },
};

/** Samples of the memory of a node, in the middle or the leaf below it, while the leaf runs `run`. */
async function nodeMegabytes(
  tine: BuiltTine,
  run: RunInput,
  memory: Memory,
  sampled: "middle" | "leaf" = "middle",
): Promise<number[]> {
  const launcher = { local: {} };
  const leaf = { child: { node: { id: "leaf", launcher }, ...run } } as RunInput;
  await using plan = await planFile({ child: { node: { id: "middle", launcher }, ...leaf } } as RunInput);
  const child = new Deno.Command(tine.path, {
    args: ["run", "--json", plan.path],
    cwd: plan.folder,
    env: { ...tine.env },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const samples: number[] = [];
  let sampledPid: number | undefined;
  let launched = false;
  const sample = async () => {
    const megabytes = sampledPid === undefined || !launched ? undefined : await memory(sampledPid);
    if (megabytes !== undefined) samples.push(megabytes);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  for await (const line of lines(child.stdout, 64 * 1024)) {
    const { type, nodeId, pid } = JSON.parse(line);
    if (type !== "node") continue;
    if (nodeId === sampled) sampledPid = pid;
    launched ||= nodeId === "leaf";
  }
  clearInterval(timer);
  if (!(await child.status).success || samples.length === 0) throw new Error("the run failed");
  return samples;
}

async function emptyMegabytes(memory: Memory): Promise<number> {
  const [command, ...args] = program("waiting.ts");
  await using child = new Deno.Command(command, { args, stdin: "piped" }).spawn();
  // Once it reads, it has loaded all that it needs.
  const writer = child.stdin.getWriter();
  await writer.write(new Uint8Array(256 * 1024));
  const megabytes = await memory(child.pid);
  await writer.close();
  if (megabytes === undefined) throw new Error("the empty program ended");
  return megabytes;
}
