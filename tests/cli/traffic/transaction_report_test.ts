import { assertEquals } from "@std/assert";
import { intervalLines, summaryJson, summaryLines } from "../../../src/cli/traffic/client_report.ts";
import { runFlows } from "../../../src/cli/traffic/run_flows.ts";
import { overTcp, TransactionFlow } from "../../../src/cli/traffic/transaction_flow.ts";
import { transactionReport } from "../../../src/cli/traffic/transaction_report.ts";
import { chunkOf, type Script, scriptedFlows } from "./scripted_flows.ts";

const SERVER = "192.0.2.2:7000";
const HOW = { server: SERVER, kind: "ffi", load: {}, started: new Date(0), infos: new Map() } as const;
const REPORT = transactionReport("tcp");

/** Ten transactions of 1 ms each, one after another. */
const ten: Script = (flow, { events }) => {
  events.info({ type: "transactionInfo", flow, server: false, tinit: 0n, values: {} });
  const samples = Array.from({ length: 10 }, (_, i) => ({ t: (i + 1) * 1e6, latency: 1e6, connect: -1 }));
  events.records!(flow, chunkOf("transactionIO", samples));
  const report = { complete: !flow.startsWith("cut"), elapsedNanos: 1e7, transactions: 10, lost: 0 };
  return Promise.resolve({ kind: "transactions", ...report, transactionsPerSecond: 1000 });
};

async function measured(labels: readonly string[]): Promise<TransactionFlow[]> {
  const run = overTcp(SERVER, {}, { request: 1, response: 1 });
  const flows = labels.map((label) =>
    new TransactionFlow({ label, transport: "tcp", intervalMs: 5, perConnection: false, run })
  );
  const { signal } = new AbortController();
  await runFlows(scriptedFlows({ transactions: ten }), flows, { signal, log() {} });
  return flows;
}

Deno.test("summaryLines() has rates and latencies of each flow of requests and responses, and of all", async () => {
  assertEquals(
    summaryLines(REPORT, await measured(["rr1", "cut"]), HOW).join("\n"),
    `TCP, server 192.0.2.2:7000, requests and responses

flow   transactions  per second  seconds
rr1              10       1,000   0.0100
cut*             10       1,000   0.0100
all 2            20       2,000   0.0100

latency ms   mean  median    p90    p99  p99.9    max
rr1         1.000   1.000  1.000  1.000  1.000  1.000
cut*        1.000   1.000  1.000  1.000  1.000  1.000
all 2       1.000   1.000  1.000  1.000  1.000  1.000
* did not come to its end`,
  );
});

Deno.test("summaryJson() has the figures of all flows of requests and responses, and of each", async () => {
  // deno-lint-ignore no-explicit-any -- as a program sees it
  const { complete, flows, ...all } = summaryJson(REPORT, await measured(["rr1", "cut"]), HOW) as any;
  assertEquals([complete, all.transactions, all.transactionsPerSecond, all.latencyP90Micros], [false, 20, 2000, 1000]);
  assertEquals([flows[0].flow, flows[0].complete, flows[1].complete, flows[0].transactions], ["rr1", true, false, 10]);
});

Deno.test("intervalLines() has the transactions that were over in an interval, and their sum", async () => {
  const seen = (await measured(["rr1", "rr2"])).map((flow) => ({ flow, interval: flow.takeInterval(0, 5) }));
  assertEquals(intervalLines(REPORT, { fromMs: 0, toMs: 5, seen }), [
    "rr1       0.000-0.005             4         800      1.000     1.000     1.000",
    "rr2       0.000-0.005             4         800      1.000     1.000     1.000",
    "sum up    0.000-0.005             8       1,600      1.000     1.000     1.000",
  ]);
});
