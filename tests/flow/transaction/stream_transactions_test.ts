import { assert, assertEquals, assertRejects } from "@std/assert";
import type { RequestResponseConfig } from "../../../src/flow/config.ts";
import type { Flows } from "../../../src/flow/flows.ts";
import { TransactionAnalysis } from "../../../src/flow/analysis/mod.ts";
import { encodeGreeting, encodeStreamFrame, newGreeting, StreamFrameReader } from "../../../src/flow/stream/wire.ts";
import { TineError } from "../../../src/base/errors.ts";
import { makers } from "../stream/stream_makers.ts";
import { RawClient } from "../stream/raw_client.ts";
import { RecordedEvents } from "../stream/recorded_events.ts";

const { signal } = new AbortController();
const key = new Uint8Array(32).fill(9);

/** Runs requests and responses to a server of the same flows. */
async function run(
  flows: Flows,
  config: Omit<RequestResponseConfig, "flow">,
  { listenAddr = ":0", key }: { listenAddr?: string; key?: Uint8Array } = {},
) {
  const here = new RecordedEvents(), there = new RecordedEvents();
  await using server = await flows.streamServer({ listenAddr }, { events: there, signal, key });
  const requestResponse = { flow: "rr", ...config };
  const hmac = key !== undefined;
  const options = { events: here, signal, key };
  const report = await flows.streamTransactions(server.address, { hmac, requestResponse }, options);
  await served(there);
  return { report, here, there };
}

/** Waits until the server has reported the end of a flow. */
async function served(events: RecordedEvents): Promise<void> {
  while (!events.reports.some(({ report: { kind } }) => kind === "servedTransactions")) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Figures from the samples alone. */
function figuresOf({ chunks }: RecordedEvents) {
  const analysis = new TransactionAnalysis();
  for (const { chunk } of chunks) if (chunk.kind === "transactionIO") analysis.add(chunk);
  return analysis.figures();
}

/** A server of a connection that a test leads step by step. */
class ScriptedServer implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly address = `127.0.0.1:${this.#listener.addr.port}`;
  conn: Deno.TcpConn | undefined;

  /** Takes a client and its request, and answers. */
  async accept(answer: object): Promise<unknown> {
    this.conn = await this.#listener.accept();
    const reader = new StreamFrameReader("client");
    for (;;) {
      const count = await this.conn.read(reader.room);
      if (count === null) throw new Error("there was no request");
      const frame = reader.filled(count);
      if (frame === undefined) continue;
      await this.write([...encodeGreeting(newGreeting(false)), ...encodeStreamFrame(answer)]);
      return frame.value;
    }
  }

  /** Reads so many bytes of requests. */
  async read(bytes: number): Promise<void> {
    const room = new Uint8Array(bytes);
    for (let sum = 0; sum < bytes;) {
      const count = await this.conn!.read(room.subarray(sum));
      if (count === null) throw new Error(`there were ${sum} bytes`);
      sum += count;
    }
  }

  async write(bytes: Iterable<number>): Promise<void> {
    await this.conn!.write(Uint8Array.from(bytes));
  }

  [Symbol.dispose](): void {
    this.conn?.close();
    this.#listener.close();
  }
}

Deno.test({
  name: "streamTransactions() names the ports of a range that are all taken",
  ignore: makers.ffi === undefined,
  async fn() {
    await using flows = makers.ffi();
    using taken = Deno.listen({ hostname: "0.0.0.0", port: 0 });
    const { port } = taken.addr;
    const config = { connect: true, transactions: 3, clientPorts: `${port}-${port}` };
    const message = `none of the ports ${port}-${port} is free after 0 transactions`;
    const error = await assertRejects(() => run(flows, config), TineError, message);
    assertEquals(error.code, "no-client-port");
  },
});

for (const [kind, make] of Object.entries(makers)) {
  for (const listenAddr of ["127.0.0.1:0", "[::1]:0"]) {
    Deno.test(`streamTransactions() makes as many transactions as asked for, at both ends, ${kind}, ${listenAddr}`, async () => {
      await using flows = make();
      const config = { request: 100, response: 3000, transactions: 200, inFlight: 3 };
      const { report, here, there } = await run(flows, config, { listenAddr });
      assertEquals([report.transactions, report.serverTransactions, report.lost, report.complete], [200, 200, 0, true]);
      const { transactions, latency, connect, durationNanos } = figuresOf(here);
      assertEquals([transactions, latency?.count, connect], [200, 200, undefined]);
      assertEquals(durationNanos, report.elapsedNanos);
      assert(latency!.mean * 200 <= 3 * durationNanos);
      assertEquals(report.latency!.minMicros, latency!.min / 1000);
      const [info] = here.infos, [theirs] = there.infos;
      assertEquals([info.type, info.values.transport, info.values.connect], ["transactionInfo", "tcp", false]);
      assertEquals([info.values.client, info.values.server], [theirs.values.client, theirs.values.server]);
      const last = there.reports.at(-1)!.report;
      assert(last.kind === "servedTransactions" && last.complete);
      assertEquals([last.transactions, last.connections], [200, 1]);
    });

    Deno.test(`streamTransactions() connects for each transaction where asked to, ${kind}, ${listenAddr}`, async () => {
      await using flows = make();
      const config = { request: 70_000, response: 2, transactions: 20, connect: true };
      const { report, here, there } = await run(flows, config, { listenAddr, key });
      assertEquals([report.transactions, report.serverTransactions], [20, 20]);
      const { perConnection, latency, connect } = figuresOf(here);
      assertEquals([perConnection, connect?.count], [true, 20]);
      assert(connect!.max < latency!.max && connect!.min > 0);
      const last = there.reports.at(-1)!.report;
      assert(last.kind === "servedTransactions");
      assertEquals([last.transactions, last.connections, last.complete], [20, 20, true]);
    });
  }

  Deno.test(`streamTransactions() has messages that are longer than reads and socket buffers, ${kind}`, async () => {
    await using flows = make();
    const size = 1024 * 1024;
    const { report } = await run(flows, { request: size, response: size, transactions: 12, inFlight: 5 }, { key });
    assertEquals([report.transactions, report.serverTransactions], [12, 12]);
  });

  Deno.test(`streamTransactions() ends after its duration, and leaves a warm-up out of figures, ${kind}`, async () => {
    await using flows = make();
    const { report, here } = await run(flows, { duration: 300, warmup: 100 });
    assert(report.complete && report.elapsedNanos >= 290e6 && report.transactions > 0);
    assertEquals(report.warmupNanos, 100e6);
    const end = here.infos[0].values.warmupEndNanos;
    assert(typeof end === "number");
    const analysis = new TransactionAnalysis();
    analysis.warmupEnd = end;
    for (const { chunk } of here.chunks) if (chunk.kind === "transactionIO") analysis.add(chunk);
    const { transactions, durationNanos } = analysis.figures(report);
    const times = here.chunks.flatMap(({ chunk }) => chunk.kind === "transactionIO" ? [...chunk.columns.t] : []);
    const measured = times.filter((t) => t >= end);
    // On a slow machine, few are over in the warm-up, or after it.
    assertEquals([times.length, transactions], [report.transactions, measured.length]);
    assertEquals(durationNanos, measured.length === 0 ? 0 : measured.at(-1)! - end);
  });

  Deno.test(`streamTransactions() runs many flows at the same time, ${kind}`, async () => {
    await using flows = make();
    const there = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events: there, signal });
    const reports = await Promise.all(Array.from({ length: 100 }, (_, i) => {
      const requestResponse = { flow: `rr${i}`, transactions: 10, connect: i % 2 === 1 };
      return flows.streamTransactions(server.address, { requestResponse }, { events: new RecordedEvents(), signal });
    }));
    assertEquals(reports.map(({ serverTransactions }) => serverTransactions), Array(100).fill(10));
  });

  Deno.test(`streamTransactions() has a sentence for a server of an earlier version, ${kind}`, async () => {
    await using flows = make();
    using server = new ScriptedServer();
    const running = flows.streamTransactions(server.address, { requestResponse: { flow: "rr" } }, {
      events: new RecordedEvents(),
      signal,
    });
    // As these servers answer, which know no such field.
    const message = "a request for a stream has transactions, which is not known here";
    const refused = assertRejects(() => running, TineError, "is of an earlier version of tine, which has no requests");
    await server.accept({ ok: false, code: "bad-stream-request", message });
    assertEquals((await refused).code, "old-server");
  });

  Deno.test(`streamTransactions() reports what it has when the server ends in the middle, ${kind}`, async () => {
    await using flows = make();
    using server = new ScriptedServer();
    const events = new RecordedEvents();
    const config = { requestResponse: { flow: "rr", request: 2, response: 2 } };
    const running = flows.streamTransactions(server.address, config, { events, signal });
    const failed = assertRejects(() => running, TineError, "closed the connection too early");
    await server.accept({ ok: true });
    await server.read(2);
    await server.write([0, 0]);
    // The request after the one that was answered; a response that is too short follows.
    await server.read(2);
    await server.write([0]);
    await server.conn!.closeWrite();
    await failed;
    const last = events.reports.at(-1)!.report;
    assert(last.kind === "transactions");
    assertEquals([last.transactions, last.complete], [1, false]);
  });

  Deno.test(`streamTransactions() refuses responses that were not asked for, ${kind}`, async () => {
    await using flows = make();
    using server = new ScriptedServer();
    const config = { requestResponse: { flow: "rr", response: 2, transactions: 1 } };
    const running = flows.streamTransactions(server.address, config, { events: new RecordedEvents(), signal });
    const failed = assertRejects(() => running, TineError, "sent more than the 1 responses of 2 bytes");
    await server.accept({ ok: true });
    await server.read(1);
    await server.write([0, 0, 0, 0]);
    assertEquals((await failed).code, "bad-response");
  });

  Deno.test(`streamTransactions() refuses a server that counts other transactions, ${kind}`, async () => {
    await using flows = make();
    using server = new ScriptedServer();
    const config = { requestResponse: { flow: "rr", transactions: 1 } };
    const running = flows.streamTransactions(server.address, config, { events: new RecordedEvents(), signal });
    const failed = assertRejects(() => running, TineError, "has answered 7 requests, but 1 responses came");
    await server.accept({ ok: true });
    await server.read(1);
    await server.write([0]);
    await server.read(1);
    await server.write(encodeStreamFrame({ transactions: 7 }));
    assertEquals((await failed).code, "incoherent-counts");
  });

  Deno.test(`streamServer() refuses requests and responses that are too long or not whole, ${kind}`, async () => {
    await using flows = make();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events: new RecordedEvents(), signal });
    const whole = { requestBytes: 1, responseBytes: 1, connect: false };
    for (
      const [transactions, message] of [
        [{ ...whole, requestBytes: 2 ** 20 + 1 }, "requestBytes = 1048577, expected 1 to 1048576"],
        [{ ...whole, responseBytes: 0 }, "responseBytes = 0, expected 1 to 1048576"],
        [{ ...whole, connect: 1 }, "connect = 1, expected true or false"],
        [{ requestBytes: 1 }, "lacks responseBytes, connect"],
        [[], "transactions = [], expected an object"],
      ] as const
    ) {
      using client = await RawClient.connect(server.address);
      await client.request({ flow: "a", transactions });
      const { ok, message: refused } = await client.answer();
      assert(ok === false && String(refused).includes(message), `${refused}`);
    }
  });

  Deno.test(`streamServer() has its data port for the client of the flow alone, while that goes on, ${kind}`, async () => {
    await using flows = make();
    await using server = await flows.streamServer({ listenAddr: "127.0.0.1:0" }, {
      events: new RecordedEvents(),
      signal,
    });
    let port: number;
    {
      using client = await RawClient.connect(server.address);
      await client.request({ flow: "a", transactions: { requestBytes: 2, responseBytes: 3, connect: true } });
      port = Number((await client.answer()).port);
      using own = await Deno.connect({ hostname: "127.0.0.1", port });
      await own.write(new Uint8Array(2));
      const room = new Uint8Array(10);
      let count = 0;
      while (count < 3) count += await own.read(room.subarray(count)) ?? 10;
      assertEquals(count, 3);
      if (Deno.build.os === "linux") {
        // Another machine, as far as the server can see.
        using other = await connectFrom("127.0.0.2", port);
        await assertRejects(async () => {
          if (await other.read() === null) throw new Error("closed");
        });
      }
      await client.request({ end: true });
      assertEquals((await client.answer()).transactions, 1);
    }
    while (await isOpen(port)) await new Promise((resolve) => setTimeout(resolve, 5));
  });
}

/** Connects from an address of this machine. */
async function connectFrom(address: string, port: number): Promise<{ read(): Promise<number | null> } & Disposable> {
  const { connect } = await import("node:net");
  const socket = connect({ host: "127.0.0.1", port, localAddress: address });
  const ended = new Promise<null>((resolve, reject) => {
    socket.once("end", () => resolve(null));
    socket.once("close", () => resolve(null));
    socket.once("error", reject);
  });
  return { read: () => ended, [Symbol.dispose]: () => void socket.destroy() };
}

async function isOpen(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
