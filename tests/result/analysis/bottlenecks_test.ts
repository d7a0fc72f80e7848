import { assertEquals, assertStringIncludes } from "@std/assert";
import { packetBottlenecks, streamBottlenecks } from "../../../src/result/analysis/bottlenecks.ts";
import { PacketAnalysis } from "../../../src/result/analysis/packet_analysis.ts";
import type { PacketTotals } from "../../../src/result/analysis/packet_sender.ts";
import { StreamAnalysis } from "../../../src/result/analysis/stream_analysis.ts";
import { packetChunks, reply, sent } from "./packet_samples.ts";

function codes(lateness: number, totals: PacketTotals = {}, load = {}): string[] {
  const analysis = new PacketAnalysis();
  for (const chunk of packetChunks([sent(0, lateness, { scheduled: 0 }), reply(0, lateness + 100, 0, 0, 1)])) {
    analysis.add(chunk);
  }
  const [figures] = analysis.figures(new Map([[0, totals]])).senders;
  return packetBottlenecks(figures, load).map(({ code }) => code);
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
  assertEquals(codes(0, {}, { busiestThread: 0.97 }), ["busy-core"]);
  assertEquals(codes(0, {}, { busiestThread: 0.5 }), []);
});

Deno.test("streamBottlenecks() finds ends that were the limit", () => {
  const figures = new StreamAnalysis().figures();
  assertEquals(streamBottlenecks(figures, {}), []);
  const limited = (busy: number, receiveWindow: number, durationNanos = 1e9) =>
    streamBottlenecks({ ...figures, durationNanos, limits: { busy, receiveWindow, sendBuffer: 0 } }, {});
  assertEquals(limited(1, 0), []);
  const [{ code, message }] = limited(1, 0.7);
  assertEquals(code, "receive-window");
  assertStringIncludes(message, "70%");
  assertEquals(limited(0.5, 0).map(({ code }) => code), ["sender-idle"]);
  assertEquals(limited(0.1, 0, 1e8), [], "a short stream is idle while it is opened");
});
