import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { flowJson, flowTables } from "../../../src/cli/results/flow_tables.ts";
import { FlowTracker } from "../../../src/flow/analysis/live_flows.ts";
import { flowEndLines } from "../../../src/cli/run/flow_text.ts";
import { PacketAnalysis, StreamAnalysis } from "../../../src/flow/analysis/mod.ts";
import { type Chunk, readChunk } from "../../../src/flow/records/read_chunk.ts";
import { chunkOf } from "../traffic/scripted_flows.ts";
import type { MeasuredPackets, MeasuredStream, MeasuredTransactions } from "../../../src/result/mod.ts";
import { atServer, packetChunks, reply, sent } from "../../flow/analysis/packet_samples.ts";
import { streamReport } from "../../flow/reports.ts";

const MS = 1e6;

/** A TCP flow of a second. */
function stream(flow: string, more: Partial<MeasuredStream> = {}, bytes = 1e6): MeasuredStream {
  const totals = { bytes, durationNanos: 1e9, fctNanos: 1.1e9, retransmits: 1234, rttMicros: 1500, cwndBytes: 14_480 };
  const figures = new StreamAnalysis().figures(streamReport(totals));
  return {
    protocol: "tcp",
    flow,
    complete: true,
    direction: "upload",
    cca: "cubic",
    figures,
    bottlenecks: [],
    ...more,
  };
}

/** A UDP flow of ten packets, one of which is lost on the way. */
function packets(flow: string, more: Partial<MeasuredPackets> = {}): MeasuredPackets {
  const analysis = new PacketAnalysis();
  const samples = Array.from({ length: 10 }, (_, seq) => [
    sent(seq, seq * 20 * MS, { scheduled: seq * 20 * MS - 10_000 }),
    ...seq === 4 ? [] : [
      atServer(seq, (seq * 20 + 1) * MS),
      reply(seq, (seq * 20 + 2) * MS, (seq * 20 + 1) * MS, 50_000, seq < 4 ? seq + 1 : seq),
    ],
  ]);
  for (const chunk of packetChunks(samples.flat())) analysis.add(chunk);
  return { protocol: "udp", flow, complete: true, figures: analysis.figures(), bottlenecks: [], ...more };
}

Deno.test("flowTables() is a table for each kind of stream, then those of packets", () => {
  const ended = { completionNanos: undefined };
  const cut = {
    ...stream("b").figures,
    ...ended,
    lastRttNanos: undefined,
    retransmits: undefined,
    lastCwndBytes: undefined,
  };
  const lines = flowTables([
    stream("bulk"),
    packets("voip"),
    stream("b", { complete: false, figures: cut }),
    stream("video", { direction: "download", cca: "bbr" }, 12e6),
  ]);
  assertEquals(
    lines.join("\n"),
    `
TCP up, cubic  received      goodput  done s  resent  RTT ms  p99 ms      cwnd
bulk            1.00 MB  8.00 Mbit/s    1.10   1,234  1.500+       -  14.5 kB+
b*              1.00 MB  8.00 Mbit/s    1.00       -       -       -         -
+ at the end: the only sample, and so no median
* 1 flow did not come to its end

TCP down, bbr  received      goodput  done s  resent  RTT ms  p99 ms      cwnd
video           12.0 MB  96.0 Mbit/s    1.10   1,234  1.500+       -  14.5 kB+
+ at the end: the only sample, and so no median

UDP voip: 10 packets, sent at 40.0 kbit/s, received at 35.6 kbit/s

milliseconds              min     mean   median      p99    p99.9      max
RTT                     1.950    1.950    1.950    1.950    1.950    1.950
at the server           0.050    0.050    0.050    0.050    0.050    0.050
one-way to server       0.975    0.975    0.975    0.975    0.975    0.975
one-way from server     0.975    0.975    0.975    0.975    0.975    0.975
IPDV to server          0.000    0.000    0.000    0.000    0.000    0.000
IPDV from server        0.000    0.000    0.000    0.000    0.000    0.000
lateness of sends       0.010    0.010    0.010    0.010    0.010    0.010
one-way delays are estimates, off by 0.975 ms at most: the clocks are not shared

packets      sent  received  lost       duplicates  reordered  dropped
to server      10         9     1  10%           0          0        0
from server     9         9     0   0%           0          0        0`,
  );
});

Deno.test("flowTables() reports the distribution of many streams, and a line for each of many senders", () => {
  const streams = Array.from({ length: 1200 }, (_, i) => stream(`s${i}`, {}, 1000 + i));
  const flows = Array.from({ length: 6 }, (_, i) => packets(`flow-number-${i}`, { complete: i > 0 }));
  assertEquals(
    flowTables([stream("bulk"), ...streams, ...flows]).join("\n"),
    `
TCP up, cubic  received      goodput  done s  resent  RTT ms  p99 ms      cwnd
bulk            1.00 MB  8.00 Mbit/s    1.10   1,234  1.500+       -  14.5 kB+
+ at the end: the only sample, and so no median

TCP up, cubic, s: 1,200 flows, 1.92 MB
of flows               min         mean       median          p99          max
completion ms         1100         1100         1100         1100         1100
goodput        8.00 kbit/s  12.8 kbit/s  12.8 kbit/s  17.5 kbit/s  17.6 kbit/s
received           1.00 kB      1.60 kB      1.60 kB      2.19 kB      2.20 kB
RTT ms               1.500        1.500        1.500        1.500        1.500
resent               1,234        1,234        1,234        1,234        1,234
completion: from connecting until all is known to be there, key proof left out

UDP             RTT median    p99  max ms  sent  lost there  back  late p99
flow-number-0*       1.950  1.950   1.950    10         10%    0%     0.010
${
      [1, 2, 3, 4, 5].map((i) => `flow-number-${i}        1.950  1.950   1.950    10         10%    0%     0.010`).join(
        "\n",
      )
    }
* did not come to its end: the server has not reported its counts`,
  );
});

Deno.test("flowTables() has one row for many flows of requests and responses, and what it is", () => {
  const flows = Array.from({ length: 30 }, (_, i): MeasuredTransactions => {
    const ms = (i + 1) * MS;
    const latency = { count: 10, min: ms, mean: ms, median: ms, p90: ms, p99: ms, p999: ms, max: ms };
    const figures = { transactions: 10, durationNanos: 1e9, perConnection: false, latency, incoherent: 0 };
    return { protocol: "rr", transport: "tcp", flow: `rr.${i}`, complete: i > 0, figures, bottlenecks: [] };
  });
  assertEquals(
    flowTables(flows).join("\n"),
    `
TCP RR         transactions  per second  seconds
rr (30 flows)           300         300     1.00

latency ms      mean  median    p90    p99  p99.9    max
rr (30 flows)  15.50   15.50  15.50  15.50  15.50  15.50
of several flows: all transactions by the longest time, medians of latencies
* 1 flow did not come to its end`,
  );
});

Deno.test("flowTables() has no figures of a stream that ended before its warm-up was over", () => {
  const analysis = new StreamAnalysis();
  analysis.warmUp = { senderNanos: 1e9 };
  analysis.add(
    readChunk(chunkOf("streamIO", [{ t: 0, total: 0, sent: 1 }, { t: 5e8, total: 1000, sent: 1 }])) as Chunk<
      "streamIO"
    >,
  );
  const flow = stream("bulk", { complete: false, warmupNanos: 1e9, figures: analysis.figures() });
  assertEquals(flowTables([flow])[2].split(/ {2,}/), ["bulk*", "-", "-", "-", "-", "-", "-", "-"]);
});

Deno.test("flowTables() has the time that proofs of the key took apart from completion times", () => {
  const flows = Array.from({ length: 40 }, (_, i) => {
    const totals = { bytes: 1e6, durationNanos: 1e9, fctNanos: 1.1e9, keyProofNanos: 50e6, minRttMicros: 50_000 };
    return stream(`s${i}`, { figures: new StreamAnalysis().figures(streamReport(totals)) });
  });
  const lines = flowTables(flows).filter((line) => /^(completion|key proof)/.test(line));
  assertEquals(lines.map((line) => line.split(/ {2,}/).slice(0, 2)), [
    ["completion ms", "1100"],
    ["key proof ms", "50.00"],
    ["completion: from connecting until all is known to be there, key proof left out"],
  ]);
  const [json] = flowJson(flows[0], { name: "a" }) as Record<string, unknown>[];
  assertEquals([json.completionSeconds, json.keyProofSeconds], [1.1, 0.05]);
});

Deno.test("flowTables() and the lines of tine run have one median for a crowd of flows", () => {
  const times = Array.from({ length: 40 }, (_, i) => i < 20 ? 492e6 : 1379e6);
  const flows = times.map((completionNanos, i) => {
    const one = stream(`s${i}`);
    return { ...one, figures: { ...one.figures, completionNanos } };
  });
  const [, row] = flowTables(flows).filter((line) => /median|completion/.test(line));
  assertEquals(row.split(/ {2,}/), ["completion ms", "492.0", "935.5", "935.5", "1379", "1379"]);
  const progress = new FlowTracker();
  for (const [i, fctNanos] of times.entries()) {
    progress.take(`s${i}`, streamReport({ bytes: 1, fctNanos }));
  }
  assertStringIncludes(
    flowEndLines(progress.flows.values())[0],
    "they took 492.0 / 935.5 / 1379 ms (min, median, max)",
  );
});

Deno.test("flowTables() fits 80 columns whatever flows are called", () => {
  const id = "a".repeat(16);
  const lines = flowTables([stream(id, { direction: "download" }, 98_765_432_109), packets(id)]);
  for (const line of lines) assert(line.length <= 80, line);
});

Deno.test("flowTables() says where figures are not the network's", () => {
  const end = { nodeId: "left", engine: "portable" };
  const bottlenecks = [{
    code: "sends-late",
    message: "1% of the packets were sent 3.1 ms late or later",
    size: 1,
  }] as const;
  const worse = [{ ...bottlenecks[0], message: "1% of the packets were sent 4.2 ms late or later", size: 2 }];
  const lines = flowTables([
    packets("other", { bottlenecks: worse }),
    packets("voip", { bottlenecks, client: end, server: { nodeId: "right", engine: "ffi" } }),
  ]);
  assertEquals(lines.slice(-6), [
    "",
    "Without raw sockets on left: times there are those of the program, not of the",
    "kernel, and what the kernel knows of flows is missing.",
    "",
    "These figures may be limited by tine and its machines, not by the network:",
    "- other: 1% of the packets were sent 4.2 ms late or later; less so 1 other flow",
  ]);
});

Deno.test("flowJson() has the figures under keys that carry their unit", () => {
  const [up] = flowJson(stream("bulk"), { name: "a" }) as Record<string, unknown>[];
  assertEquals([up.type, up.protocol, up.flow, up.direction, up.cca], ["flow", "tcp", "bulk", "upload", "cubic"]);
  assertEquals([up.bytes, up.goodputBitsPerSecond, up.completionSeconds, up.rttLastMicros], [1e6, 8e6, 1.1, 1500]);
  // deno-lint-ignore no-explicit-any -- as a program sees it
  const [voip] = flowJson(packets("voip"), { name: "a" }) as any[];
  assertEquals([voip.sender, voip.direction, voip.rttMedianMicros, voip.toServer.lostPercent], [
    0,
    "upload",
    1950,
    10,
  ]);
});
