import { measureFlows } from "../../src/result/mod.ts";
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

/** Samples of a small test and of a large one, whose memory is to be the same. */
const SMALL_SAMPLES = 1_000_000;
const LARGE_SAMPLES = 20_000_000;
/** What twenty times as many samples may take more: where they are, and what is collected the later the more there is. */
const MAX_GROWTH = 1.5;

/** How fast results are analysed and exported, and in how much memory. */
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
        const rows = echoes * SAMPLES_PER_ECHO;
        const measured = (await inRounds(rounds, () => exportOnce(test, "packets", `${folder}/rows`, format)))[0];
        const rate = rows / median(measured.map(({ seconds }) => seconds));
        const megabytes = Math.max(...measured.map(({ megabytes }) => megabytes));
        const peer = peers?.get(format);
        const beside = peer === undefined
          ? peers === undefined ? ", pyarrow is not installed" : ""
          : `, pyarrow ${thousands(rows / peer)}: ${(rate * peer / rows).toFixed(2)} x`;
        yield {
          what: `packets as ${format}, the whole command`,
          figures: `${thousands(rate)} rows/s, ${Math.round(megabytes)} MB${beside}`,
          target: `${thousands(target)} rows/s under ${MAX_MEGABYTES} MB`,
          reached: rate >= target && megabytes <= MAX_MEGABYTES,
        };
      }
      for (const format of Object.keys(TARGETS)) yield await matched(test, `${folder}/rows`, format, echoes, rounds);
      const [small, large] = quick ? [4_000, 8_000] : [SMALL_SAMPLES, LARGE_SAMPLES];
      const smallTest = await recordEchoes(`${folder}/small`, small / SAMPLES_PER_ECHO);
      const tables = quick ? ["packets"] : ["flows", "intervals", "round_trips", "packets"];
      yield* memory(smallTest, `${folder}/large`, small, large, tables);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
};

/** How fast rows are that take four samples each. */
async function matched(
  test: string,
  path: string,
  format: string,
  echoes: number,
  rounds: number,
): Promise<Finding> {
  const measured = (await inRounds(rounds, () => exportOnce(test, "round_trips", path, format)))[0];
  const rate = echoes / median(measured.map(({ seconds }) => seconds));
  return {
    what: `round_trips as ${format}, of four samples each`,
    figures: `${thousands(rate)} rows/s, ${thousands(rate * SAMPLES_PER_ECHO)} samples/s`,
  };
}

/** What a test takes in memory, and one of many more samples. */
async function* memory(
  smallTest: string,
  largeFolder: string,
  small: number,
  large: number,
  tables: readonly string[],
): AsyncGenerator<Finding, void, void> {
  const largeTest = await recordEchoes(largeFolder, large / SAMPLES_PER_ECHO);
  const path = `${largeFolder}/rows`;
  const cases: [what: string, args: (test: string) => string[]][] = [
    ["tine results", (test) => ["results", "--json", test]],
    ...tables.map((table): [string, (test: string) => string[]] => [
      `tine export of ${table} as parquet`,
      (test) => ["export", test, `--table=${table}`, "--format=parquet", `--out=${path}`],
    ]),
  ];
  for (const [what, args] of cases) {
    // The first look keeps figures, which the second one would read.
    const megabytes: number[] = [];
    for (const test of [smallTest, largeTest]) {
      await Deno.remove(`${test}/figures.json`).catch(() => {});
      megabytes.push((await runOnce(args(test))).megabytes);
    }
    yield {
      what: `memory of ${what}, at ${thousands(small)} and ${thousands(large)} samples`,
      figures: megabytes.map((some) => `${Math.round(some)} MB`).join(", "),
      target: `${MAX_GROWTH} x, and under ${MAX_MEGABYTES} MB`,
      reached: megabytes[1] <= MAX_GROWTH * megabytes[0] && megabytes[1] <= MAX_MEGABYTES,
    };
  }
}

async function analysis(test: string, samples: number, rounds: number): Promise<Finding> {
  const [seconds] = await inRounds(rounds, async () => {
    const started = performance.now();
    for await (const { flow } of measureFlows(test)) if (flow !== "voip") throw new Error(`there is a flow ${flow}`);
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

/** Exports a table to a file. */
async function exportOnce(test: string, table: string, path: string, format: string) {
  return await runOnce(["export", test, `--table=${table}`, `--format=${format}`, `--out=${path}.${format}`]);
}

/** Runs a command of tine to its end; its memory is looked at 50 times a second. */
async function runOnce(command: readonly string[]): Promise<{ seconds: number; megabytes: number }> {
  const [program, ...args] = tine(...command);
  const started = performance.now();
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
  let megabytes = 0;
  const look = setInterval(async () => megabytes = Math.max(megabytes, await residentMegabytes(child.pid) ?? 0), 20);
  const { success, stderr } = await child.output();
  clearInterval(look);
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return { seconds: (performance.now() - started) / 1000, megabytes };
}

/** How long pyarrow takes to write the same rows, by format; undefined where it is not installed. */
async function arrowSeconds(test: string, folder: string): Promise<Map<string, number> | undefined> {
  await exportOnce(test, "packets", `${folder}/peer`, "parquet");
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
