import { assert, assertEquals } from "@std/assert";
import { MAX_CLIENTS } from "../../../src/flow/stream/limits.ts";
import type { StreamRequest } from "../../../src/flow/stream/messages.ts";
import { eventually } from "../../support/eventually.ts";
import { RawClient } from "./raw_client.ts";
import { RecordedEvents } from "./recorded_events.ts";
import { makers } from "./stream_makers.ts";

const { signal } = new AbortController();
const key = new Uint8Array(32).fill(3);

const request: StreamRequest = {
  flow: "raw",
  direction: "upload",
  durationMs: 60_000,
  sampleIOIntervalMs: 0,
  bufLenBytes: 1000,
};

for (const [kind, make] of Object.entries(makers)) {
  Deno.test(`streamServer() finds the end mark in whatever pieces it comes, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    for (const pieces of [[1], [1000], [999, 1], [1, 1000], [1000, 1], [3000, 1], [1, 1, 1], [2500, 2500]]) {
      using client = await RawClient.connect(server.address);
      client.conn.setNoDelay();
      await client.request(request);
      assertEquals((await client.answer()).ok, true);
      for (const [i, length] of pieces.entries()) {
        const bytes = new Uint8Array(length);
        if (i === pieces.length - 1) bytes[length - 1] = 1;
        await client.write(bytes);
      }
      assertEquals((await client.answer()).bytes, pieces.reduce((a, b) => a + b));
    }
  });

  Deno.test(`streamServer() ends a flow of other bytes than zeros with what it has counted, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    using client = await RawClient.connect(server.address);
    await client.request(request);
    assertEquals((await client.answer()).ok, true);
    await client.write(new Uint8Array(3000).fill(255));
    const { bytes } = await client.answer();
    assert(Number(bytes) >= 1 && Number(bytes) <= 3000, `${bytes} bytes`);
  });

  Deno.test(`streamServer() refuses a request that was overheard, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal, key });
    using honest = await RawClient.connect(server.address);
    const overheard = await honest.request(request, key);
    assertEquals((await honest.answer()).ok, true);
    using replay = await RawClient.connect(server.address);
    await replay.write(overheard);
    assertEquals((await replay.answer()).code, "wrong-key");
  });

  Deno.test(`streamServer() refuses requests that it does not understand, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    for (const value of [{ ...request, color: "red" }, { ...request, bufLenBytes: 1e9 }, [], {}]) {
      using client = await RawClient.connect(server.address);
      await client.request(value);
      assertEquals((await client.answer()).code, "bad-stream-request");
    }
  });

  Deno.test(`streamServer() takes no more than the length agreed upon, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    using client = await RawClient.connect(server.address);
    await client.request({ ...request, lengthBytes: 10 });
    await client.answer();
    await client.write(new Uint8Array(5000));
    await eventually("it is reported", () => events.logs.some((line) => line.includes("more than the 10 bytes")));
    assertEquals(events.io("raw").at(-1)!.sent, 0);
  });

  Deno.test(`streamServer() keeps what it measured of a client that is gone, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    {
      using client = await RawClient.connect(server.address);
      await client.request(request);
      await client.answer();
      await client.write(new Uint8Array(777));
    }
    await eventually(
      "it is reported",
      () => events.logs.some((line) => line.includes("closed the connection too early")),
    );
    await eventually("all is there", () => events.io("raw").at(-1)?.total === 777);
  });
}

Deno.test({
  name: `streamServer() serves ${MAX_CLIENTS} clients, answers others that it is busy, and serves again`,
  ignore: !("ffi" in makers),
  async fn() {
    await using flows = makers.ffi();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    const clients: RawClient[] = [];
    for (let i = 0; i < MAX_CLIENTS; i++) {
      const client = await RawClient.connect(server.address);
      await client.request(request);
      await client.answer();
      clients.push(client);
    }
    using refused = await RawClient.connect(server.address);
    assert(refused.greeting.busy);
    for (const client of clients) client[Symbol.dispose]();
    await eventually("they are gone", () => events.logs.some((line) => line.includes("too early")));
    using welcome = await RawClient.connect(server.address);
    assert(!welcome.greeting.busy);
  },
});
