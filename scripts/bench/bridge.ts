import { Bridge } from "../../src/bridge/bridge.ts";
import { parsePlan } from "../../src/node/plan/parse.ts";
import type { UdfConfig } from "../../src/node/plan/types.ts";
import type { Message } from "../../src/node/protocol/frame.ts";
import { readRecords } from "../../src/result/mod.ts";
import type { UdfSummary } from "../../src/result/summary.ts";
import type { Benchmark } from "./benchmark.ts";
import { outputOf } from "./command_output.ts";
import { inRounds, median } from "./median.ts";
import { tine } from "./programs.ts";
import { recordEchoes } from "./recorded_echoes.ts";
import { thousands } from "./throughput.ts";

/** The root waits where more waits than this, in bytes: otherwise samples are dropped, as they are beside a test. */
const MAX_PENDING_BYTES = 4 * 2 ** 20;

const MOVING_AVG = "handler: moving-avg, options: { field: rtt_us, size: 10 }, groupBy: [flow]";
/** A program that takes as much of the processor as it gets. */
const LOOPS = "command: [sh, -c, 'while :; do :; done']";
/** A module that returns as much as is read of it. */
const FLOODS = `export function createHandler(agent) {
  return {
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    async point(point) {
      for (;;) await agent.point(point);
    },
  };
}`;

/** How many rows a second UDFs of a plan take, and what a test notices of them. */
export const benchmark: Benchmark = {
  summary: "UDFs of a plan: rows a second, and a test beside them and without them",

  async *run({ quick }) {
    const rounds = quick ? 1 : 5;
    const out = await Deno.makeTempDir({ prefix: "tine-bench-" });
    try {
      const echoes = quick ? 20_000 : 1_000_000;
      const messages: Message[] = [];
      for await (const message of readRecords(await recordEchoes(out, echoes))) messages.push(message);
      for (const udf of [MOVING_AVG, "handler: mirror"]) {
        const config = await udfOf(`name: a, table: round_trips, ${udf}`);
        const [rates] = await inRounds(rounds, () => rowsPerSecond(config, messages, out));
        yield {
          what: `${config.handler}, round trips of a flow, stored`,
          figures: `${spread(rates)} rows/s`,
          target: "500,000",
          reached: median(rates) >= 500_000,
        };
      }
      const seconds = quick ? 0.2 : 5;
      const flood = `${out}/flood.ts`;
      await Deno.writeTextFile(flood, FLOODS);
      const udfs = {
        without: "",
        "moving-avg": MOVING_AVG,
        // They take their time even after the test, which a smoke run does not have.
        ...!quick && { "an endless loop": LOOPS, "a flood of output": `handler: ${flood}` },
      };
      const measured = await inRounds(
        rounds,
        ...Object.values(udfs).map((udf) => () => measureTest(udf, seconds, out)),
      );
      for (const [i, name] of Object.keys(udfs).entries()) {
        const of = (key: keyof Measured) => spread(measured[i].map((values) => values[key]));
        yield {
          what: `a bulk upload beside a packet each ms, ${i === 0 ? name : `with ${name}`}`,
          figures: `goodput ${of("goodputMbps")} Mbit/s, RTT p99 ${of("rttP99Micros")} us, ` +
            `lateness p99 ${of("latenessP99Micros")} us, CPU in all ${of("cpuSeconds")} s`,
        };
      }
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
};

async function udfOf(text: string): Promise<UdfConfig> {
  const { udfs } = await parsePlan(`udfs: [{ ${text} }]\ntests: []`);
  return udfs![0];
}

/** Hands on the messages of a test as fast as the UDF takes them. */
async function rowsPerSecond(config: UdfConfig, messages: readonly Message[], out: string): Promise<number> {
  const folder = await Deno.makeTempDir({ dir: out });
  const ready = Promise.withResolvers<void>();
  const bridge = Bridge.start({
    udfs: [config],
    place: { folder, owner: undefined, bytesLeft: 2 ** 40 },
    id: { name: "bench" },
    idKeys: ["name"],
    runners: ["packetClient", "packetServer"],
    log: (_, text) => console.error(text),
    stop() {},
    failed: (_, error) => ready.reject(error),
  });
  // Its process is to be there.
  await pause(1500);
  const start = performance.now();
  for (const message of messages) {
    bridge.message(message);
    while (bridge.pendingBytes > MAX_PENDING_BYTES) await pause(1);
  }
  const [{ rowsIn, droppedRows, error }]: UdfSummary[] = await bridge.end(60_000);
  const seconds = (performance.now() - start) / 1000;
  if (error !== undefined || droppedRows > 0) throw new Error(error?.message ?? `${droppedRows} rows were dropped`);
  await Deno.remove(folder, { recursive: true });
  return rowsIn / seconds;
}

/** What was measured of a test. */
interface Measured {
  readonly goodputMbps: number;
  readonly rttP99Micros: number;
  readonly latenessP99Micros: number;
  /** Of all processes, those of the UDFs included. */
  readonly cpuSeconds: number;
}

async function measureTest(udf: string, seconds: number, out: string): Promise<Measured> {
  const plan = `
${udf === "" ? "" : `udfs: [{ name: a, table: round_trips, ${udf} }]`}
tests:
- id: { name: bench }
  serial:
  - child:
      node: { id: server, launcher: { local: {} } }
      serial:
      - streamServer: { listenAddr: "127.0.0.1:0", listenAddrKey: tcp }
      - packetServer: { listenAddr: "127.0.0.1:0", listenAddrKey: udp }
  - child:
      node: { id: client, launcher: { local: {} } }
      parallel:
      - streamClient: { addrKey: tcp, upload: { flow: bulk, duration: ${seconds}s } }
      - packetClient:
          addrKey: udp
          flow: voip
          sender: [{ unresponsive: { wait: [1ms], duration: ${seconds}s, echo: true } }]
`;
  const folder = await Deno.makeTempDir({ dir: out });
  const file = `${folder}/plan.yaml`;
  await Deno.writeTextFile(file, plan);
  const { cpuSeconds } = await outputOf(tine("run", file, "--out", folder));
  const { stdout } = await outputOf(tine("results", "--json", `${folder}/latest/name=bench`));
  const flows = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const of = (flow: string) => flows.find((line) => line.type === "flow" && line.flow === flow);
  return {
    goodputMbps: of("bulk").goodputBitsPerSecond / 1e6,
    rttP99Micros: of("voip").rttP99Micros,
    latenessP99Micros: of("voip").latenessP99Micros,
    cpuSeconds,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function spread(values: readonly number[]): string {
  const text = (value: number) => value >= 1000 ? thousands(value) : value.toPrecision(3);
  return `${text(median(values))} (${text(Math.min(...values))} to ${text(Math.max(...values))})`;
}
