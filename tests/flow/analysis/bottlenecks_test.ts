import { assertEquals, assertStringIncludes } from "@std/assert";
import { packetBottlenecks, streamBottlenecks, worstBottlenecks } from "../../../src/flow/analysis/bottlenecks.ts";
import { PacketAnalysis } from "../../../src/flow/analysis/packet_analysis.ts";
import type { PacketFigures } from "../../../src/flow/analysis/sender_analysis.ts";
import { StreamAnalysis } from "../../../src/flow/analysis/stream_analysis.ts";
import { packetChunks, reply, sent } from "./packet_samples.ts";
import { packetReport } from "../reports.ts";

function figuresOf(
  lateness: readonly number[],
  totals?: Parameters<typeof packetReport>[0],
  serverTime = 0,
): PacketFigures {
  const analysis = new PacketAnalysis();
  const samples = lateness.flatMap((late, seq) => {
    const t = seq * 1e9 + late;
    return [sent(seq, t, { scheduled: seq * 1e9 }), reply(seq, t + serverTime + 100, t + 50, serverTime, seq + 1)];
  });
  for (const chunk of packetChunks(samples)) analysis.add(chunk);
  return analysis.figures(totals && packetReport(totals)).senders[0];
}

function codes(lateness: number, totals?: Parameters<typeof packetReport>[0], load = {}): string[] {
  return packetBottlenecks(figuresOf([lateness, lateness], totals), load).map(({ code }) => code);
}

Deno.test("packetBottlenecks() finds nothing where packets left and arrived in time", () => {
  assertEquals(codes(20_000), []);
});

Deno.test("packetBottlenecks() finds late sends, drops in own sockets, refused sends and busy cores", () => {
  assertEquals(codes(3e6), ["sends-late"]);
  assertEquals(codes(0, { unsent: 4, sendErrors: 1, socketDrops: 2, serverSocketDrops: 3 }), [
    "unsent",
    "send-errors",
    "socket-drops",
    "server-socket-drops",
  ]);
  assertEquals(codes(0, undefined, { busiestThread: 0.97 }), ["busy-core"]);
  assertEquals(codes(0, undefined, { busiestThread: 0.5, processors: 0.8 }), []);
  assertEquals(codes(0, undefined, { busiestThread: 0.5, processors: 0.95 }), ["busy-processors"]);
});

Deno.test("packetBottlenecks() does not take one late packet for a fault", () => {
  const late = (count: number) => Array.from({ length: 50 }, (_, i) => i < count ? 3e6 : 1000);
  assertEquals(packetBottlenecks(figuresOf(late(1)), {}), []);
  const [{ code, message }] = packetBottlenecks(figuresOf(late(2)), {});
  assertEquals([code, message], [
    "sends-late",
    "2 of 50 packets were sent over 1 ms late, the latest by 3.0 ms",
  ]);
});

Deno.test("packetBottlenecks() finds a server that keeps packets waiting", () => {
  const [{ code, message }, ...others] = packetBottlenecks(figuresOf([0, 0, 0], undefined, 1_991e6), {});
  assertEquals([code, message, others], [
    "slow-server",
    "the server had 3 of 3 packets for over 1 ms before it sent them back, at most 1,991.0 ms",
    [],
  ]);
});

Deno.test("packetBottlenecks() groups digits as tables do", () => {
  const [{ message }] = packetBottlenecks(figuresOf([0], { unsent: 234_768 }), {});
  assertEquals(message, "time was over before 234,768 packets could be sent");
});

Deno.test("streamBottlenecks() finds ends that were the limit", () => {
  const figures = new StreamAnalysis().figures();
  assertEquals(streamBottlenecks(figures, {}), []);
  const limited = (busy: number, receiveWindow: number, durationNanos = 1e9, paced = false) =>
    streamBottlenecks({ ...figures, durationNanos, limits: { busy, receiveWindow, sendBuffer: 0 } }, {}, paced);
  assertEquals(limited(1, 0), []);
  const [{ code, message }] = limited(1, 0.7);
  assertEquals(code, "receive-window");
  assertStringIncludes(message, "70%");
  assertEquals(limited(0.5, 0).map(({ code }) => code), ["sender-idle"]);
  assertEquals(limited(0.04, 0, 1e9, true), [], "it keeps to a rate");
  assertEquals(limited(0.1, 0, 1e8), [], "a short stream is idle while it is opened");
  const served = (serverBusy: number) => streamBottlenecks({ ...figures, durationNanos: 1e9, serverBusy }, {});
  assertEquals(served(0.8), []);
  assertEquals(served(0.95).map(({ code }) => code), ["busy-server-core"]);
});

Deno.test("worstBottlenecks() has the worst of each code, and counts the other flows", () => {
  const found = [
    { flow: "a", code: "sends-late" as const, message: "a is late", size: 1 },
    { flow: "b", code: "sends-late" as const, message: "b is later", size: 3 },
    { flow: "b", code: "sends-late" as const, message: "b is late once more", size: 2 },
    { flow: "c", code: "busy-core" as const, message: "c is busy", size: 0 },
  ];
  assertEquals(worstBottlenecks(found), [{ ...found[1], otherFlows: 1 }, { ...found[3], otherFlows: 0 }]);
  assertEquals(worstBottlenecks([{ code: "busy-core", message: "this machine is busy", size: 1 }])[0].otherFlows, 0);
});
