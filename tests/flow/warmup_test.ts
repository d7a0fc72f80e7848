import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { StreamClientConfig, UnresponsiveConfig } from "../../src/flow/config.ts";
import {
  FlowTracker,
  PacketAnalysis,
  SHARED_CLOCK,
  STREAM_FIGURES,
  StreamAnalysis,
} from "../../src/flow/analysis/mod.ts";
import { ECHO, REVERSE } from "../../src/flow/packet/header.ts";
import { PACKET_VERSION, parseOpenSettings } from "../../src/flow/packet/open_settings.ts";
import { PacketSchedule, withWarmUp } from "../../src/flow/packet/packet_sender.ts";
import { ChunkWriter } from "../../src/flow/records/chunk_writer.ts";
import type { Sample } from "../../src/flow/records/format.ts";
import { type Chunk, readChunk } from "../../src/flow/records/read_chunk.ts";
import { decodeReport, encodeReport } from "../../src/flow/report_values.ts";
import { PacketEvents } from "./packet/packet_events.ts";
import { makers } from "./packet/packet_makers.ts";
import { atServer, packetChunks, reply, sent } from "./analysis/packet_samples.ts";
import { packetReport, streamProgress, streamReport } from "./reports.ts";
import { RecordedEvents } from "./stream/recorded_events.ts";
import { needsProcessors } from "../support/quiet.ts";

const MS = 1e6;
const { signal } = new AbortController();

const configs: readonly UnresponsiveConfig[] = [
  { wait: [7], duration: 1000 },
  { wait: [10, 20, 30], length: [100, 200], duration: 1000 },
  { wait: [10, 20, 30], length: [100, 200, 300, 400], waitFirst: true, duration: 1000 },
  { rate: { bitsPerSecond: 1e6 }, length: [125, 1250], duration: 1000 },
  { rate: { packetsPerSecond: 250 }, length: [60, 70, 80], duration: 1000 },
];

function packetsOf(config: UnresponsiveConfig): [due: number, length: number][] {
  const schedule = new PacketSchedule(config, 56);
  const found: [number, number][] = [];
  for (; !schedule.over; schedule.advance()) found.push([Math.round(schedule.due), schedule.length]);
  return found;
}

Deno.test("a sender after a warm-up goes on where that of the warm-up ends, in the same schedule", () => {
  for (const config of configs) {
    for (const warmup of [1, 7, 140, 333, 999]) {
      const [measured, warm] = withWarmUp([config], warmup).map(packetsOf);
      assertEquals([...warm, ...measured], packetsOf(config), JSON.stringify([config, warmup]));
      assert(measured.every(([due]) => due >= warmup * MS) && warm.every(([due]) => due < warmup * MS));
    }
  }
});

Deno.test("a sender after a warm-up starts with its end where its waits are drawn, or it has no pace", () => {
  const [drawn] = withWarmUp([{ wait: [3, 5], randomWait: true, duration: 100 }], 50);
  assertEquals(new PacketSchedule(drawn, 56).due, 50 * MS);
  const [measured, warm] = withWarmUp([{ rate: "max", duration: 100 }], 50).map((config) =>
    new PacketSchedule(config, 56)
  );
  assertEquals([measured.due, measured.durationNanos, warm.due, warm.durationNanos], [50 * MS, 100 * MS, 0, 50 * MS]);
});

Deno.test("PacketSchedule passes over a day of packets at once", () => {
  const [config] = withWarmUp([{ rate: { packetsPerSecond: 1e9 }, duration: 86_400_000 }], 86_399_999);
  assertEquals(new PacketSchedule(config, 56).due, 86_399_999 * MS);
});

Deno.test("servers refuse a warm-up or a start of a sender that is no time", () => {
  const settings = { version: PACKET_VERSION, senders: 2, longest: 100, duration: 1000, gso: false };
  const withReverse = (more: object, sender: object) =>
    JSON.stringify({ ...settings, ...more, reverse: [[0, { duration: 1000, ...sender }]] });
  assertEquals(parseOpenSettings(withReverse({ warmup: 5 }, { startAfter: 5 }), 1480, false).warmup, 5);
  for (const text of [withReverse({ warmup: -1 }, {}), withReverse({}, { startAfter: "5" })]) {
    assertThrows(() => parseOpenSettings(text, 1480, false), Error, "is not a number of 0 to");
  }
});

for (const [kind, make] of Object.entries(makers)) {
  Deno.test(`packetClient() has senders of their own for the warm-up, at both ends, ${kind}`, async () => {
    const events = new PacketEvents();
    await using flows = make();
    await using server = await flows.packetServer({ listenAddr: "127.0.0.1:0" }, { events, signal });
    const report = await flows.packetClient(server.address, {
      flow: "warm",
      warmup: 60,
      sender: [
        { unresponsive: { wait: [4], duration: 150, echo: true } },
        { unresponsive: { wait: [5], duration: 150, reverse: true } },
      ],
    }, { events, signal });
    await server[Symbol.asyncDispose]();
    assertEquals([report.warmupNanos, report.senders.length], [60 * MS, 4]);
    const [client] = events.infos.filter(({ server }) => !server),
      [served] = events.infos.filter(({ server }) => server);
    for (const { values } of [client, served]) assertEquals([values.senders, values.warmupNanos], [2, 60 * MS]);

    const forward = events.packets("warm", { sent: true });
    const start = Math.min(...forward.map(({ scheduled }) => scheduled));
    assert(forward.some(({ sender }) => sender === 0) && forward.some(({ sender }) => sender === 2));
    for (const { sender, scheduled } of forward) assertEquals(sender, scheduled - start < 60 * MS ? 2 : 0);
    const reverse = events.packets("warm", { server: true, sent: true }).filter(({ flag }) => flag === REVERSE);
    const first = Math.min(...reverse.map(({ scheduled }) => scheduled));
    for (const { sender, scheduled } of reverse) assertEquals(sender, scheduled - first < 60 * MS ? 3 : 1);

    const analysis = new PacketAnalysis({ clocks: SHARED_CLOCK });
    analysis.serverShift = Number(served.tinit - client.tinit);
    analysis.measuredSenders = 2;
    for (const { chunk } of events.chunks) if (chunk.kind === "packetIO") analysis.add(chunk);
    const { senders } = analysis.figures(report);
    assertEquals(senders.map(({ sender }) => sender), [0, 1]);
    const echoed = forward.filter(({ sender, flag }) => sender === 0 && flag === ECHO).length;
    const { toServer, fromServer, rtt } = senders[0];
    assertEquals([toServer?.sent, toServer?.received, toServer?.lost], [echoed, echoed, 0]);
    assertEquals([fromServer?.received, rtt?.count], [echoed, echoed]);
    const reversed = reverse.filter(({ sender }) => sender === 1).length;
    assertEquals([senders[1].fromServer?.sent, senders[1].fromServer?.received], [reversed, reversed]);
  });

  Deno.test(needsProcessors(`streamClient() samples the end of the warm-up at both ends, ${kind}`, async () => {
    await using flows = make();
    for (const direction of ["upload", "download"] as const) {
      const atClient = new RecordedEvents(), atServer = new RecordedEvents();
      const server = await flows.streamServer({ listenAddr: ":0" }, { events: atServer, signal });
      const config = { [direction]: { flow: "bulk", duration: 500, warmup: 50, sampleIOInterval: 10_000 } };
      const report = await flows.streamClient(server.address, config as StreamClientConfig, {
        events: atClient,
        signal,
      });
      await server[Symbol.asyncDispose]();
      await server.ended;
      const ends = [atClient, atServer].map(({ infos: [{ values }] }) => values.warmupEndNanos as number);
      const [atSender, atReceiver] = direction === "upload" ? [atClient, atServer] : [atServer, atClient];
      const [senderNanos, receiverNanos] = direction === "upload" ? ends : ends.toReversed();
      const marks = [[atSender, senderNanos], [atReceiver, receiverNanos]] as const;
      const [, mark] = marks.map(([events, end]) => {
        const io = events.io("bulk");
        assertAlmostEquals(end - io[0].t, 50 * MS, 50 * MS);
        // The start, the end of the warm-up and the last byte: nothing else is sampled so rarely.
        assertEquals(io.length, 3);
        assert(io[1].t >= end && io[0].t < end);
        return io[1];
      });
      const analysis = new StreamAnalysis();
      analysis.warmUp = { senderNanos, receiverNanos };
      for (const { chunk } of [...atClient.chunks, ...atServer.chunks]) {
        if (chunk.kind === "streamIO" || chunk.kind === "tcpInfo") analysis.add(chunk);
      }
      const figures = analysis.figures(report);
      assertEquals([figures.bytes, figures.receiverCounted], [report.bytes - mark.total, true]);
      assertEquals(figures.completionNanos, report.fctNanos);
    }
  }));
}

function chunk<K extends "streamIO" | "tcpInfo">(kind: K, samples: Partial<Sample<K>>[]): Chunk<K> {
  const writer = new ChunkWriter(kind);
  for (const sample of samples) {
    const i = writer.next();
    for (const [name, values] of Object.entries<Float64Array>(writer.columns)) {
      values[i] = (sample as Record<string, number>)[name] ?? 0;
    }
  }
  return readChunk(writer.take()) as Chunk<K>;
}

Deno.test("StreamAnalysis leaves the warm-up out of all figures but the completion time", () => {
  const analysis = new StreamAnalysis();
  analysis.warmUp = { senderNanos: 1e9, receiverNanos: 1.1e9 };
  const kernel = { cwnd: 10, sndMss: 1000, minRtt: 90 };
  analysis.add(chunk("tcpInfo", [
    { ...kernel, t: 5e8, rtt: 9000, totalRetrans: 40, bytesSent: 50_000, bytesRetrans: 40_000, busyTime: 1e5 },
    { ...kernel, t: 1e9, rtt: 200, totalRetrans: 50, bytesSent: 100_000, bytesRetrans: 50_000, busyTime: 5e5 },
    { ...kernel, t: 2e9, rtt: 400, totalRetrans: 53, bytesSent: 300_000, bytesRetrans: 53_000, busyTime: 10e5 },
  ]));
  analysis.add(chunk("streamIO", [
    { t: 1e8, total: 0 },
    { t: 6e8, total: 10_000_000 },
    { t: 11e8, total: 12_000_000 },
    { t: 21e8, total: 12_125_000 },
  ]));
  const report = streamReport({ bytes: 12_125_000, durationNanos: 2e9, fctNanos: 2.2e9, retransmits: 53 });
  const figures = analysis.figures(report);
  assertEquals([figures.bytes, figures.durationNanos, figures.goodputBitsPerSecond], [125_000, 1e9, 1e6]);
  assertEquals([figures.completionNanos, figures.receiverCounted, figures.incoherent], [2.2e9, true, 0]);
  assertEquals([figures.retransmits, figures.retransmittedShare, figures.limits?.busy], [3, 3000 / 200_000, 0.5]);
  assertEquals([figures.rtt?.count, figures.rtt?.max, figures.lastRttNanos], [2, 400_000, 400_000]);
});

Deno.test("StreamAnalysis has what the sender counts where the receiver has no samples, and says so", () => {
  const analysis = new StreamAnalysis();
  analysis.warmUp = { senderNanos: 1e9 };
  analysis.add(chunk("streamIO", [
    { t: 0, total: 0, sent: 1 },
    { t: 1e9, total: 900_000, sent: 1 },
    { t: 2e9, total: 1_000_000, sent: 1 },
  ]));
  const { bytes, goodputBitsPerSecond, receiverCounted } = analysis.figures(streamReport({ bytes: 1_000_000 }));
  assertEquals([bytes, goodputBitsPerSecond, receiverCounted], [100_000, 800_000, false]);
});

Deno.test("StreamAnalysis has no figures of a flow that ends before its warm-up, but its completion time", () => {
  const analysis = new StreamAnalysis();
  analysis.warmUp = { receiverNanos: 1e9 };
  analysis.add(chunk("streamIO", [{ t: 0, total: 0 }, { t: 5e8, total: 1000 }]));
  const figures = analysis.figures(streamReport({ bytes: 1000, durationNanos: 5e8, fctNanos: 6e8, rttMicros: 7 }));
  const { bytes, durationSeconds, goodputBitsPerSecond, rttLastMicros, completionSeconds } = STREAM_FIGURES;
  for (const { value } of [bytes, durationSeconds, goodputBitsPerSecond, rttLastMicros]) {
    assertEquals(value(figures), undefined);
  }
  assertEquals(completionSeconds.value(figures), 0.6);
});

Deno.test("PacketAnalysis counts nothing of the warm-up, from samples or from what the ends report", () => {
  const analysis = new PacketAnalysis({ clocks: SHARED_CLOCK });
  analysis.measuredSenders = 1;
  const warm = { sender: 1 };
  const samples = [
    ...[0, 1, 2].flatMap((
      seq,
    ) => [sent(seq, seq * MS, warm), reply(seq, (seq + 50) * MS, (seq + 25) * MS, 0, seq + 1, warm)]),
    sent(3, 3 * MS, warm),
    sent(0, 10 * MS),
    atServer(0, 11 * MS),
    reply(0, 12 * MS, 11 * MS, 0, 1),
    sent(1, 20 * MS),
  ];
  for (const chunk of packetChunks(samples)) analysis.add(chunk);
  const [of] = packetReport({ sent: 2, serverReceived: 1, received: 1 }).senders;
  const [ofWarmUp] = packetReport({ sent: 4, serverReceived: 3, received: 3 }).senders;
  const report = packetReport({ senders: [of, ofWarmUp], warmupNanos: 5 * MS, serverSocketDrops: 7 });
  const { senders } = analysis.figures(report);
  assertEquals(senders.length, 1);
  const { toServer, rtt, incoherent } = senders[0];
  // One is missing, and the server's socket has dropped some: more than one, but most while it warmed up.
  assertEquals([toServer?.sent, toServer?.received, toServer?.lost, toServer?.socketDrops], [2, 1, 0, 1]);
  assertEquals([rtt?.count, rtt?.max, incoherent], [1, 2 * MS, 0]);
});

Deno.test("PacketAnalysis has no senders of a flow that ends before its warm-up", () => {
  const analysis = new PacketAnalysis();
  analysis.measuredSenders = 1;
  for (const chunk of packetChunks([sent(0, 0, { sender: 1 })])) analysis.add(chunk);
  assertEquals(analysis.figures().senders, []);
});

Deno.test("reports of flows that run have their warm-up, and FlowTracker whether it goes on", () => {
  for (const report of [streamProgress({ warmupNanos: 5, bytes: 1 }), packetReport({ warmupNanos: 5 })]) {
    const decoded = decodeReport(encodeReport(report));
    assertEquals("warmupNanos" in decoded && decoded.warmupNanos, 5);
  }
  const flows = new FlowTracker();
  const states = [
    flows.take("a", streamProgress({ elapsedNanos: 4, warmupNanos: 5 })),
    flows.take("b", packetReport({ elapsedNanos: 4, warmupNanos: 5, complete: false })),
    flows.take("c", streamProgress({ elapsedNanos: 4 })),
  ].map((state) => state?.warmup);
  assertEquals(states, ["now", "now", undefined]);
  assertEquals(flows.take("a", streamReport({ bytes: 9 }))?.warmup, "over");
  assertEquals(flows.take("b", packetReport({ elapsedNanos: 6, warmupNanos: 5 }))?.warmup, "over");
});
