import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Agent, type AgentOptions } from "../../src/udf/agent.ts";
import { AgentServer, type AgentServerOptions, listenTcp } from "../../src/udf/agent_server.ts";
import type { CreateHandler, Output } from "../../src/udf/handler.ts";
import { createHandler as mirror } from "../../src/udf/handlers/mirror.ts";
import { createHandler as movingAvg } from "../../src/udf/handlers/moving_avg.ts";
import { listenUnix } from "../../src/udf/unix_listener.ts";
import type { Connection } from "../../src/wire/connection.ts";
import { INFO, INIT, kinds, pointRequest, streamHandler, UdfDriver, values } from "../support/udf_driver.ts";

interface Place {
  server: AgentServer;
  connect(): Promise<UdfDriver>;
  /** What was logged. */
  log: string[];
}

/** Runs a test against a server on a Unix socket and against one on TCP; the server is stopped at the end. */
function test(
  name: string,
  createHandler: CreateHandler,
  fn: (place: Place) => Promise<void>,
  options: AgentServerOptions & AgentOptions = {},
): void {
  for (const transport of ["Unix", "TCP"]) {
    Deno.test(`${name} (${transport})`, async () => {
      const dir = await Deno.makeTempDir({ prefix: "tine-server-" });
      const unix = transport === "Unix" ? await listenUnix(`${dir}/s`) : undefined;
      const listener = unix?.listener ?? listenTcp({ hostname: "127.0.0.1", port: 0 });
      const log: string[] = [];
      const accept = (connection: Connection) => new Agent(connection, createHandler, options);
      const server = new AgentServer(listener, accept, { log: (message) => log.push(message), ...options });
      const serving = server.serve();
      const open: Deno.Conn[] = [];
      const connect = async () => {
        const { addr } = listener;
        const connection = "port" in addr
          ? await Deno.connect({ hostname: addr.hostname, port: addr.port })
          : await Deno.connect({ transport: "unix", path: `${dir}/s` });
        open.push(connection);
        return new UdfDriver(connection);
      };
      try {
        await fn({ server, connect, log });
        await server.stop();
        await serving;
        assertEquals(server.connections, 0);
      } finally {
        for (const connection of open) {
          try {
            connection.close();
          } catch {
            // The test has closed it.
          }
        }
        unix?.close();
        await Deno.remove(dir, { recursive: true });
      }
    });
  }
}

const average = (size: bigint) => ({
  kind: "init" as const,
  init: {
    taskId: "",
    nodeId: "",
    options: [
      { name: "field", values: [{ type: "string" as const, value: "value" }] },
      { name: "size", values: [{ type: "int" as const, value: size }] },
    ],
  },
});

test(
  "each connection has a handler of its own, and the server goes on after it",
  movingAvg,
  async ({ server, connect }) => {
    const first = (await connect()).send(average(2n));
    const second = (await connect()).send(average(3n));
    for (const value of [2, 4, 9]) {
      first.send(pointRequest(value));
      second.send(pointRequest(value));
    }
    const means = async (driver: UdfDriver) =>
      (await driver.end().rest()).flatMap((r) => r.kind === "point" ? [r.point.field("avg")] : []);
    assertEquals(await means(first), [2, 3, 6.5]);
    assertEquals(await means(second), [2, 3, 5]);
    assertEquals(kinds(await (await connect()).send(INFO).end().rest()), ["info"]);
    assertEquals(server.accepted, 3);
  },
);

test(
  "a host that has ended its requests still gets what the handler writes, then the end",
  streamHandler((agent) => ({
    point: (point) => agent.point(point),
    async stop() {
      for (let i = 0; i < 2000; i++) await agent.point({ name: "late".repeat(50) });
    },
  })),
  async ({ connect, log }) => {
    const driver = (await connect()).send(INIT, pointRequest(1)).end();
    await driver.written;
    assertEquals((await driver.rest()).length, 2002);
    assertEquals(log, []);
  },
);

test("1,000 connections at once are served", mirror, async ({ server, connect, log }) => {
  const drivers = await Promise.all(Array.from({ length: 1000 }, () => connect()));
  await Promise.all(drivers.map(async (driver, i) => {
    driver.send(INFO, INIT, pointRequest(i));
    assertEquals((await driver.next())?.kind, "info");
  }));
  assertEquals(server.connections, 1000);
  await Promise.all(drivers.map(async (driver, i) => assertEquals(values(await driver.end().rest()), [i])));
  assertEquals(server.accepted, 1000);
  assertEquals(log, []);
});

test(
  "an error of one connection is logged with its number, and no other one notices",
  mirror,
  async ({ connect, log }) => {
    const [good, bad] = [await connect(), await connect()];
    bad.sendBytes(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20)));
    assertEquals(kinds(await bad.rest()), ["error"]);
    assertEquals(values(await good.send(pointRequest(5)).end().rest()), [5]);
    bad.connection.close();
    while (log.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assertStringIncludes(log[0], "connection 2 failed: ");
  },
);

test("an ErrorResponse arrives although the host's requests were not read", mirror, async ({ connect }) => {
  const driver = await connect();
  driver.sendBytes(new Uint8Array(11).fill(0xff));
  for (let i = 0; i < 50; i++) driver.send(pointRequest(i, "x".repeat(10_000)));
  driver.end();
  assertEquals(kinds(await driver.rest()), ["error"]);
});

test("stop() ends idle connections and those in the middle of a call, and sends what they wrote", (agent) => {
  return streamHandler(() => ({ stop: () => agent.point({ name: "goodbye" }) }))(agent);
}, async ({ server, connect }) => {
  const drivers = await Promise.all(Array.from({ length: 20 }, () => connect()));
  for (const driver of drivers) {
    driver.send(INIT);
    assertEquals((await driver.next())?.kind, "init");
  }
  const stopped = server.stop();
  for (const driver of drivers) assertEquals(kinds(await driver.rest()), ["point"]);
  await stopped;
});

/** Makes the other end of a TCP connection see a reset, where the system allows it: unread data at close. */
test(
  "a connection that breaks in the middle is logged or just over, and ends its handler",
  streamHandler((agent) => ({ point: (point) => agent.point(point), stop: () => void stops++ })),
  async ({ server, connect }) => {
    const before = stops;
    for (let i = 0; i < 10; i++) {
      const driver = (await connect()).send(INIT, ...Array.from({ length: 50 }, (_, n) => pointRequest(n)));
      await driver.next();
      driver.connection.close(); // with points unread
    }
    while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(stops - before, 10);
    assertEquals(kinds(await (await connect()).send(INFO).end().rest()), ["info"]);
  },
);
let stops = 0;

test("no more connections than the limit are open, others wait for their turn", mirror, async ({ server, connect }) => {
  const drivers = await Promise.all(Array.from({ length: 6 }, () => connect()));
  for (const driver of drivers) driver.send(INIT);
  let most = 0;
  for (const driver of drivers) {
    // The queue of the kernel keeps the order of connections.
    assertEquals((await driver.next())?.kind, "init");
    most = Math.max(most, server.connections);
    await driver.end().rest();
  }
  assertEquals(most, 2);
  assertEquals(server.accepted, 6);
}, { maxConnections: 2 });

test(
  "a handler that writes outside of calls, and ignores its promises, does not end the process when its host goes away",
  streamHandler((agent) => ({
    init() {
      flood(agent);
    },
  })),
  async ({ server, connect }) => {
    const driver = (await connect()).send(INIT);
    await driver.next();
    driver.connection.close();
    while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await flooding;
  },
);
let flooding = Promise.resolve();

function flood(agent: Output): void {
  flooding = (async () => {
    try {
      for (let i = 0; i < 10_000; i++) {
        void agent.point({ name: "x".repeat(100_000) });
        if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
    } catch {
      // The agent has stopped.
    }
  })();
}

test(
  "stop() does not wait for ever for a host that does not read, or a handler that does not end",
  streamHandler((agent) => ({
    async init({ taskId }) {
      if (taskId === "hang") await new Promise(() => {});
      for (;;) await agent.point({ name: "x".repeat(100_000) });
    },
  })),
  async ({ server, connect }) => {
    for (const taskId of ["hang", "flood"]) {
      const driver = await connect();
      await driver.send({ kind: "init", init: { options: [], taskId, nodeId: "" } }).written;
    }
    while (server.connections < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    const started = performance.now();
    await server.stop();
    assert(performance.now() - started < 3000);
  },
  { stopTimeoutMs: 100, handlerTimeoutMs: 700 },
);

Deno.test("serve() ends when somebody else closes the listener", async () => {
  const listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  const serving = new AgentServer(listener, (connection) => new Agent(connection, mirror)).serve();
  listener.close();
  await serving;
});

Deno.test("listenTcp() says when the address is in use", () => {
  using listener = listenTcp({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  try {
    listenTcp({ hostname: "127.0.0.1", port });
  } catch (error) {
    assertEquals((error as Error).message, `cannot listen on 127.0.0.1:${port}: the address is in use`);
    return;
  }
  throw new Error("it listens twice");
});
