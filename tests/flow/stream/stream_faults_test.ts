import { assert, assertEquals, assertRejects } from "@std/assert";
import type { StreamClientConfig } from "../../../src/flow/config.ts";
import type { Flows } from "../../../src/flow/flows.ts";
import { TineError } from "../../../src/base/errors.ts";
import { eventually } from "../../support/eventually.ts";
import { openSockets } from "./open_sockets.ts";
import { RecordedEvents } from "./recorded_events.ts";
import { makers } from "./stream_makers.ts";
import { needsProcessors } from "../../support/quiet.ts";

const { signal } = new AbortController();
const linux = Deno.build.os === "linux";

function upload(more: object = {}): StreamClientConfig {
  return { upload: { flow: "a", duration: 60_000, ...more } };
}

async function errorOf(flows: Flows, addr: string, config = upload()): Promise<TineError> {
  return await assertRejects(
    () => flows.streamClient(addr, config, { events: new RecordedEvents(), signal }),
    TineError,
  );
}

/** A server of another program, for one connection. */
function fakeServer(serve: (conn: Deno.TcpConn) => Promise<void>): { address: string } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    using conn = await listener.accept();
    await serve(conn);
  })();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      await served;
      listener.close();
    },
  };
}

for (const [kind, make] of Object.entries(makers)) {
  Deno.test(`streamClient() reports that there is no server, ${kind}`, async () => {
    await using flows = make();
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `127.0.0.1:${listener.addr.port}`;
    listener.close();
    const { code, message } = await errorOf(flows, address);
    assertEquals([code, message], [
      "connection-refused",
      `no server listens for TCP flows at ${address} (ECONNREFUSED)`,
    ]);
  });

  Deno.test(`streamClient() refuses addresses that cannot be dialled, ${kind}`, async () => {
    await using flows = make();
    for (const address of ["", ":7000", "localhost:0", "localhost", "1.2.3.4:99999", "::1:7000"]) {
      assertEquals((await errorOf(flows, address)).code, "invalid-address");
    }
    assertEquals((await errorOf(flows, "[::1]:7", { ...upload(), protocol: "tcp4" })).code, "invalid-address");
  });

  Deno.test(`streamClient() recognizes a server that speaks something else, ${kind}`, async () => {
    await using flows = make();
    await using server = fakeServer(async (conn) => {
      await conn.write(new TextEncoder().encode("S"));
      // The client does not wait for the greeting before it asks.
      const room = new Uint8Array(65_536);
      while (await conn.read(room).catch(() => null) !== null);
    });
    const { code, message } = await errorOf(flows, server.address);
    assertEquals(code, "not-a-stream-server");
    assert(message.includes(server.address));
  });

  Deno.test(`streamClient() reports that the server closed before it sent anything, ${kind}`, async () => {
    await using flows = make();
    await using server = fakeServer(() => Promise.resolve());
    const { code } = await errorOf(flows, server.address);
    // What the client has sent already resets the connection.
    assert(["connection-closed", "connection-reset"].includes(code), code);
  });

  Deno.test(`streamServer() goes on after clients that speak nonsense, close, or ask for too much, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    const port = Number(server.address.split(":")[1]);
    for (const bytes of [new Uint8Array(), new Uint8Array(5).fill(255), new TextEncoder().encode("GET / HTTP/1.1")]) {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port });
      await conn.read(new Uint8Array(24));
      await conn.write(bytes);
      await conn.closeWrite();
      await conn.read(new Uint8Array(1)).catch(() => {}); // Reset or closed, either is an end.
    }
    await eventually("three clients are reported", () => events.logs.length >= 3);
    assert(events.logs.every((line) => line.includes("client 127.0.0.1:")), events.logs.join());
    assertEquals((await flows.streamClient(server.address, upload({ length: 9 }), { events, signal })).bytes, 9);
  });

  Deno.test(`streamServer() names the address that it cannot bind, ${kind}`, async () => {
    await using flows = make();
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const listenAddr = `127.0.0.1:${taken.addr.port}`;
    const events = new RecordedEvents();
    const { message } = await assertRejects(
      async () => await flows.streamServer({ listenAddr }, { events, signal }),
      TineError,
    );
    assert(message.includes(listenAddr), message);
  });

  Deno.test(
    needsProcessors(`the signal ends a flow and a server within 100 ms, and leaves no socket, ${kind}`, async () => {
      await using flows = make();
      const events = new RecordedEvents();
      await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
      // The first flow may start a worker, which has sockets of its own.
      await flows.streamClient(server.address, upload({ length: 1 }), { events, signal });
      await eventually(
        "its end is reported",
        () => events.aggregates.filter(({ values }) => values.bytes === 1).length === 2,
      );
      const before = linux ? openSockets() : 0;
      const stop = new AbortController();
      const running = assertRejects(
        () => flows.streamClient(server.address, upload({ flow: "b" }), { events, signal: stop.signal }),
        Error,
        "enough",
      );
      await eventually("it runs", () => events.aggregates.some(({ flow }) => flow === "b"));
      const start = performance.now();
      stop.abort(new Error("enough"));
      await running;
      assert(performance.now() - start < 100);
      assert(events.io("b").at(-1)!.total > 0);
      await eventually("the server has noticed", () =>
        events.logs.some((line) => line.includes("broke")) ||
        events.logs.some((line) => line.includes("closed")));
      if (linux) await eventually("sockets are gone", () => openSockets() <= before);
    }),
  );

  Deno.test(`streamServer() reports the last figures of a flow whose client has gone, and of one it ends, ${kind}`, async () => {
    await using flows = make();
    const atServer = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events: atServer, signal });
    const last = (flow: string) => atServer.aggregates.findLast((report) => report.flow === flow)?.values;
    const start = (flow: string, direction: "upload" | "download") => {
      const abort = new AbortController();
      const config = { [direction]: { flow, duration: 60_000 } };
      const events = new RecordedEvents();
      const over = flows.streamClient(server.address, config, { events, signal: abort.signal }).catch(() => {});
      return { over, abort };
    };
    const gone = start("gone", "upload");
    const ended = [start("up", "upload"), start("down", "download")];
    const moving = (flow: string) => ((last(flow)?.bytesReceived ?? last(flow)?.bytesSent) ?? 0) > 0;
    await eventually("bytes of all", () => ["gone", "up", "down"].every(moving));
    gone.abort.abort();
    await eventually("the end of one", () => last("gone")?.unclosed === 1);
    await server[Symbol.asyncDispose]();
    for (const flow of ["gone", "up", "down"]) {
      const { unclosed, bytes, durationNanos, goodputBitsPerSecond } = last(flow)!;
      assertEquals(unclosed, 1, flow);
      assert(bytes > 0 && durationNanos > 0 && goodputBitsPerSecond > 0, flow);
    }
    await Promise.all([gone, ...ended].map(({ over }) => over));
    if (kind === "ffi") assert(atServer.logs.some((text) => /^flow gone: .*, after \d+ bytes$/.test(text)));
  });

  Deno.test(`a server that ends in mid-transfer ends its clients' flows, ${kind}`, async () => {
    await using flows = make();
    const events = new RecordedEvents();
    const stop = new AbortController();
    const server = await flows.streamServer({ listenAddr: ":0" }, { events, signal: stop.signal });
    const failed = assertRejects(
      () => flows.streamClient(server.address, upload(), { events, signal }),
      TineError,
    );
    await eventually("it runs", () => events.aggregates.some(({ values }) => values.bytesSent > 0));
    stop.abort();
    await server.ended;
    const { code, message } = await failed;
    assert(["connection-reset", "connection-closed"].includes(code), message);
    assert(message.includes(server.address), message);
    await server[Symbol.asyncDispose]();
  });
}
