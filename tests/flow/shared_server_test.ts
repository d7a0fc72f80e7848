import { assert, assertEquals, assertRejects } from "@std/assert";
import { ffiFlows, portableFlows } from "../../src/flow/create_flows.ts";
import type { FlowMessage, FlowOrder } from "../../src/flow/engine/messages.ts";
import { FlowPool } from "../../src/flow/engine/flow_pool.ts";
import { startSharedServer } from "../../src/flow/shared_server.ts";
import { SockAddr } from "../../src/sys/address.ts";
import { availability } from "../../src/sys/libc.ts";
import { Socket, WOULD_BLOCK } from "../../src/sys/socket.ts";
import { reusePort } from "../../src/sys/socket_options.ts";
import { TineError } from "../../src/base/errors.ts";
import { eventually } from "../support/eventually.ts";
import { RecordedEvents } from "./stream/recorded_events.ts";

const ignore = !availability().available;
const { signal } = new AbortController();
const key = new Uint8Array(32).fill(9);

/** Few bytes a second: the workers have time to take connections. */
const PACING = { type: "int", level: 1, opt: 47, name: "SO_MAX_PACING_RATE", value: 10_000 } as const;

/** How many flows each worker has served. */
function flowsByWorker({ infos }: RecordedEvents, workers: number): number[] {
  const served = infos.filter(({ server }) => server).map(({ values }) => values.worker);
  return Array.from({ length: workers }, (_, i) => served.filter((worker) => worker === i + 1).length);
}

/** How many sockets the kernel has at a port, by its own list. */
function socketsAt(port: number, protocol: "udp" | "udp6" | "tcp"): number {
  const place = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = Deno.readTextFileSync(`/proc/net/${protocol}`).trim().split("\n").slice(1);
  const LISTENS = "0A";
  return lines.map((line) => line.trim().split(/\s+/)).filter(([, local, , state]) =>
    local.endsWith(place) && (protocol !== "tcp" || state === LISTENS)
  ).length;
}

for (const host of ["127.0.0.1", "[::1]", "[::]"]) {
  Deno.test({
    name: `packetServer() with workers gives flows to the worker with the fewest, and has each whole, at ${host}`,
    ignore,
    async fn() {
      await using flows = ffiFlows();
      const events = new RecordedEvents();
      await using server = await flows.packetServer({ listenAddr: `${host}:0`, workers: 3 }, { events, signal, key });
      const port = SockAddr.parse(server.address).port;
      assertEquals(socketsAt(port, host === "127.0.0.1" ? "udp" : "udp6"), 3);
      const addrs = host === "[::]" ? [`127.0.0.1:${port}`, `[::1]:${port}`] : [server.address];
      const finish = new AbortController();
      const running = [];
      for (let i = 0; i < 9; i++) {
        const sender = [
          { unresponsive: { wait: [20], duration: 0, echo: true } },
          { unresponsive: { wait: [2], packets: 20, reverse: true } },
        ];
        const config = { flow: `up.${i}`, sender };
        const options = { events, signal, key, finish: finish.signal };
        running.push(flows.packetClient(addrs[i % addrs.length], config, options));
        await eventually(`flow ${i} is served`, () => flowsByWorker(events, 3).reduce((sum, count) => sum + count) > i);
      }
      assertEquals(flowsByWorker(events, 3), [3, 3, 3]);
      finish.abort();
      for (const { complete, senders: [echoed, reversed] } of await Promise.all(running)) {
        assert(complete);
        assert(echoed.sent > 0);
        assertEquals([echoed.received, echoed.serverReceived], [echoed.sent, echoed.sent]);
        assertEquals([reversed.serverSent, reversed.received], [20, 20]);
      }
      await server[Symbol.asyncDispose]();
      // No packet came to a worker that does not have its flow.
      assertEquals(events.logs.filter((line) => line.includes("of no flow")), []);
      assertEquals(socketsAt(port, host === "127.0.0.1" ? "udp" : "udp6"), 0);
    },
  });
}

Deno.test({
  name: "packetServer() with workers shares its port with no other server, and packets go to no socket that joins",
  ignore,
  async fn() {
    await using flows = ffiFlows();
    const events = new RecordedEvents();
    await using server = await flows.packetServer({ listenAddr: ":0", workers: 2 }, { events, signal });
    for (const workers of [undefined, 1, 2]) {
      const config = { listenAddr: server.address, workers };
      await assertRejects(() => flows.packetServer(config, { events, signal }), TineError, "EADDRINUSE");
    }
    using outsider = Socket.open("udp", "ipv4");
    outsider.set(reusePort, true);
    outsider.bind(SockAddr.parse(server.address));
    await Promise.all(Array.from({ length: 12 }, async (_, i) => {
      const config = { flow: `in.${i}`, sender: [{ unresponsive: { packets: 5, wait: [1], echo: true } }] };
      const { complete, senders } = await flows.packetClient(server.address, config, { events, signal });
      assertEquals([complete, senders[0].received], [true, 5]);
    }));
    assertEquals(outsider.receive(new Uint8Array(10)), WOULD_BLOCK);
  },
});

Deno.test({
  name: "streamServer() with workers gives connections to the worker with the fewest, from one socket",
  ignore,
  async fn() {
    await using flows = ffiFlows();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0", workers: 3 }, { events, signal, key });
    assertEquals(socketsAt(SockAddr.parse(server.address).port, "tcp"), 1);
    const finish = new AbortController();
    const running = [];
    for (let i = 0; i < 9; i++) {
      const config = { upload: { flow: `flow.${i}`, duration: 0, bufLen: 1000, sockopt: [PACING] } };
      running.push(flows.streamClient(server.address, config, { events, signal, key, finish: finish.signal }));
      await eventually(`flow ${i} is served`, () => flowsByWorker(events, 3).reduce((sum, count) => sum + count) > i);
    }
    assertEquals(flowsByWorker(events, 3), [3, 3, 3]);
    finish.abort();
    for (const { bytes } of await Promise.all(running)) assert(bytes > 0);

    const requestResponse = { flow: "crr", request: 10, response: 10, transactions: 20, connect: true };
    const { transactions } = await flows.streamTransactions(server.address, { requestResponse }, {
      events,
      signal,
      key,
    });
    assertEquals(transactions, 20);
  },
});

Deno.test({
  name: "a server with workers ends as a whole when one of them fails, and closes its sockets",
  ignore,
  async fn() {
    const orders: FlowOrder[] = [], deaths: ((error: TineError) => void)[] = [];
    const messages: ((message: FlowMessage) => void)[] = [];
    await using pool = new FlowPool((_name, onMessage, onDeath) => {
      deaths.push(onDeath);
      messages.push(onMessage);
      return {
        load: 0,
        send(order) {
          orders.push(order);
          if (order.type === "start") {
            onMessage({ type: "listening", id: order.id, address: order.request.addresses[0] });
          }
          if (order.type === "cancel") onMessage({ type: "canceled", id: order.id });
        },
        warmUp: () => Promise.resolve(),
        hold() {},
        stop: () => Promise.resolve(),
      };
    }, 1);
    const request = { kind: "packetServer", addresses: ["127.0.0.1:0"], config: { listenAddr: ":0" } };
    const server = startSharedServer(pool, request, 3, { events: new RecordedEvents(), signal });
    const { port } = SockAddr.parse(await server.listening);
    // Not all files of the process: those of other tests may be closed meanwhile.
    assertEquals(socketsAt(port, "udp"), 3);
    deaths[2](new TineError("flow-worker-failed", "it is gone"));
    assertEquals((await assertRejects(() => server.ended, TineError)).code, "flow-worker-failed");
    assertEquals(orders.filter(({ type }) => type === "cancel").length, 3);
    assertEquals(socketsAt(port, "udp"), 0);
  },
});

for (const protocol of ["udp", "tcp"] as const) {
  Deno.test({
    name: `servers with workers have one limit of flows for all of them, over ${protocol}`,
    ignore,
    async fn() {
      await using flows = ffiFlows();
      const events = new RecordedEvents(), finish = new AbortController();
      const config = { listenAddr: "127.0.0.1:0", workers: 3, maxFlows: 2 }, options = { events, signal };
      const isUdp = protocol === "udp";
      await using server = isUdp
        ? await flows.packetServer(config, options)
        : await flows.streamServer(config, options);
      const client = (flow: string) => {
        const stoppable = { events, signal, finish: finish.signal };
        const sender = [{ unresponsive: { wait: [20], duration: 0 } }];
        const upload = { flow, duration: 0, sockopt: [PACING] };
        return isUdp
          ? flows.packetClient(server.address, { flow, sender }, stoppable)
          : flows.streamClient(server.address, { upload }, stoppable);
      };
      const served = () => flowsByWorker(events, 3).reduce((sum, count) => sum + count);
      const running = [client("a"), client("b")];
      await eventually("both are served", () => served() === 2);
      // The third worker has none.
      assertEquals(flowsByWorker(events, 3).toSorted(), [0, 1, 1]);
      // Where it is served all the same, it ends with the others.
      const refused = assertRejects(() => client("c"), TineError, "max-flows");
      await eventually("the third is refused, or served", () => served() > 2 || events.logs.length > 0);
      finish.abort();
      await refused;
      await Promise.all<unknown>(running);
    },
  });
}

Deno.test("servers with workers have one, and say so, where Deno's network API serves", async () => {
  await using flows = portableFlows("it is asked for");
  const events = new RecordedEvents();
  await using server = await flows.packetServer({ listenAddr: ":0", workers: 2 }, { events, signal });
  const config = { flow: "one", sender: [{ unresponsive: { packets: 5, wait: [1], echo: true } }] };
  assertEquals((await flows.packetClient(server.address, config, { events, signal })).senders[0].received, 5);
  assertEquals(events.logs, ["one worker serves, not 2: Deno's own network API has all flows in one thread"]);
});
