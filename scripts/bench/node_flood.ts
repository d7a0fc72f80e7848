import type { Plan, Run } from "../../src/node/plan/types.ts";
import { Kind } from "../../src/node/protocol/frame.ts";
import { chunkHead } from "../../src/flow/records/read_chunk.ts";
import { runPlan } from "../../src/experiment/run_plan.ts";
import type { Finding } from "./benchmark.ts";
import { type Flood, runners } from "./flood.ts";
import { medianOfRounds } from "./median.ts";
import { program } from "./programs.ts";
import { thousands } from "./throughput.ts";

/** The share of the results that warms up, as in throughput.ts. */
const WARM_UP = 0.2;

/**
 * The report of a flood beside `cat`.
 *
 * @param target results a second
 */
export async function floodFinding(flood: Flood, target: number, quick: boolean): Promise<Finding> {
  const folder = await Deno.makeTempDir({ prefix: "tine-bench-" });
  try {
    let bytes = 0;
    const [perSecond, pipes] = await medianOfRounds(quick ? 1 : 5, async () => {
      const result = await floodThroughNodes(flood, folder);
      bytes = result.bytes;
      await Deno.remove(await Deno.realPath(`${folder}/latest`), { recursive: true });
      return result.perSecond;
    }, async () => await bytesThroughPipes(bytes, folder) * flood.count / bytes);
    return {
      what: `${flood.what}, ${(bytes / flood.count).toFixed(1)} bytes each`,
      figures: `${thousands(perSecond)}/s, the same bytes through cat ${thousands(pipes)}/s: ` +
        `${(perSecond / pipes).toFixed(3)} x`,
      target: `${thousands(target)}/s`,
      reached: perSecond >= target,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What came of a flood. */
interface FloodResult {
  /** Results that reached the root, a second. */
  readonly perSecond: number;
  /** What all of them took on disk. */
  readonly bytes: number;
}

/**
 * Sends results from a node through another one, and this process as their root, to the disk: three processes.
 *
 * @param folder where the results go
 */
async function floodThroughNodes(flood: Flood, folder: string): Promise<FloodResult> {
  const local = { local: {} };
  // Sent at once, rather than after the run.
  const serial = [{ resultStream: { include: { all: true } } }, { flood } as Run];
  const leaf = { child: { node: { id: "leaf", launcher: local }, serial } };
  const plan: Plan = {
    tests: [{ id: { name: "flood" }, timeout: 0, child: { node: { id: "middle", launcher: local }, ...leaf } }],
  };
  let count = 0;
  let first: { count: number; atMs: number } | undefined;
  let lastMs = 0;
  let error = "";
  let bytes = 0;
  await runPlan(plan, {
    planName: "flood",
    tine: "0.0.0",
    out: folder,
    runners,
    command: program("flood_node.ts"),
    observer: {
      planStarts() {},
      testStarts() {},
      message({ kind, origin, payload }) {
        if (origin !== "leaf") return;
        if (kind === Kind.log) count++;
        else if (kind === Kind.records) count += chunkHead(payload).count;
        else return;
        lastMs = performance.now();
        if (first === undefined && count >= WARM_UP * flood.count) first = { count, atMs: lastMs };
      },
      testEnds({ status, errors, records, logs }) {
        if (status !== "ok") error = errors[0]?.message ?? status;
        bytes = flood.what === "logs" ? logs.bytes : records.bytes;
      },
    },
  });
  if (error !== "" || first === undefined || count !== flood.count) {
    throw new Error(`of ${flood.count} ${flood.what}, ${count} came: ${error}`);
  }
  return { perSecond: (count - first.count) / ((lastMs - first.atMs) / 1000), bytes };
}

/** Bytes a second through two pipes to the disk: what no chain of three processes can beat by much. */
async function bytesThroughPipes(bytes: number, folder: string): Promise<number> {
  const file = `${folder}/bytes`;
  await Deno.writeFile(file, crypto.getRandomValues(new Uint8Array(64 * 1024)));
  // Made before the clock runs, and read from the page cache.
  const rounds = Math.max(1, Math.ceil(bytes / (64 * 1024)));
  const script = `i=0; while [ $i -lt ${rounds} ]; do cat '${file}'; i=$((i + 1)); done >'${file}.in'`;
  await new Deno.Command("sh", { args: ["-c", script] }).output();
  const started = performance.now();
  const { success } = await new Deno.Command("sh", {
    args: ["-c", `cat '${file}.in' | cat | cat >'${file}.out'`],
  }).output();
  if (!success) throw new Error("cat failed");
  const seconds = (performance.now() - started) / 1000;
  await Deno.remove(`${file}.in`);
  await Deno.remove(`${file}.out`);
  return rounds * 64 * 1024 / seconds;
}
