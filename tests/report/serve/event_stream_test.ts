import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createServer, type Server } from "node:http";
import { EventStreams } from "../../../src/report/serve/event_stream.ts";
import { eventually } from "../../support/eventually.ts";

const encoder = new TextEncoder();

/** A server of events, and a client of it that reads nothing by itself. */
class Served implements AsyncDisposable {
  readonly streams: EventStreams;
  readonly #server: Server;

  private constructor(server: Server, streams: EventStreams) {
    this.#server = server;
    this.streams = streams;
  }

  static async start(first: () => { name: string; data: unknown }[]): Promise<Served> {
    const streams = new EventStreams(first);
    const server = createServer((_, response) => streams.add(response, 0));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Served(server, streams);
  }

  async connect(): Promise<Deno.TcpConn> {
    const { port } = this.#server.address() as { port: number };
    const before = this.streams.size;
    const connection = await Deno.connect({ port });
    await connection.write(encoder.encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    await eventually("the client is there", () => this.streams.size > before);
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Reads until a text has come. */
async function readUntil(connection: Deno.TcpConn, end: string): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  const parts: string[] = [];
  for (let last = ""; !last.includes(end);) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error(`it ends before ${end}: ${last}`);
    const part = decoder.decode(buffer.subarray(0, count), { stream: true });
    parts.push(part);
    last = last.slice(-100) + part;
  }
  return parts.join("");
}

Deno.test("EventStreams sends what a page starts from, then events to all", async () => {
  await using served = await Served.start(() => [{ name: "test", data: { id: "a\nb" } }]);
  const clients = [await served.connect(), await served.connect()];
  served.streams.send([{ name: "update", data: [1, 2] }], 1);
  for (const client of clients) {
    const text = await readUntil(client, "[1,2]\n\n");
    assertStringIncludes(text, "Content-Type: text/event-stream");
    assertStringIncludes(text, 'event: test\ndata: {"id":"a\\nb"}\n\n');
    assertStringIncludes(text, "event: update\ndata: [1,2]\n\n");
    client.close();
  }
  await eventually("they are gone", () => served.streams.size === 0);
});

Deno.test("EventStreams skips what a slow page has no room for, says so, and starts it anew", async () => {
  let state = 0;
  await using served = await Served.start(() => [{ name: "state", data: { state } }]);
  const slow = await served.connect();
  const filling = "x".repeat(500_000);
  for (state = 1; state <= 64; state++) {
    served.streams.send([{ name: "update", data: { filling, state } }], state);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  state = 64;
  // It reads again. The next look finds that it has room.
  const reading = readUntil(slow, 'event: state\ndata: {"state":64}\n\n');
  const looks = setInterval(() => served.streams.send([{ name: "look", data: {} }], 100), 20);
  const text = await reading;
  clearInterval(looks);
  assertStringIncludes(text, "event: skipped\ndata: {}\n\nevent: state\n");
  const got = text.split('"filling"').length - 1;
  assert(got < 64, `it got all ${got}, and none was skipped`);
  slow.close();
});

Deno.test("EventStreams cuts a page that takes nothing for half a minute", async () => {
  await using served = await Served.start(() => []);
  const stuck = await served.connect();
  const event = { name: "update", data: "x".repeat(1_000_000) };
  for (let now = 0; now < 20; now++) {
    served.streams.send([event], now);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  served.streams.send([event], 29_000);
  assertEquals(served.streams.size, 1);
  served.streams.send([event], 31_000);
  await eventually("it is cut", () => served.streams.size === 0);
  stuck.close();
});

Deno.test("EventStreams shows that a silent connection lives, and ends with a last event", async () => {
  await using served = await Served.start(() => []);
  const client = await served.connect();
  served.streams.send([], 9000);
  served.streams.send([], 11_000);
  served.streams.end({ name: "end", data: {} });
  const text = await readUntil(client, "event: end\ndata: {}\n\n");
  assertEquals(text.match(/^:$/gm)?.length, 1);
  client.close();
});
