import { assertAlmostEquals, assertEquals } from "@std/assert";
import { ChunkWriter } from "../../../src/flow/records/chunk_writer.ts";
import type { Sample } from "../../../src/flow/records/format.ts";
import { type Chunk, readChunk } from "../../../src/flow/records/read_chunk.ts";
import { StreamAnalysis } from "../../../src/flow/analysis/stream_analysis.ts";
import { streamReport } from "../reports.ts";

function chunk<K extends "streamIO" | "tcpInfo">(kind: K, samples: Partial<Sample<K>>[], fill = 0): Chunk<K> {
  const writer = new ChunkWriter(kind);
  for (const sample of samples) {
    const i = writer.next();
    for (const [name, values] of Object.entries<Float64Array>(writer.columns)) {
      values[i] = (sample as Record<string, number>)[name] ?? fill;
    }
  }
  return readChunk(writer.take()) as Chunk<K>;
}

Deno.test("StreamAnalysis has goodput as the receiver counted it", () => {
  const analysis = new StreamAnalysis();
  analysis.add(chunk("streamIO", [
    { t: 0, total: 0, sent: 1 },
    { t: 0, total: 0 },
    { t: 1e9, total: 500_000, sent: 1 },
    { t: 1e9, total: 250_000 },
    { t: 2e9, total: 500_000 },
  ]));
  const { bytes, durationNanos, goodputBitsPerSecond, receiverCounted } = analysis.figures();
  assertEquals([bytes, durationNanos, goodputBitsPerSecond, receiverCounted], [500_000, 2e9, 2e6, true]);
});

Deno.test("StreamAnalysis prefers what the receiver said at the end, and says when there is nothing of it", () => {
  const analysis = new StreamAnalysis();
  analysis.add(chunk("streamIO", [{ t: 1e9, total: 1_000_000, sent: 1 }]));
  assertEquals(analysis.figures().receiverCounted, false);
  assertEquals(analysis.figures().goodputBitsPerSecond, 8e6);
  const totals = { bytes: 1_000_000, durationNanos: 2e9, fctNanos: 2.1e9, retransmits: 3, rttMicros: 150 };
  const figures = analysis.figures(streamReport(totals));
  assertEquals([figures.receiverCounted, figures.goodputBitsPerSecond, figures.completionNanos], [true, 4e6, 2.1e9]);
  assertEquals([figures.retransmits, figures.lastRttNanos], [3, 150_000]);
});

Deno.test("StreamAnalysis takes no bytes for received that only wait at the sender", () => {
  const sent = chunk("streamIO", [{ t: 0, total: 0, sent: 1 }, { t: 1e8, total: 80_000, sent: 1 }]);
  // Nothing of a flow comes through: its receiver is ready, and has nothing.
  const silent = new StreamAnalysis();
  silent.add(sent);
  silent.add(chunk("streamIO", [{ t: 0, total: 0 }]));
  const nothing = silent.figures();
  assertEquals([nothing.bytes, nothing.goodputBitsPerSecond, nothing.receiverCounted], [0, 0, true]);
  // Of the receiver nothing is known but what its system has acknowledged.
  const acked = new StreamAnalysis();
  acked.add(sent);
  acked.add(
    chunk("tcpInfo", [{ t: 0, bytesAcked: 0 }, { t: 1e9, bytesAcked: 50_000 }, { t: 9e9, bytesAcked: 50_000 }]),
  );
  const { bytes, durationNanos, goodputBitsPerSecond, receiverCounted } = acked.figures();
  assertEquals([bytes, durationNanos, goodputBitsPerSecond, receiverCounted], [50_000, 1e9, 400_000, false]);
});

Deno.test("StreamAnalysis has no quantiles of one sample", () => {
  const analysis = new StreamAnalysis();
  analysis.add(chunk("tcpInfo", [{ t: 1e9, rtt: 100, cwnd: 10, sndMss: 1000 }]));
  const one = analysis.figures(streamReport({ rttMicros: 4607, cwndBytes: 7 }));
  assertEquals([one.rtt, one.cwndBytes, one.lastRttNanos, one.lastCwndBytes], [undefined, undefined, 100_000, 10_000]);
  const told = new StreamAnalysis().figures(streamReport({ rttMicros: 4607, cwndBytes: 7 }));
  assertEquals([told.rtt, told.cwndBytes, told.lastRttNanos, told.lastCwndBytes], [undefined, undefined, 4607e3, 7]);
});

Deno.test("StreamAnalysis divides by the time until the last byte, not by that of a wait for more", () => {
  const analysis = new StreamAnalysis();
  analysis.add(chunk("streamIO", [{ t: 5e8, total: 0 }, { t: 15e8, total: 125_000 }, { t: 31e9, total: 125_000 }]));
  const { durationNanos, goodputBitsPerSecond } = analysis.figures();
  assertEquals([durationNanos, goodputBitsPerSecond], [1e9, 1e6]);
});

Deno.test("StreamAnalysis has what the server told of a sender and of itself", () => {
  const told = { busyMicros: 1e6, receiveWindowMicros: 5e5, sendBufferMicros: 0, serverCpuNanos: 19e8 };
  const { limits, serverBusy } = new StreamAnalysis().figures(streamReport({ bytes: 1, durationNanos: 2e9, ...told }));
  assertEquals([limits, serverBusy], [{ busy: 0.5, receiveWindow: 0.25, sendBuffer: 0 }, 0.95]);
});

Deno.test("StreamAnalysis has the kernel's round-trip times, window and retransmits", () => {
  const analysis = new StreamAnalysis();
  const common = { sndMss: 1000, minRtt: 80, bytesSent: 1000, bytesRetrans: 10 };
  analysis.add(chunk("tcpInfo", [
    { ...common, t: 1e9, rtt: 100, cwnd: 10, totalRetrans: 0 },
    { ...common, t: 2e9, rtt: 300, cwnd: 30, totalRetrans: 2 },
    { ...common, t: 4e9, rtt: 200, cwnd: 20, totalRetrans: 5, busyTime: 3e6, rwndLimited: 1e6, sndbufLimited: 0 },
  ]));
  const { rtt, cwndBytes, minRttNanos, retransmits, retransmittedShare, limits } = analysis.figures();
  assertEquals([rtt!.min, rtt!.max, rtt!.count], [100_000, 300_000, 3]);
  assertAlmostEquals(rtt!.median, 200_000, 200);
  assertEquals([cwndBytes!.min, cwndBytes!.max, minRttNanos, retransmits], [10_000, 30_000, 80_000, 5]);
  assertEquals([retransmittedShare, limits], [0.01, { busy: 0.75, receiveWindow: 0.25, sendBuffer: 0 }]);
});

Deno.test("StreamAnalysis reports nothing that the kernel did not report", () => {
  const analysis = new StreamAnalysis();
  analysis.add(chunk("tcpInfo", [{ t: 1e9 }], -1));
  const figures = analysis.figures();
  for (
    const key of [
      "rtt",
      "lastRttNanos",
      "cwndBytes",
      "minRttNanos",
      "retransmits",
      "retransmittedShare",
      "limits",
      "ecn",
      "congestionMarks",
      "congestionMarkedBytes",
    ] as const
  ) {
    assertEquals(figures[key], undefined, key);
  }
});

Deno.test("StreamAnalysis leaves out samples that contradict others", () => {
  const analysis = new StreamAnalysis();
  analysis.add(
    chunk("streamIO", [{ t: 10, total: 10 }, { t: 5, total: 20 }, { t: 20, total: 5 }, { t: NaN, total: 9 }]),
  );
  analysis.add(chunk("tcpInfo", [{ t: 10, rtt: 1 }, { t: 5, rtt: 9 }, { t: Infinity }]));
  const { bytes, incoherent, lastRttNanos } = analysis.figures();
  assertEquals([bytes, incoherent, lastRttNanos], [10, 5, 1000]);
});

Deno.test("StreamAnalysis divides what came in one flight by a round trip, not by no time", () => {
  const totals = { bytes: 12_500, durationNanos: 1000, fctNanos: 200e6, minRttMicros: 100_000 };
  assertEquals(new StreamAnalysis().figures(streamReport(totals)).goodputBitsPerSecond, 1e6);
  assertEquals(new StreamAnalysis().figures(streamReport({ ...totals, durationNanos: 0 })).goodputBitsPerSecond, 1e6);
  assertEquals(new StreamAnalysis().figures(streamReport({ ...totals, durationNanos: 1e9 })).goodputBitsPerSecond, 1e5);
});

Deno.test("StreamAnalysis counts congestion marks as the sender's kernel does, of a warm-up none", () => {
  const samples = [
    { t: 1e9, options: 8, deliveredCe: 4, deliveredE0Bytes: 9000, deliveredCeBytes: 4000 },
    { t: 2e9, options: 8 | 7, deliveredCe: 10, deliveredE0Bytes: 20_000, deliveredCeBytes: 9000 },
    { t: 3e9, options: 8 | 16, deliveredCe: 12, deliveredE0Bytes: 30_000, deliveredCeBytes: 11_000 },
  ];
  const marksOf = (analysis: StreamAnalysis, of: Partial<Sample<"tcpInfo">>[]) => {
    analysis.add(chunk("streamIO", [0, 1e9, 2e9, 3e9].map((t) => ({ t, total: t / 1000, sent: 1 }))));
    analysis.add(chunk("tcpInfo", of));
    const { ecn, congestionMarks, congestionMarkedBytes } = analysis.figures();
    return [ecn, congestionMarks, congestionMarkedBytes];
  };
  assertEquals(marksOf(new StreamAnalysis(), samples), [true, 12, 11_000]);
  const warmed = new StreamAnalysis();
  warmed.warmUp = { senderNanos: 1.5e9 };
  assertEquals(marksOf(warmed, samples), [true, 2, 2000]);
  // RFC 3168 alone, and none: the counters of bytes are there, and 0.
  const classic = samples.map(({ t, options, deliveredCe }) => ({ t, options, deliveredCe }));
  assertEquals(marksOf(new StreamAnalysis(), classic), [true, 12, undefined]);
  assertEquals(marksOf(new StreamAnalysis(), [{ t: 1e9, options: 7 }]), [false, 0, undefined]);
  // Records of earlier versions do not have the column.
  assertEquals(marksOf(new StreamAnalysis(), [{ t: 1e9, options: NaN, deliveredCe: 3 }]), [undefined, 3, undefined]);
});
