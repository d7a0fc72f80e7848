import { assert, assertEquals, assertRejects } from "@std/assert";
import type { StreamClientConfig } from "../../../src/flow/config.ts";
import { TineError } from "../../../src/base/errors.ts";
import { RecordedEvents } from "./recorded_events.ts";
import { makers } from "./stream_makers.ts";
import { needsProcessors } from "../../support/quiet.ts";

const key = new Uint8Array(32).fill(9);
const { signal } = new AbortController();

/** A length that fits no buffer. */
const LENGTH = 5_000_011;

for (const [serverKind, makeServer] of Object.entries(makers)) {
  for (const [clientKind, makeClient] of Object.entries(makers)) {
    const both = `${clientKind} client and ${serverKind} server`;

    Deno.test(`streamClient() moves exactly the bytes of its length, ${both}`, async () => {
      await using servers = makeServer();
      await using clients = clientKind === serverKind ? servers : makeClient();
      for (const listenAddr of [":0", "[::1]:0"]) {
        for (const direction of ["upload", "download"] as const) {
          const atClient = new RecordedEvents(), atServer = new RecordedEvents();
          const server = await servers.streamServer({ listenAddr }, { events: atServer, signal, key });
          const config = { [direction]: { flow: "bulk", length: LENGTH, sampleIOInterval: 0 } } as StreamClientConfig;
          const result = await clients.streamClient(server.address, config, { events: atClient, signal, key });
          await server[Symbol.asyncDispose]();
          await server.ended;

          assertEquals(result.bytes, LENGTH);
          assert(result.durationNanos > 0 && result.fctNanos >= result.durationNanos);
          assertEquals(result.goodputBitsPerSecond, LENGTH * 8e9 / result.durationNanos);
          assertEquals(atClient.reports.at(-1)!.report, result);
          assertEquals([...atClient.logs, ...atServer.logs], []);
          const upload = direction === "upload" ? 1 : 0;
          for (const [events, sent] of [[atClient, upload], [atServer, 1 - upload]] as const) {
            const [info] = events.infos;
            assertEquals([info.flow, info.server, info.values.direction], ["bulk", events === atServer, direction]);
            assertEquals(info.values.server, server.address);
            assert(Math.abs(Number(info.tinit / 1_000_000n) - Date.now()) < 60_000);
            const io = events.io("bulk");
            assertEquals([io[0].total, io.at(-1)!.total], [0, LENGTH]);
            assert(io.length > 3, "every read and write");
            assert(io.every((sample, i) => sample.sent === sent && (i === 0 || sample.t >= io[i - 1].t)));
          }
        }
      }
    });

    Deno.test(`streamClient() needs the key of its server, ${both}`, async () => {
      await using servers = makeServer();
      await using clients = clientKind === serverKind ? servers : makeClient();
      const events = new RecordedEvents();
      const config = { upload: { flow: "a", length: 1 } };
      const code = async (address: string, key?: Uint8Array) =>
        (await assertRejects(
          () => clients.streamClient(address, config, { events, signal, key }),
          TineError,
        )).code;
      const locked = await servers.streamServer({ listenAddr: ":0" }, { events, signal, key });
      assertEquals(await code(locked.address, new Uint8Array(32).fill(1)), "wrong-key");
      assertEquals(await code(locked.address), "key-missing");
      await locked[Symbol.asyncDispose]();
      assert(events.logs.some((line) => line.includes("the key of client 127.0.0.1:")), events.logs.join("\n"));
      await using open = await servers.streamServer({ listenAddr: ":0" }, { events, signal });
      assertEquals(await code(open.address, key), "server-without-key");
      await clients.streamClient(open.address, config, { events, signal });
    });
  }
}

for (const [kind, make] of Object.entries(makers)) {
  Deno.test(`streamClient() stops after its duration, and reports progress, ${kind}`, async () => {
    await using flows = make();
    for (const direction of ["upload", "download"] as const) {
      const events = new RecordedEvents();
      await using server = await flows.streamServer({ listenAddr: ":0" }, { events: new RecordedEvents(), signal });
      const config = { [direction]: { flow: "a", duration: 700, sampleIOInterval: 50 } } as StreamClientConfig;
      const { bytes, fctNanos } = await flows.streamClient(server.address, config, { events, signal });
      assert(fctNanos >= 0.7e9, `${fctNanos} ns`);
      const io = events.io("a");
      assertEquals(io.at(-1)!.total, bytes);
      // The last sample may follow at once.
      assert(io.every(({ t }, i) => i === 0 || i === io.length - 1 || t - io[i - 1].t >= 50e6), "sampling interval");
      const moved = direction === "upload" ? "bytesSent" : "bytesReceived";
      const { elapsedNanos, [moved]: soFar, goodputBitsPerSecond } = events.aggregates[0].values;
      assert(elapsedNanos >= 200e6 && soFar > 0 && goodputBitsPerSecond > 0);
    }
  });

  Deno.test(needsProcessors(`streamClient() sends for its duration, as the receiver measures it, ${kind}`, async () => {
    // A receiver that gets no processor begins to measure after the sender has begun to send.
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    for (const direction of ["upload", "download"]) {
      const config = { [direction]: { flow: "a", duration: 700 } } as StreamClientConfig;
      const { durationNanos } = await flows.streamClient(server.address, config, { events, signal });
      assert(durationNanos >= 0.69e9 && durationNanos < 5e9, `${durationNanos} ns`);
    }
  }));

  Deno.test(`streamClient() completes many flows at once, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events: new RecordedEvents(), signal, key });
    const all = await Promise.all(Array.from({ length: 100 }, (_, i) => {
      const transfer = { flow: `f${i}`, length: 1000 + i };
      const config = i % 2 === 0 ? { upload: transfer } : { download: transfer };
      return flows.streamClient(server.address, config, { events, signal, key });
    }));
    assertEquals(all.map(({ bytes }) => bytes), Array.from({ length: 100 }, (_, i) => 1000 + i));
    for (let i = 0; i < 100; i++) assertEquals(events.io(`f${i}`).at(-1)!.total, 1000 + i);
  });

  Deno.test(`streamClient() sees the end mark in a flow of one byte, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: "localhost:0" }, { events, signal });
    for (const bufLen of [1, 100_000]) {
      for (const length of [1, 2, 3]) {
        const config = { download: { flow: "a", length, bufLen } };
        assertEquals((await flows.streamClient(server.address, config, { events, signal })).bytes, length);
      }
    }
  });
}
