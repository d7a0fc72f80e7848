import { assert, assertEquals, assertRejects } from "@std/assert";
import type { StreamClientConfig } from "../../../src/flow/config.ts";
import { Hmac } from "../../../src/flow/hmac.ts";
import {
  encodeGreeting,
  encodeStreamFrame,
  newGreeting,
  type StreamFrame,
  StreamFrameReader,
} from "../../../src/flow/stream/wire.ts";
import type { StreamRequest } from "../../../src/flow/stream/messages.ts";
import { UNANSWERED_BYTES } from "../../../src/flow/stream/limits.ts";
import { eventually } from "../../support/eventually.ts";
import { TineError } from "../../../src/base/errors.ts";
import { RecordedEvents } from "./recorded_events.ts";
import { makers } from "./stream_makers.ts";

const { signal } = new AbortController();
const key = new Uint8Array(32).fill(5);
const LENGTH = 3000;

/** The server's end of a connection, led step by step. */
class RawServer implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly address = `127.0.0.1:${this.#listener.addr.port}`;
  #conn: Deno.TcpConn | undefined;

  async accept(): Promise<void> {
    this.#conn = await this.#listener.accept();
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.#conn!.write(bytes.subarray(sent));
  }

  /** Reads a frame. */
  async frame(): Promise<StreamFrame> {
    const reader = new StreamFrameReader("client");
    for (;;) {
      const count = await this.#conn!.read(reader.room);
      if (count === null) throw new Error("there was no frame");
      const frame = reader.filled(count);
      if (frame !== undefined) return frame;
    }
  }

  /** Reads a transfer up to its mark. */
  async transfer(): Promise<number> {
    const room = new Uint8Array(65_536);
    for (let total = 0;;) {
      const count = await this.#conn!.read(room);
      if (count === null) throw new Error("there was no mark");
      total += count;
      if (room[count - 1] === 1) return total;
    }
  }

  [Symbol.dispose](): void {
    this.#conn?.close();
    this.#listener.close();
  }
}

for (const [kind, make] of Object.entries(makers)) {
  Deno.test(`streamClient() without a key sends all of an upload before the server sends anything, ${kind}`, async () => {
    await using flows = make();
    using server = new RawServer();
    const events = new RecordedEvents();
    const upload: StreamClientConfig = { upload: { flow: "a", length: LENGTH, payload: "zeros" } };
    const running = flows.streamClient(server.address, upload, { events, signal });
    await server.accept();
    assertEquals(((await server.frame()).value as StreamRequest).lengthBytes, LENGTH);
    assertEquals(await server.transfer(), LENGTH);
    // What the flow is, is known when the server has agreed to it.
    assertEquals(events.infos, []);
    await server.write(encodeGreeting(newGreeting(false)));
    await server.write(encodeStreamFrame({ ok: true }));
    await server.write(encodeStreamFrame({ bytes: LENGTH, durationNanos: 1 }));
    const result = await running;
    assertEquals([result.bytes, result.keyProofNanos, events.infos.length], [LENGTH, undefined, 1]);
  });

  Deno.test(`streamClient() sends only so much before the server has agreed, which may limit it, ${kind}`, async () => {
    await using flows = make();
    using server = new RawServer();
    const events = new RecordedEvents(), finish = new AbortController();
    const upload: StreamClientConfig = { upload: { flow: "a", duration: 0, payload: "zeros" } };
    const running = flows.streamClient(server.address, upload, { events, signal, finish: finish.signal });
    running.catch(() => {}); // It is awaited late.
    await server.accept();
    await server.frame();
    const transfer = server.transfer();
    const progress = () => events.reports.filter(({ report: { kind } }) => kind === "streamProgress").length;
    await eventually("it has gone on for half a second", () => progress() >= 2);
    finish.abort();
    // The end comes behind all that was sent.
    const bytes = await transfer;
    assert(bytes > UNANSWERED_BYTES && bytes < UNANSWERED_BYTES + 100, `${bytes} bytes`);
    await server.write(encodeGreeting(newGreeting(false)));
    await server.write(encodeStreamFrame({ ok: true }));
    await server.write(encodeStreamFrame({ bytes, durationNanos: 1 }));
    assertEquals((await running).bytes, bytes);
  });

  Deno.test(`streamClient() without a key asks for a download before it is greeted, ${kind}`, async () => {
    await using flows = make();
    using server = new RawServer();
    const download: StreamClientConfig = { download: { flow: "a", length: 5 } };
    const running = flows.streamClient(server.address, download, { events: new RecordedEvents(), signal });
    await server.accept();
    assertEquals(((await server.frame()).value as StreamRequest).direction, "download");
    const messages = [
      encodeGreeting(newGreeting(false)),
      encodeStreamFrame({ ok: true }),
      Uint8Array.of(0, 0, 0, 0, 1),
    ];
    await server.write(new Uint8Array(messages.flatMap((message) => [...message])));
    assertEquals(((await server.frame()).value as { bytes: number }).bytes, 5);
    await server.write(encodeStreamFrame({ minRttMicros: 10 }));
    assertEquals((await running).bytes, 5);
  });

  Deno.test(`streamClient() with a key waits for the greeting alone, and reports how long, ${kind}`, async () => {
    await using flows = make();
    using server = new RawServer();
    const upload: StreamClientConfig = { upload: { flow: "a", length: LENGTH, payload: "zeros" } };
    const started = performance.now();
    const running = flows.streamClient(server.address, upload, { events: new RecordedEvents(), signal, key });
    await server.accept();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const greeting = newGreeting(true);
    await server.write(encodeGreeting(greeting));
    assert((await server.frame()).verify(new Hmac(key), greeting.nonce));
    // All of it comes although there was no answer.
    assertEquals(await server.transfer(), LENGTH);
    await server.write(encodeStreamFrame({ ok: true }));
    await server.write(encodeStreamFrame({ bytes: LENGTH, durationNanos: 1 }));
    const { fctNanos, keyProofNanos = 0 } = await running;
    const took = (performance.now() - started) * 1e6;
    assert(keyProofNanos > 100e6, `${keyProofNanos}`);
    assert(fctNanos > 0 && fctNanos + keyProofNanos <= took, `${fctNanos} and ${keyProofNanos} of ${took}`);
  });

  Deno.test(`streamServer() answers all at once to a client that waits for nothing, ${kind}`, async () => {
    await using flows = make();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events: new RecordedEvents(), signal });
    const request = { flow: "a", direction: "upload", lengthBytes: 5, sampleIOIntervalMs: 0, bufLenBytes: 100 };
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(server.address.split(":")[1]) });
    await conn.write(new Uint8Array([...encodeStreamFrame(request), 0, 0, 0, 0, 1]));
    const text = new TextDecoder("latin1");
    let received = "";
    for (const room = new Uint8Array(1000); !received.includes('"bytes":5');) {
      const count = await conn.read(room);
      assert(count !== null, received);
      received += text.decode(room.subarray(0, count));
    }
    assert(received.startsWith("tines") && received.indexOf('{"ok":true}') === 27, received);
  });

  Deno.test(`streamClient() has the reason of a refusal, however much it has sent by then, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events: new RecordedEvents(), signal, key });
    for (const [more, code] of [[{}, "key-missing"], [{ key: key.map((byte) => byte + 1) }, "wrong-key"]] as const) {
      for (let i = 0; i < 20; i++) {
        const upload = { flow: `f${i}`, duration: 60_000 };
        const error = await assertRejects(
          () => flows.streamClient(server.address, { upload }, { events, signal, ...more }),
          TineError,
        );
        assertEquals(error.code, code, error.message);
      }
    }
    // They never were flows.
    assertEquals(events.infos, []);
  });
}
