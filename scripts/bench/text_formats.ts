import { createPointWriter, type OutputFormat } from "../../src/udf/format/point_writer.ts";
import { readPoints, type ReadPointsOptions } from "../../src/udf/format/point_reader.ts";
import type { Point } from "../../src/udf/point.ts";
import { TextWriter } from "../../src/wire/text_writer.ts";
import type { Benchmark } from "./benchmark.ts";
import { isInstalled } from "./command_output.ts";
import { medianOfRounds } from "./median.ts";
import { tine } from "./programs.ts";
import { thousands } from "./throughput.ts";

/** A text of points, and how it is read and printed. */
interface Sample {
  /** The format, which is also the ending of its file. */
  readonly name: "line" | "json" | "csv";
  readonly what: string;
  readonly reading: ReadPointsOptions;
  /** What follows `tine host --handler mirror --input FILE`. */
  readonly flags: readonly string[];
  readonly printed: OutputFormat;
  /** Points a second through `tine host` that are to be reached. */
  readonly target: number;
  /** The line of a point, with the header where it is the first. */
  text(i: number): string;
}

const host = (i: number) => `server${String(i % 100).padStart(3, "0")}`;
const usage = (i: number) => (40 + 25 * Math.sin(i / 50)).toFixed(2);
const idle = (i: number) => (60 - 25 * Math.sin(i / 50)).toFixed(2);
const time = (i: number) => 1_700_000_000_000_000_000n + BigInt(i) * 100_000_000n;

const SAMPLES: readonly Sample[] = [
  {
    name: "line",
    what: "line protocol",
    reading: { format: "line" },
    flags: ["--format", "line"],
    printed: "line",
    target: 500_000,
    text: (i) => `cpu,host=${host(i)},region=eu-west usage=${usage(i)},idle=${idle(i)} ${time(i)}\n`,
  },
  {
    name: "json",
    what: "JSON lines",
    reading: { format: "json" },
    flags: ["--format", "json"],
    printed: "json",
    target: 500_000,
    text: (i) =>
      `{"name":"cpu","time":${time(i)},"tags":{"host":"${host(i)}","region":"eu-west"},` +
      `"fields":{"usage":${usage(i)},"idle":${idle(i)}}}\n`,
  },
  {
    name: "csv",
    what: "CSV, printed as line protocol",
    reading: { format: "csv", measurement: "cpu", tagColumns: ["host", "region"] },
    flags: ["--measurement", "cpu", "--tag-columns", "host,region", "--format", "line"],
    printed: "line",
    target: 400_000,
    text: (i) =>
      (i === 0 ? "time,host,region,usage,idle\n" : "") + `${time(i)},${host(i)},eu-west,${usage(i)},${idle(i)}\n`,
  },
];

/** How fast points are read from text and printed, and both with a UDF between, beside InfluxDB's parser in Go. */
export const benchmark: Benchmark = {
  summary: "points/s of text: read, printed, and through `tine host`, beside InfluxDB's own parser",

  async *run({ quick }) {
    const count = quick ? 5_000 : 400_000;
    const rounds = quick ? 1 : 5;
    const folder = await Deno.makeTempDir({ prefix: "tine-bench-" });
    try {
      const peer = await buildPeer(folder);
      for (const sample of SAMPLES) {
        const path = `${folder}/points.${sample.name}`;
        await writeSample(path, sample, count);
        const bytes = await Deno.readFile(path);
        const points = await pointsOf(sample, bytes);
        const alone = sample.name === "line" ? peer : undefined;
        let peerReads: number[] = [], peerPrints: number[] = [];
        const [reads, prints, through] = await medianOfRounds(
          rounds,
          () => readingRate(sample, bytes, count),
          () => Promise.resolve(printingRate(sample, points)),
          async () => {
            if (alone !== undefined) {
              const [read, both] = await runPeer(alone, path);
              peerReads = [...peerReads, read];
              peerPrints = [...peerPrints, both];
            }
            return await hostRate(sample, path);
          },
        );
        const middle = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];
        yield {
          what: `${sample.what}: read and printed, without a UDF`,
          figures: `${thousands(reads)} read, ${thousands(prints)} printed, ` +
            `${thousands(1 / (1 / reads + 1 / prints))} both points/s` +
            (alone === undefined
              ? ""
              : `; InfluxDB's in Go: ${thousands(middle(peerReads))} read, ${thousands(middle(peerPrints))} both`),
        };
        if (sample.name === "line" && alone === undefined) {
          yield { what: "InfluxDB's parser", figures: "not measured: go is missing, or its module cannot be had" };
        }
        yield {
          what: `${sample.what}: through tine host --handler mirror`,
          figures: `${thousands(through)} points/s`,
          target: `${thousands(sample.target)} points/s`,
          reached: through >= sample.target,
        };
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
};

async function writeSample(path: string, { text }: Sample, count: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  const out = new TextWriter();
  for (let i = 0; i < count; i++) {
    out.text(text(i));
    if (out.length < 1 << 20 && i < count - 1) continue;
    for (let rest = out.take(); rest.length > 0;) rest = rest.subarray(await file.write(rest));
  }
}

const streamOf = (bytes: Uint8Array) => ReadableStream.from([bytes]);

async function pointsOf({ reading }: Sample, bytes: Uint8Array): Promise<Point[]> {
  const points: Point[] = [];
  for await (const items of readPoints(reading, streamOf(bytes))) {
    for (const item of items) if (item.kind === "point") points.push(item.point);
  }
  return points;
}

async function readingRate({ reading }: Sample, bytes: Uint8Array, count: number): Promise<number> {
  const started = performance.now();
  let points = 0;
  for await (const items of readPoints({ ...reading, warn: console.warn }, streamOf(bytes))) points += items.length;
  if (points !== count) throw new Error(`${points} of ${count} points were read`);
  return count / (performance.now() - started) * 1000;
}

function printingRate({ printed }: Sample, points: readonly Point[]): number {
  const writer = createPointWriter(printed);
  const out = new TextWriter();
  const started = performance.now();
  for (const point of points) {
    writer.point(point, out);
    if (out.length > 64 * 1024) out.take();
  }
  return points.length / (performance.now() - started) * 1000;
}

/** Points a second of a whole run, as its summary says. */
async function hostRate({ flags }: Sample, path: string): Promise<number> {
  const [program, ...args] = tine("host", "--handler", "mirror", "--input", path, ...flags);
  const { stderr } = await new Deno.Command(program, { args, stdout: "null", stderr: "piped" }).output();
  const summary = new TextDecoder().decode(stderr);
  const rate = /([\d,]+) points\/s/.exec(summary)?.[1];
  if (rate === undefined) throw new Error(`tine host failed: ${summary}`);
  return Number(rate.replaceAll(",", ""));
}

/** Builds the peer; undefined where Go or its module is missing. */
async function buildPeer(folder: string): Promise<string | undefined> {
  if (!isInstalled("go", "version")) return undefined;
  const source = new URL("line_protocol_peer/", import.meta.url).pathname;
  const peer = `${folder}/peer`;
  const args = ["build", "-o", peer, "."];
  const { success } = await new Deno.Command("go", { args, cwd: source, stdout: "null", stderr: "inherit" }).output();
  return success ? peer : undefined;
}

async function runPeer(peer: string, path: string): Promise<number[]> {
  const { success, stdout } = await new Deno.Command(peer, { args: [path], stderr: "inherit" }).output();
  if (!success) throw new Error("InfluxDB's parser failed, see above");
  return new TextDecoder().decode(stdout).trim().split(" ").map(Number);
}
