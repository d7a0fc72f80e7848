import { assertEquals } from "@std/assert";
import { exportToFile, exportToFolder } from "../../../src/result/export/mod.ts";
import { openResults, testsOf } from "../../../src/result/mod.ts";
import { inFolder, startRun, testNamed } from "../fixtures.ts";
import { info, node, recordsOf } from "../recorded_flows.ts";
import { findPythonWith, run } from "../../support/peers.ts";
import { unless } from "../../support/unless.ts";

const TINIT = 1_795_916_003_000_000_000n;
const PACKETS = 200;
const RUNS = 10;
const QUEUES = ["codel", "fifo"];
const LOADS = ["bulk", "idle"];
const QUERY = new URL("../../../examples/p99_by_queue.sql", import.meta.url).pathname;

const [duckdb, pandas] = [await findPythonWith("duckdb"), await findPythonWith("pandas")];

/** The round-trip time of a packet, in nanoseconds: no two are alike. */
function rttOf(round: number, queue: number, load: number, seq: number): number {
  return 1e6 * (1 + round + 10 * queue + 50 * load) + (seq * 7919 % PACKETS) * 1000;
}

/** Stores a run with a test for each queue and load, each with echoes that take no time at the server. */
async function record(out: string, round: number): Promise<void> {
  await using run = await startRun(out, { started: new Date(Date.UTC(2026, 10, 1 + round)) });
  for (const [q, queue] of QUEUES.entries()) {
    for (const [l, load] of LOADS.entries()) {
      const test = await run.startTest(testNamed("latency", { queue, load }));
      await test.add(node("left", "b"));
      for (const server of [false, true]) await test.add(info("packetInfo", "left", "voip", { tinit: TINIT, server }));
      const samples = Array.from({ length: PACKETS }, (_, seq) => {
        const [sent, common] = [seq * 1e9, { seq, packets: 1, len: 100 }];
        const rtt = rttOf(round, q, l, seq);
        const reply = { serverReceived: -rtt / 2, serverTime: 0, serverCount: seq + 1 };
        return [
          { ...common, t: sent, scheduled: sent, flag: 1, sent: 1 },
          { ...common, t: sent + rtt, flag: 2, ...reply },
        ];
      });
      for (const message of recordsOf("left", "voip", "packetIO", samples.flat())) await test.add(message);
      await test.finish({ status: "ok" });
    }
  }
  await run.finish();
}

async function testsIn(out: string) {
  const results = await openResults(out);
  if (results.kind !== "results") throw new Error(results.kind);
  const tests = [];
  for (const run of results.runs) for await (const test of testsOf(run)) tests.push({ test, run: run.name });
  return tests;
}

Deno.test({
  ...unless(
    duckdb.why,
    "DuckDB has the percentiles of ten runs by queue and load, as the example asks",
  ),
  fn: () =>
    inFolder(async (out) => {
      for (let round = 0; round < RUNS; round++) await record(`${out}/results`, round);
      const tests = await testsIn(`${out}/results`);
      const options = { tests, tables: ["round_trips"], format: "parquet" } as const;
      assertEquals((await exportToFolder(options, `${out}/data`, { partitioned: true })).length, 40);
      const script = "import duckdb,json,os,sys; os.chdir(sys.argv[1])\n" +
        "print(json.dumps(duckdb.sql(open(sys.argv[2]).read()).fetchall()))";
      const { code, stdout, stderr } = await run(duckdb.python, ["-c", script, out, QUERY]);
      assertEquals([code, stderr], [0, ""]);
      const expected = QUEUES.flatMap((queue, q) =>
        LOADS.map((load, l) => {
          const p99s = Array.from({ length: RUNS }, (_, round) => {
            const rtts = Array.from({ length: PACKETS }, (_, seq) => rttOf(round, q, l, seq)).sort((a, b) => a - b);
            return rtts[Math.ceil(0.99 * PACKETS) - 1] / 1000;
          }).sort((a, b) => a - b);
          return [queue, load, RUNS, (p99s[4] + p99s[5]) / 2, p99s[0], p99s[9]];
        })
      );
      assertEquals(JSON.parse(new TextDecoder().decode(stdout)), expected);
    }),
});

Deno.test({
  ...unless(pandas.why, "pandas reads intervals from Parquet and CSV alike"),
  fn: () =>
    inFolder(async (out) => {
      await record(`${out}/results`, 0);
      await record(`${out}/results`, 1);
      const tests = await testsIn(`${out}/results`);
      for (const format of ["parquet", "csv"] as const) {
        await exportToFile({ tests, tables: ["intervals"], format, intervalMs: 100_000 }, `${out}/rows.${format}`);
      }
      const script = `
import json, pandas, sys
for read, name in ((pandas.read_parquet, "parquet"), (pandas.read_csv, "csv")):
    rows = read(f"{sys.argv[1]}/rows.{name}")
    print(json.dumps([len(rows), int(rows.sent_packets.sum()), rows.groupby(["queue", "load"]).rtt_max_us.max().to_list()]))
`;
      const { code, stdout, stderr } = await run(pandas.python, ["-c", script, out]);
      assertEquals([code, stderr], [0, ""]);
      const longest = QUEUES.flatMap((_, q) => LOADS.map((_, l) => rttOf(1, q, l, 0) / 1000 + PACKETS - 1));
      const line = JSON.stringify([16, 8 * PACKETS, longest]);
      const spaced = new TextDecoder().decode(stdout).trimEnd().split("\n").map((text) =>
        JSON.stringify(JSON.parse(text))
      );
      assertEquals(spaced, [line, line]);
    }),
});
