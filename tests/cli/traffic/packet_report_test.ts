import { assertEquals } from "@std/assert";
import { PacketFlow } from "../../../src/cli/traffic/packet_flow.ts";
import { intervalJson, intervalLines, summaryJson, summaryLines } from "../../../src/cli/traffic/client_report.ts";
import { PACKET_REPORT } from "../../../src/cli/traffic/packet_report.ts";
import { runFlows } from "../../../src/cli/traffic/run_flows.ts";
import type { UnresponsiveConfig } from "../../../src/flow/config.ts";
import type { Sample } from "../../../src/flow/records/format.ts";
import { chunkOf, type Script, scriptedFlows } from "./scripted_flows.ts";
import type { PacketSenderReport } from "../../../src/flow/report.ts";
import { packetReport } from "../../flow/reports.ts";

const MS = 1_000_000;
const SERVER = "192.0.2.2:7001";
const HOW = { server: SERVER, kind: "ffi", load: {}, started: new Date(0), infos: new Map() } as const;

/** Ten packets that take 3 ms there, 0.1 ms at the server and 2 ms back, to a clock that is 1 s ahead; the fourth is lost. */
const echoes: Script = (flow, { events }) => {
  events.info({
    type: "packetInfo",
    flow,
    server: false,
    tinit: 0n,
    values: { client: "192.0.2.1:4000", server: SERVER },
  });
  const samples: Partial<Sample<"packetIO">>[] = [];
  for (let seq = 0; seq < 10; seq++) {
    const t = seq * 20 * MS;
    const common = { seq, packets: 1, len: 100 };
    samples.push({ ...common, flag: 1, t, scheduled: t - 10_000, sent: 1 });
    if (seq === 3) continue;
    const serverCount = seq < 3 ? seq + 1 : seq;
    const reply = { ...common, flag: 2, t: t + 5.1 * MS, scheduled: t + 5.1 * MS };
    samples.push({ ...reply, serverReceived: 1000 * MS - 2.1 * MS, serverTime: 0.1 * MS, serverCount });
  }
  events.records!(flow, chunkOf("packetIO", samples));
  return Promise.resolve(packetReport({ serverReceived: 9 }));
};

async function measured(script: Script): Promise<PacketFlow> {
  const flow = new PacketFlow({
    label: "up",
    server: SERVER,
    intervalMs: 100,
    sender: { wait: [20], duration: 200, echo: true },
    client: {},
  });
  const { signal } = new AbortController();
  await runFlows(scriptedFlows({ packets: script }), [flow], { signal, log() {} });
  return flow;
}

Deno.test("summaryLines() is a table with delays, their bound, and loss by direction", async () => {
  assertEquals(
    summaryLines(PACKET_REPORT, [await measured(echoes)], HOW).join("\n"),
    `UDP, server 192.0.2.2:7001

up: 10 packets, sent at 40.0 kbit/s, received at 36.0 kbit/s

milliseconds              min     mean   median      p99    p99.9      max
RTT                     5.000    5.000    5.000    5.000    5.000    5.000
at the server           0.100    0.100    0.100    0.100    0.100    0.100
one-way to server       2.500    2.500    2.500    2.500    2.500    2.500
one-way from server     2.500    2.500    2.500    2.500    2.500    2.500
IPDV to server          0.000    0.000    0.000    0.000    0.000    0.000
IPDV from server        0.000    0.000    0.000    0.000    0.000    0.000
lateness of sends       0.010    0.010    0.010    0.010    0.010    0.010
one-way delays are estimates, off by 2.500 ms at most: the clocks are not shared

packets      sent  received  lost       duplicates  reordered  dropped
to server      10         9     1  10%           0          0        0
from server     9         9     0   0%           0          0        0`,
  );
});

Deno.test("summaryJson() has the same under keys with units", async () => {
  // deno-lint-ignore no-explicit-any -- as a program sees it
  const summary = JSON.parse(JSON.stringify(summaryJson(PACKET_REPORT, [await measured(echoes)], HOW))) as any;
  assertEquals([summary.type, summary.protocol, summary.server, summary.complete], ["summary", "udp", SERVER, true]);
  const [{ rttMedianMicros, rttP999Micros, latenessMaxMicros, toServer, fromServer, ...flow }] = summary.flows;
  assertEquals([rttMedianMicros, rttP999Micros, latenessMaxMicros], [5000, 5000, 10]);
  assertEquals([flow.flow, flow.direction, flow.clockOffsetMicros, flow.clockOffsetBoundMicros], [
    "up",
    "upload",
    1_000_500,
    2500,
  ]);
  assertEquals([toServer.sent, toServer.lost, toServer.lostPercent, toServer.oneWayDelayMedianMicros], [
    10,
    1,
    10,
    2500,
  ]);
  assertEquals([fromServer.sent, fromServer.lost, fromServer.oneWayDelayBoundMicros], [9, 0, 2500]);
  assertEquals(summary.bottlenecks, []);
});

Deno.test("summaryLines() says where tine was the limit, and what is not known", async () => {
  const flow = await measured((id, { events }) => {
    const packets = Array.from({ length: 100 }, (_, seq) => ({ seq, packets: 1, t: seq * MS, scheduled: 0, sent: 1 }));
    events.records!(id, chunkOf("packetIO", packets));
    events.progress(id, packetReport({ complete: false, serverSocketDrops: 12, sendErrors: 3, unsent: 1 }));
    return Promise.reject(new Error("gone"));
  });
  const text = summaryLines(PACKET_REPORT, [flow], { ...HOW, load: { busiestThread: 0.99 } }).join("\n");
  const [, tail] = text.split("\n\npackets");
  assertEquals(
    tail,
    `    sent  received  lost    duplicates  reordered  dropped
to server   100         -     -             -          -       12
the server has not reported its counts: the flow did not come to its end

These figures may be limited by tine and its machines, not by the network:
- 98 of 100 packets were sent over 1 ms late, the latest by 99.0 ms
- time was over before 1 packet could be sent
- the system did not take 3 packets
- the server's socket dropped 12 packets that had arrived
- sending or receiving kept a core of this machine busy for 99% of the time`,
  );
});

Deno.test("summaryLines() says where raw sockets were missing", async () => {
  const lines = summaryLines(PACKET_REPORT, [await measured(echoes)], { ...HOW, kind: "portable" });
  assertEquals(lines.at(-1)?.startsWith("Without raw sockets"), true);
});

Deno.test("intervalLines() has what was sent and received in an interval", async () => {
  const flow = await measured(echoes);
  const lines = [0, 1, 2].flatMap((k) =>
    intervalLines(PACKET_REPORT, {
      fromMs: k * 100,
      toMs: (k + 1) * 100,
      seen: [{ flow, interval: flow.takeInterval(k, 100) }],
    })
  );
  assertEquals(
    lines,
    [
      "up          0.00-0.10          5          4  40.0 kbit/s  32.0 kbit/s    5.000    5.000    5.000",
      "up          0.10-0.20          5          5  40.0 kbit/s  40.0 kbit/s    5.000    5.000    5.000",
      "up          0.20-0.30          0          0      0 bit/s      0 bit/s        -        -        -",
    ].map((line) => line.replace("0.00-0.10          5          4", "0.00-0.10          5          4")),
  );
});

Deno.test("intervals have no counts of what only the other end knows", () => {
  const flow = (sender: Partial<UnresponsiveConfig>) =>
    new PacketFlow({ label: "f", server: SERVER, intervalMs: 100, sender: { duration: 100, ...sender }, client: {} });
  const [up, echo, down] = [flow({}), flow({ echo: true }), flow({ reverse: true })];
  const seen = [up, echo, down].map((flow) => ({ flow, interval: flow.takeInterval(0, 100) }));
  const intervals = { fromMs: 0, toMs: 100, seen };
  assertEquals(
    intervalLines(PACKET_REPORT, intervals).map((line) => line.trim().split(/ +/).slice(1, 4)),
    [["0.00-0.10", "0", "-"], ["0.00-0.10", "0", "0"], ["0.00-0.10", "-", "0"], ["up", "0.00-0.10", "0"]],
  );
  const keys = intervalJson(PACKET_REPORT, intervals).map((object) =>
    Object.keys(object).filter((key) => /^(sen[dt]|rece)/.test(key))
  );
  assertEquals(keys, [
    ["sent", "sendBitsPerSecond"],
    ["sent", "received", "sendBitsPerSecond", "receiveBitsPerSecond"],
    ["received", "receiveBitsPerSecond"],
  ]);
});

Deno.test("summaryLines() and summaryJson() have marks by direction, and none where they are not seen", async () => {
  const upload = (more: Partial<PacketSenderReport>): Script => (flow, { events }) => {
    const samples = Array.from({ length: 10 }, (_, seq) => ({ seq, packets: 1, len: 100, t: seq * MS, sent: 1 }));
    events.records!(flow, chunkOf("packetIO", samples));
    return Promise.resolve(packetReport({ serverReceived: 8, ...more }));
  };
  const marksOf = (flow: PacketFlow) => {
    const { flows, totals } = summaryJson(PACKET_REPORT, [flow], HOW) as Record<string, { toServer: object }[]>;
    return [flows[0].toServer, totals[0].toServer].map((path) => (path as Record<string, unknown>).congestionMarks);
  };
  const linesOf = (flow: PacketFlow) =>
    summaryLines(PACKET_REPORT, [flow], HOW).filter((line) => line.includes("marked"));
  const marked = await measured(upload({ serverCongestionMarks: 6 }));
  assertEquals(linesOf(marked), ["to server: 6 packets (75%) arrived marked: congestion experienced"]);
  assertEquals(marksOf(marked), [6, 6]);
  const unmarked = await measured(upload({ serverCongestionMarks: 0 }));
  assertEquals([linesOf(unmarked), marksOf(unmarked)], [[], [0, 0]]);
  const unknown = await measured(upload({}));
  assertEquals([linesOf(unknown), marksOf(unknown)], [[], [undefined, undefined]]);
});

Deno.test("packets that came again are in no rate, neither of a flow nor of all flows nor of an interval", async () => {
  const twice: Script = (flow, { events }) => {
    const samples = Array.from({ length: 20 }, (_, i) => {
      const seq = i >> 1, t = seq * 10 * MS + (i & 1);
      return { seq, packets: 1, flag: 8, len: 100, t, serverReceived: -MS };
    });
    events.records!(flow, chunkOf("packetIO", samples));
    return Promise.resolve(packetReport({ serverSent: 10 }));
  };
  const flow = new PacketFlow({
    label: "down",
    server: SERVER,
    intervalMs: 100,
    sender: { wait: [10], duration: 100, reverse: true },
    client: {},
  });
  const { signal } = new AbortController();
  await runFlows(scriptedFlows({ packets: twice }), [flow], { signal, log() {} });
  // deno-lint-ignore no-explicit-any
  const { flows: [one], totals: [all] } = JSON.parse(JSON.stringify(summaryJson(PACKET_REPORT, [flow], HOW))) as any;
  assertEquals([one.fromServer.received, one.fromServer.duplicates, one.goodputBitsPerSecond], [10, 10, 80_000]);
  assertEquals([all.goodputBitsPerSecond, all.sendBitsPerSecond], [80_000, 80_000]);
  const { received, receivedBytes } = flow.takeInterval(0, 100);
  assertEquals([received, receivedBytes], [10, 1000]);
});
