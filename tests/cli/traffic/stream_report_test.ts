import { assertEquals } from "@std/assert";
import { intervalLines, summaryJson, summaryLines } from "../../../src/cli/traffic/client_report.ts";
import { runFlows } from "../../../src/cli/traffic/run_flows.ts";
import { StreamFlow } from "../../../src/cli/traffic/stream_flow.ts";
import { STREAM_REPORT } from "../../../src/cli/traffic/stream_report.ts";
import { streamReport } from "../../flow/reports.ts";
import { chunkOf, type Script, scriptedFlows } from "./scripted_flows.ts";

const SERVER = "192.0.2.2:7000";
const HOW = { server: SERVER, kind: "ffi", load: {}, started: new Date(0), infos: new Map() } as const;

/** A megabyte in a second, of which the kernel has two samples. */
const megabyte: Script = (flow, { events }) => {
  events.info({ type: "streamInfo", flow, server: false, tinit: 0n, values: { cca: "cubic" } });
  events.records!(flow, chunkOf("streamIO", [{ t: 0, total: 0, sent: 1 }, { t: 1e9, total: 1e6, sent: 1 }]));
  const sample = { cwnd: 10, sndMss: 1448, minRtt: 900, options: 8 };
  events.records!(
    flow,
    chunkOf("tcpInfo", [
      { ...sample, t: 5e8, rtt: 1000, totalRetrans: 1, bytesAcked: 4e5, deliveredCe: 1, busyTime: 5e5 },
      { ...sample, t: 1e9, rtt: 3000, totalRetrans: 3, bytesAcked: 1e6, deliveredCe: 4, busyTime: 1e6 },
    ]),
  );
  const ends = { retransmits: 3, minRttMicros: 900, ecn: 1, congestionMarks: 4 };
  return Promise.resolve(streamReport({ bytes: 1e6, durationNanos: 1e9, goodputBitsPerSecond: 8e6, ...ends }));
};

const half: Script = () =>
  Promise.resolve(streamReport({ bytes: 5e5, durationNanos: 1e9, goodputBitsPerSecond: 4e6, fctNanos: 1.1e9 }));

async function measured(labels: readonly string[]): Promise<StreamFlow[]> {
  const flows = labels.map((label) =>
    new StreamFlow({
      label,
      direction: label.startsWith("up") ? "upload" : "download",
      server: SERVER,
      intervalMs: 500,
      transfer: { duration: 1000 },
    })
  );
  const { signal } = new AbortController();
  await runFlows(scriptedFlows({ upload: megabyte, download: half }), flows, { signal, log() {} });
  return flows;
}

Deno.test("summaryLines() has a row for each stream, and the sum of several in a direction", async () => {
  assertEquals(
    summaryLines(STREAM_REPORT, await measured(["up1", "up2", "down"]), HOW).join("\n"),
    `TCP, server 192.0.2.2:7000, cubic, ECN with 2 of 3 flows

flow    seconds  received      goodput  resent  CE  min RTT  RTT ms  p99 ms     cwnd
up1        1.00   1.00 MB  8.00 Mbit/s       3   4    0.900   2.000   3.000  14.5 kB
up2        1.00   1.00 MB  8.00 Mbit/s       3   4    0.900   2.000   3.000  14.5 kB
down       1.00    500 kB  4.00 Mbit/s       -   -        -       -       -        -
sum up     1.00   2.00 MB  16.0 Mbit/s       6   8        -       -       -        -`,
  );
});

Deno.test("summaryJson() has goodput of all streams and of each direction", async () => {
  const json = summaryJson(STREAM_REPORT, await measured(["up1", "up2", "down"]), HOW) as Record<string, unknown>;
  const { goodputBitsPerSecond, uploadGoodputBitsPerSecond, downloadGoodputBitsPerSecond } = json;
  assertEquals([goodputBitsPerSecond, uploadGoodputBitsPerSecond, downloadGoodputBitsPerSecond], [20e6, 16e6, 4e6]);
  const up = summaryJson(STREAM_REPORT, await measured(["up"]), HOW) as Record<string, unknown>;
  assertEquals([up.uploadGoodputBitsPerSecond, up.downloadGoodputBitsPerSecond], [8e6, undefined]);
});

Deno.test("intervalLines() has what was acknowledged of an upload, and sums without what has none", async () => {
  const flows = await measured(["up1", "up2"]);
  const lines = [0, 1].flatMap((k) =>
    intervalLines(STREAM_REPORT, {
      fromMs: k * 500,
      toMs: (k + 1) * 500,
      seen: flows.map((flow) => ({ flow, interval: flow.takeInterval(k, 500) })),
    })
  );
  assertEquals(lines, [
    "up1         0.00-0.50     400 kB  6.40 Mbit/s       1    1.000    14.5 kB",
    "up2         0.00-0.50     400 kB  6.40 Mbit/s       1    1.000    14.5 kB",
    "sum up      0.00-0.50     800 kB  12.8 Mbit/s       2        -          -",
    "up1         0.50-1.00     600 kB  9.60 Mbit/s       2    3.000    14.5 kB",
    "up2         0.50-1.00     600 kB  9.60 Mbit/s       2    3.000    14.5 kB",
    "sum up      0.50-1.00    1.20 MB  19.2 Mbit/s       4        -          -",
  ]);
});
