import { assert, assertEquals } from "@std/assert";
import type { PacketClientConfig, PacketServerConfig, UnresponsiveConfig } from "../../../src/flow/config.ts";
import { encodeReport } from "../../../src/flow/report_values.ts";
import { ECHO, REPLY, REVERSE } from "../../../src/flow/packet/header.ts";
import { eventually } from "../../support/eventually.ts";
import { needsProcessors } from "../../support/quiet.ts";
import { PacketEvents } from "./packet_events.ts";
import { makers, rawSockets } from "./packet_makers.ts";

const key = new Uint8Array(32).fill(5);

/** Runs a flow against a server of its own. */
async function run(
  sender: UnresponsiveConfig | readonly UnresponsiveConfig[],
  {
    server = "ffi",
    client = "ffi",
    listenAddr = "127.0.0.1:0",
    shared = key as Uint8Array | undefined,
    more = {},
    serving = {},
  }: {
    server?: string;
    client?: string;
    listenAddr?: string;
    shared?: Uint8Array;
    more?: Partial<PacketClientConfig>;
    serving?: Partial<PacketServerConfig>;
  } = {},
) {
  const events = new PacketEvents();
  const { signal } = new AbortController();
  const options = { events, signal, key: shared };
  await using serverFlows = makers[server]();
  await using clientFlows = client === server ? serverFlows : makers[client]();
  await using served = await serverFlows.packetServer({ listenAddr, ...serving }, options);
  const senders = [sender].flat().map((unresponsive) => ({ unresponsive }));
  const report = await clientFlows.packetClient(served.address, { flow: "voip", sender: senders, ...more }, options);
  await served[Symbol.asyncDispose]();
  await served.ended;
  return { events, report, result: encodeReport(report), address: served.address };
}

const families = ["127.0.0.1:0", "[::1]:0"];

for (const server of Object.keys(makers)) {
  for (const client of Object.keys(makers)) {
    for (const listenAddr of families) {
      for (const shared of [key, undefined]) {
        const name = `${client} to ${server} at ${listenAddr} ${shared ? "with" : "without"} a key`;
        Deno.test(needsProcessors(`packetClient() has each packet echoed once, ${name}`, async () => {
          const { events, result, address } = await run({ wait: [2], duration: 40, echo: true, length: [100] }, {
            server,
            client,
            listenAddr,
            shared,
          });
          assertEquals([result.sent, result.unsent, result.complete], [20, 0, 1]);
          for (const key of ["received", "serverReceived", "sent.0", "received.0", "serverReceived.0"]) {
            assertEquals(result[key], 20, key);
          }
          for (const key of ["duplicates", "bad", "lostToServer", "lostFromServer", "sendErrors"]) {
            assertEquals(result[key], 0, key);
          }
          assertEquals([result.bytesSent, result.bytesReceived], [2000, 2000]);
          assert(result.rttMinMicros > 0 && result.rttMinMicros <= result.rttMeanMicros);
          const numbers = Array.from({ length: 20 }, (_, i) => i);
          for (const server of [false, true]) {
            for (const sent of [false, true]) {
              const packets = events.packets("voip", { server, sent });
              assertEquals(packets.map(({ seq }) => seq), numbers, `server ${server}, sent ${sent}`);
              const flag = server === sent ? ECHO | REPLY : ECHO;
              for (const sample of packets) {
                assertEquals([sample.flag, sample.len, sample.packets, sample.sender], [flag, 100, 1, 0]);
              }
            }
          }
          const infos = [true, false].map((of) => events.infos.find((info) => info.server === of)!);
          assertEquals(events.infos.length, 2);
          assertEquals(infos.map(({ type, flow }) => [type, flow]), Array(2).fill(["packetInfo", "voip"]));
          assertEquals(infos.map(({ values }) => values.engine), [server, client]);
          assertEquals(infos.map(({ values }) => values.server), [address, address]);
          assertEquals(infos[0].values.client, infos[1].values.client);
          const counts = events.last("voip", true)!;
          assertEquals([counts.received, counts.sent, counts.duplicates, counts.complete], [20, 20, 0, 1]);
          assertEquals(events.logs, []);
        }));
      }
    }

    Deno.test(
      needsProcessors(`packetClient() gets packets of the server's senders, ${client} from ${server}`, async () => {
        const senders = [
          { wait: [5], duration: 50, length: [100, 200], reverse: true },
          { wait: [10], duration: 50 },
          { rate: { packetsPerSecond: 500 }, duration: 50, reverse: true, length: [90] },
        ];
        const { events, report, result } = await run(senders, { server, client });
        const counts = (name: string) => [0, 1, 2].map((i) => result[`${name}.${i}`]);
        assertEquals(counts("serverSent"), [10, 0, 25]);
        assertEquals(counts("received"), [10, 0, 25]);
        assertEquals(counts("sent"), [0, 5, 0]);
        assertEquals(counts("serverReceived"), [0, 5, 0]);
        assertEquals([result.lostFromServer, result.lostToServer, result.unsent, result.complete], [0, 0, 0, 1]);
        const received = events.packets("voip", { sent: false });
        assert(received.every(({ flag }) => flag === REVERSE));
        assert(received.every(({ serverTime }) => serverTime >= 0));
        // One clock: the client knows of each packet when it was due and sent at the server, save what writing it takes:
        // less than a microsecond, unless the process is interrupted just then.
        assert(received.some(({ serverReceived, serverTime }) => serverReceived + serverTime < 1000));
        const arrivals = report.senders[1].arrivals!;
        assertEquals([arrivals.delay.count, arrivals.ipdv!.count, arrivals.reordered], [5, 4, 0]);
        assert(arrivals.delay.min > -1000 && arrivals.delay.max < 1e9);
        assertEquals(report.senders[0].arrivals, undefined);
        assert(events.infos.some(({ server, values }) => !server && values.sharesClock === true));
        assertEquals(
          received.filter(({ sender }) => sender === 0).map(({ len }) => len),
          Array(5).fill([100, 200]).flat(),
        );
        const sent = events.packets("voip", { server: true, sent: true }).filter(({ sender }) => sender === 0);
        assertEquals(sent.map(({ seq }) => seq), Array.from({ length: 10 }, (_, i) => i));
        const start = sent[0].scheduled;
        assertEquals(
          sent.map(({ scheduled }) => (scheduled - start) / 1e6),
          Array.from({ length: 10 }, (_, i) => 5 * i),
        );
      }),
    );
  }
}

for (const maker of Object.keys(makers)) {
  const both = { server: maker, client: maker };

  Deno.test(
    needsProcessors(`packetClient() records what is scheduled, and when it was sent, with ${maker}`, async () => {
      const { events } = await run({ wait: [3, 5], duration: 40, waitFirst: true }, both);
      const sent = events.packets("voip", { sent: true });
      const start = sent[0].scheduled;
      assertEquals(sent.map(({ scheduled }) => (scheduled - start) / 1e6), [0, 5, 8, 13, 16, 21, 24, 29, 32]);
      assert(sent.every(({ t, scheduled }) => t >= scheduled));
    }),
  );

  Deno.test(`packetClient() sends as fast as it can, and stops in time, with ${maker}`, async () => {
    const { result } = await run({ rate: "max", duration: 100, length: [1400] }, both);
    assert(result.sent > 0);
    assertEquals(result.sent, result.serverReceived + result.lostToServer);
    assert(result.elapsedNanos >= 100e6);
  });

  Deno.test(needsProcessors(`packetClient() runs many flows on one server, with ${maker}`, async () => {
    const events = new PacketEvents();
    const options = { events, signal: new AbortController().signal, key };
    await using flows = makers[maker]();
    await using server = await flows.packetServer({ listenAddr: ":0" }, options);
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) =>
      flows.packetClient(server.address, {
        flow: `f${i}`,
        sender: [{ unresponsive: { wait: [5], duration: 50 + i, echo: i % 2 === 0 } }],
      }, options)));
    for (const [i, { senders: [result] }] of results.entries()) {
      assertEquals(
        [result.sent + result.unsent, result.serverReceived],
        [10 + Math.ceil(i / 5), result.sent],
        `flow ${i}`,
      );
      assertEquals(result.received, i % 2 === 0 ? result.sent : 0);
    }
  }));

  Deno.test(needsProcessors(`packetClient() reports figures four times a second, with ${maker}`, async () => {
    const { events, result } = await run({ wait: [10], duration: 700, echo: true }, both);
    const told = events.aggregates.filter(({ values }) => values.server !== 1).map(({ values }) => values);
    assert(told.length >= 3 && told.length <= 4, `${told.length}`);
    assert(told[0].sent > 10 && told[0].sent < 40 && told[0].sentBitsPerSecond > 0, JSON.stringify(told[0]));
    assertEquals(told.at(-1)!.sent, result.sent);
    assert(events.aggregates.some(({ values }) => values.server === 1 && values.received > 10));
  }));
}

const raw = { ignore: !rawSockets };

for (const listenAddr of families) {
  Deno.test({
    name: `packetClient() sends with DSCP and ECN, and gets them back, at ${listenAddr}`,
    ...raw,
    async fn() {
      const { events } = await run({ wait: [5], duration: 20, echo: true }, {
        listenAddr,
        more: { dscp: 46, ecn: 1 },
      });
      const tos = 46 << 2 | 1;
      assertEquals(
        events.packets("voip", { server: true, sent: false }).map((packet) => packet.tos),
        Array(4).fill(tos),
      );
      assertEquals(events.packets("voip", { sent: false }).map((packet) => packet.tos), Array(4).fill(tos));
    },
  });

  Deno.test({
    name: `packetClient() sends bursts, each of which is one record at both ends, at ${listenAddr}`,
    ...raw,
    async fn() {
      // Little enough to wait in the socket while this machine does something else.
      const config = { rate: { packetsPerSecond: 20_000 }, duration: 10, length: [1000], gso: true };
      const { events, result } = await run(config, { listenAddr });
      // A machine that does something else for a tenth of a second may not get to all.
      const { sent: count, unsent, serverReceived, bytesSent } = result;
      assertEquals([count + unsent, serverReceived, bytesSent], [200, count, 1000 * count]);
      const sent = events.packets("voip", { sent: true });
      assertEquals(sent.map(({ seq, packets }) => [seq, packets]), sent.map((_, i) => [20 * i, 20]));
      assertEquals(20 * sent.length, count);
      assert(sent.every(({ len }) => len === 1000));
      const received = events.packets("voip", { server: true, sent: false });
      assertEquals(received.map(({ seq, packets }) => [seq, packets]), sent.map(({ seq, packets }) => [seq, packets]));
    },
  });

  Deno.test({
    name: `packetClient() gets bursts, and echoes of bursts, at ${listenAddr}`,
    ...raw,
    async fn() {
      const config = { rate: { packetsPerSecond: 10_000 }, duration: 10, length: [500], gso: true };
      const { events, result } = await run([{ ...config, reverse: true }, { ...config, echo: true }], { listenAddr });
      assertEquals(result["serverSent.0"], result["received.0"]);
      assertEquals(result["sent.1"], result["received.1"]);
      const received = events.packets("voip", { sent: false });
      const bursts = received.filter(({ sender }) => sender === 0);
      assertEquals(bursts.reduce((sum, { packets }) => sum + packets, 0), result["received.0"]);
      assert(bursts.length <= 0.5 * result["received.0"], `${bursts.length}`);
      assertEquals(received.filter(({ sender }) => sender === 1).length, result["received.1"]);
    },
  });

  Deno.test({
    name: `packetClient() has times from the kernel, in order, at ${listenAddr}`,
    ...raw,
    async fn() {
      const { events, result } = await run({ wait: [2], duration: 40, echo: true }, { listenAddr });
      const [client, server] = [false, true].map((of) => events.infos.find((info) => info.server === of)!.tinit);
      const shift = Number(server - client);
      const sent = events.packets("voip", { sent: true });
      const there = events.packets("voip", { server: true, sent: false });
      const answered = events.packets("voip", { server: true, sent: true });
      const back = events.packets("voip", { sent: false });
      for (const [i, packet] of sent.entries()) {
        // Clocks are read a little apart.
        const times = [packet.t, there[i].t + shift, answered[i].t + shift, back[i].t];
        for (const [k, t] of times.entries()) assert(k === 0 || t > times[k - 1] - 2000, times.join());
        assertEquals([there[i].stampSource, back[i].stampSource, packet.stampSource], [1, 1, 0]);
        assertEquals(back[i].t + back[i].serverReceived, there[i].t + shift);
        assertEquals(back[i].serverTime, answered[i].t - there[i].t);
        assertEquals(back[i].serverCount, i + 1);
      }
      const rtt = Math.min(...back.map(({ t, serverTime }, i) => t - sent[i].t - serverTime)) / 1000;
      assert(Math.abs(rtt - result.rttMinMicros) < 0.01, `${rtt} ${result.rttMinMicros}`);
    },
  });
}

Deno.test({
  name: "packetClient() sets options of its socket",
  ...raw,
  async fn() {
    const priority = { type: "int" as const, level: 1, opt: 12, name: "SO_PRIORITY", value: 6 };
    const { result } = await run({ wait: [5], duration: 20 }, { more: { sockopt: [priority] } });
    assertEquals(result.serverReceived, 4);
  },
});

Deno.test({
  name: "packetServer() at a wildcard answers from the address that was dialled, to both families",
  ...raw,
  async fn() {
    const events = new PacketEvents();
    const options = { events, signal: new AbortController().signal, key };
    await using flows = makers.ffi();
    await using server = await flows.packetServer({ listenAddr: "[::]:0" }, options);
    const port = server.address.split(":").at(-1);
    const senders = [{ wait: [5], duration: 20, echo: true }, { wait: [5], duration: 20, reverse: true }];
    for (const host of ["127.0.0.7", "[::1]", "localhost"]) {
      const result = await flows.packetClient(`${host}:${port}`, {
        flow: "voip",
        sender: senders.map((unresponsive) => ({ unresponsive })),
      }, options);
      assertEquals(result.senders.map(({ received }) => received), [4, 4], host);
    }
  },
});

for (const maker of Object.keys(makers)) {
  Deno.test(`packetClient() opens at once and sends when it is let, with ${maker}`, async () => {
    const { signal } = new AbortController();
    const events = new PacketEvents(), served = new PacketEvents();
    await using flows = makers[maker]();
    await using server = await flows.packetServer({ listenAddr: "127.0.0.1:0" }, { events: served, signal });
    const go = Promise.withResolvers<void>();
    const sender = [{ unresponsive: { wait: [5], duration: 50, echo: true } }];
    const options = { events, signal, sendAfter: go.promise };
    const running = flows.packetClient(server.address, { flow: "voip", sender }, options);
    // It says that it is there, and what it has sent.
    await eventually("the open flow's figures", () => events.last("voip", false) !== undefined);
    assertEquals(events.last("voip", false)!.sent, 0);
    assertEquals(events.infos.length, 1);
    go.resolve();
    const { senders: [{ sent, received }], elapsedNanos, complete } = await running;
    assertEquals([sent, received, complete], [10, 10, true]);
    assert(elapsedNanos < 10e9, `${elapsedNanos}`);
    const [first] = events.packets("voip", { sent: true });
    assert(first.t > 100e6, `${first.t}`);
  });
}
