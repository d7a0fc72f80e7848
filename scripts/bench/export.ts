import { readFlows } from "../../src/result/mod.ts";
import type { Benchmark, Finding } from "./benchmark.ts";
import { inRounds, median } from "./median.ts";
import { tine } from "./programs.ts";
import { recordEchoes, SAMPLES_PER_ECHO } from "./recorded_echoes.ts";
import { residentMegabytes } from "./resident.ts";
import { thousands } from "./throughput.ts";

/** Rows/s to be reached by format. */
const TARGETS = { csv: 700_000, jsonl: 700_000, line: 1_000_000, parquet: 800_000 } as const;
/** Megabytes that an export may take, whatever it writes. */
const MAX_MEGABYTES = 250;
const MIN_SAMPLES_PER_SECOND = 1_500_000;

/** How fast results are analysed and exported. */
export const benchmark: Benchmark = {
  summary: "samples/s of the analysis, rows/s and memory of `tine export` by format, beside pyarrow",

  async *run({ quick }) {
    const echoes = quick ? 2_000 : 1_000_000;
    const rounds = quick ? 1 : 3;
    const folder = await Deno.makeTempDir({ prefix: "tine-bench-" });
    try {
      const test = await recordEchoes(folder, echoes);
      yield await analysis(test, echoes * SAMPLES_PER_ECHO, rounds);
      const peers = await arrowSeconds(test, folder);
      for (const [format, target] of Object.entries(TARGETS)) {
        const measured = (await inRounds(rounds, () => exportOnce(test, `${folder}/rows`, format)))[0];
        const rate = echoes / median(measured.map(({ seconds }) => seconds));
        const megabytes = Math.max(...measured.map(({ megabytes }) => megabytes));
        const peer = peers?.get(format);
        const beside = peer === undefined
          ? peers === undefined ? ", pyarrow is not installed" : ""
          : `, pyarrow ${thousands(echoes / peer)}: ${(rate * peer / echoes).toFixed(2)} x`;
        yield {
          what: `round_trips as ${format}, the whole command`,
          figures: `${thousands(rate)} rows/s, ${Math.round(megabytes)} MB${beside}`,
          target: `${thousands(target)} rows/s under ${MAX_MEGABYTES} MB`,
          reached: rate >= target && megabytes <= MAX_MEGABYTES,
        };
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
};

async function analysis(test: string, samples: number, rounds: number): Promise<Finding> {
  const [seconds] = await inRounds(rounds, async () => {
    const started = performance.now();
    for await (const { flow } of readFlows(test)) if (flow !== "voip") throw new Error(`there is a flow ${flow}`);
    return (performance.now() - started) / 1000;
  });
  const rate = samples / median(seconds);
  return {
    what: "analysis of echoes, both ends",
    figures: `${thousands(rate)} samples/s`,
    target: `${thousands(MIN_SAMPLES_PER_SECOND)} samples/s`,
    reached: rate >= MIN_SAMPLES_PER_SECOND,
  };
}

/** Runs an export to its end; its memory is looked at 50 times a second. */
async function exportOnce(test: string, path: string, format: string): Promise<{ seconds: number; megabytes: number }> {
  const [command, ...args] = tine(
    "export",
    test,
    "--table=round_trips",
    `--format=${format}`,
    `--out=${path}.${format}`,
  );
  const started = performance.now();
  const child = new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
  let megabytes = 0;
  const look = setInterval(async () => megabytes = Math.max(megabytes, await residentMegabytes(child.pid) ?? 0), 20);
  const { success, stderr } = await child.output();
  clearInterval(look);
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return { seconds: (performance.now() - started) / 1000, megabytes };
}

/** How long pyarrow takes to write the same rows, by format; undefined where it is not installed. */
async function arrowSeconds(test: string, folder: string): Promise<Map<string, number> | undefined> {
  await exportOnce(test, `${folder}/peer`, "parquet");
  const script = new URL("arrow_write.py", import.meta.url).pathname;
  try {
    const { success, stdout } = await new Deno.Command("python3", { args: [script, `${folder}/peer.parquet`] })
      .output();
    if (!success) return undefined;
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    return new Map(lines.map((line) => line.split(" ")).map(([format, seconds]) => [format, Number(seconds)]));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
