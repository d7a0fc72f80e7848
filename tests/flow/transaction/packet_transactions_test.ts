import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PacketExchangeConfig } from "../../../src/flow/config.ts";
import type { Flows } from "../../../src/flow/flows.ts";
import { TransactionAnalysis } from "../../../src/flow/analysis/mod.ts";
import { transactionPlan } from "../../../src/flow/transaction/packet_run.ts";
import { TineError } from "../../../src/base/errors.ts";
import { makers } from "../stream/stream_makers.ts";
import type { ServedPacketReport } from "../../../src/flow/report.ts";
import { PacketProxy } from "../packet/packet_proxy.ts";
import { RecordedEvents } from "../stream/recorded_events.ts";

const { signal } = new AbortController();
const key = new Uint8Array(32).fill(9);

/** Runs requests and responses to a server of the same flows. */
async function run(
  flows: Flows,
  requestResponse: PacketExchangeConfig,
  { listenAddr = ":0", key, warmup }: { listenAddr?: string; key?: Uint8Array; warmup?: number } = {},
) {
  const here = new RecordedEvents(), there = new RecordedEvents();
  const maxPacketSize = 3000;
  await using server = await flows.packetServer({ listenAddr, maxPacketSize }, { events: there, signal, key });
  const config = { flow: "rr", maxPacketSize, warmup, hmac: key !== undefined, sender: [{ requestResponse }] };
  const report = await flows.packetTransactions(server.address, config, { events: here, signal, key });
  await closed(there);
  return { report, here, there };
}

/** Figures from the samples alone. */
function figuresOf({ chunks }: RecordedEvents) {
  const analysis = new TransactionAnalysis();
  analysis.lossy = true;
  for (const { chunk } of chunks) if (chunk.kind === "transactionIO") analysis.add(chunk);
  return analysis.figures();
}

/** Waits until the server has reported that a flow is closed. */
async function closed({ reports }: RecordedEvents): Promise<ServedPacketReport> {
  for (;;) {
    for (const { report } of reports) if (report.kind === "servedPackets" && report.state === "closed") return report;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const ECHO = 1;
const REPLY = 2;

/** The number of a request or a response; undefined of other packets. */
function numberOf(packet: Uint8Array): number | undefined {
  const flags = packet[4] & 0x7f;
  return flags === ECHO || flags === (ECHO | REPLY) ? packet[15] | packet[14] << 8 : undefined;
}

for (const [kind, make] of Object.entries(makers)) {
  for (const listenAddr of ["127.0.0.1:0", "[::1]:0"]) {
    Deno.test(`packetTransactions() makes as many transactions as asked for, ${kind}, ${listenAddr}`, async () => {
      await using flows = make();
      const config = { request: 100, response: 2500, transactions: 200, inFlight: 3 };
      const { report, here, there } = await run(flows, config, { listenAddr, key });
      assertEquals([report.transactions, report.lost, report.complete], [200, 0, true]);
      const { transactions, lost, latency, durationNanos } = figuresOf(here);
      assertEquals([transactions, lost, latency?.count, durationNanos], [200, 0, 200, report.elapsedNanos]);
      const [info] = here.infos, [theirs] = there.infos;
      assertEquals([info.type, info.values.transport, info.values.responseBytes], ["transactionInfo", "udp", 2500]);
      assertEquals([theirs.type, theirs.values.transport, theirs.server], ["transactionInfo", "udp", true]);
      // The client records each transaction, and the server nothing.
      assertEquals(there.chunks, []);
      const last = await closed(there);
      assertEquals([last.received, last.sent, last.bytesSent], [200, 200, 200 * 2500]);
    });
  }

  Deno.test(`packetTransactions() ends after its duration, and knows where its warm-up ends, ${kind}`, async () => {
    await using flows = make();
    const { report, here } = await run(flows, { duration: 300 }, { warmup: 100 });
    assert(report.complete && report.elapsedNanos >= 290e6 && report.transactions > 0);
    assertEquals(report.warmupNanos, 100e6);
    assert(Number(here.infos[0].values.warmupEndNanos) >= 100e6);
  });

  Deno.test(`packetTransactions() counts what is lost either way once its timeout is over, ${kind}`, async () => {
    await using flows = make();
    const there = new RecordedEvents(), here = new RecordedEvents();
    await using server = await flows.packetServer({ listenAddr: ":0" }, { events: there, signal });
    await using proxy = new PacketProxy(server.address);
    proxy.up = (packet, pass) => numberOf(packet) === 3 || pass(packet);
    proxy.down = (packet, pass) => [7, 11].includes(numberOf(packet) ?? -1) || pass(packet);
    const sender = [{ requestResponse: { transactions: 20, inFlight: 20, timeout: 1500 } }];
    const config = { flow: "rr", hmac: false, sender };
    const report = await flows.packetTransactions(proxy.address, config, { events: here, signal });
    assertEquals([report.transactions, report.lost, report.complete], [17, 3, true]);
    const { transactions, lost, latency, durationNanos } = figuresOf(here);
    assertEquals([transactions, lost, latency?.count], [17, 3, 17]);
    assert(durationNanos >= 1500e6, `${durationNanos}`);
    const last = await closed(there);
    // One request never came.
    assertEquals([last.received, last.sent], [19, 19]);
  });

  Deno.test(`packetTransactions() may lose all of a number of transactions, which is no limit of the server, ${kind}`, async () => {
    await using flows = make();
    for (const maxDuration of [undefined, 60_000]) {
      const there = new RecordedEvents(), here = new RecordedEvents();
      await using server = await flows.packetServer({ listenAddr: ":0", maxDuration }, { events: there, signal });
      await using proxy = new PacketProxy(server.address);
      proxy.up = (packet, pass) => numberOf(packet) === undefined && pass(packet);
      const sender = [{ requestResponse: { transactions: 5, timeout: 10 } }];
      const config = { flow: "rr", hmac: false, sender };
      const report = await flows.packetTransactions(proxy.address, config, { events: here, signal });
      assertEquals([report.transactions, report.lost, report.complete], [0, 5, true]);
      // It closed when the time was over that it had asked for.
      await closed(there);
      assertEquals([here.logs, there.logs], [[], []]);
    }
  });

  Deno.test(`packetTransactions() takes no response for another one, late or twice as it may come, ${kind}`, async () => {
    await using flows = make();
    await using server = await flows.packetServer({ listenAddr: ":0" }, { events: new RecordedEvents(), signal });
    await using proxy = new PacketProxy(server.address);
    let held: (() => void) | undefined;
    proxy.down = (packet, pass) => {
      const number = numberOf(packet);
      if (number === 5) {
        held = () => pass(packet);
        return;
      }
      // Before the response to the next request, which is sent when this one is no longer waited for.
      held?.();
      held = undefined;
      pass(packet);
      if (number !== undefined) pass(packet);
    };
    const here = new RecordedEvents();
    const config = { flow: "rr", hmac: false, sender: [{ requestResponse: { transactions: 10, timeout: 1500 } }] };
    const report = await flows.packetTransactions(proxy.address, config, { events: here, signal });
    assertEquals([report.transactions, report.lost, report.complete], [9, 1, true]);
  });

  Deno.test(`packetTransactions() has a sentence for a server that sends back what it got, as earlier ones do, ${kind}`, async () => {
    await using flows = make();
    await using server = await flows.packetServer({ listenAddr: ":0" }, { events: new RecordedEvents(), signal });
    await using proxy = new PacketProxy(server.address);
    // An end of an earlier version passes over a setting that it does not know.
    proxy.up = (packet, pass) => {
      const at = new TextDecoder("latin1").decode(packet).indexOf('"response"');
      if (at >= 0) packet[at + 1] = "R".charCodeAt(0);
      pass(packet);
    };
    const requestResponse = { request: 60, response: 90, transactions: 3 };
    const config = { flow: "rr", hmac: false, sender: [{ requestResponse }] };
    const running = flows.packetTransactions(proxy.address, config, { events: new RecordedEvents(), signal });
    const error = await assertRejects(() => running, TineError, "answers with 60 bytes, and was asked for 90");
    assertEquals(error.code, "old-server");
  });

  Deno.test(`packetTransactions() refuses what no packet can be, ${kind}`, async () => {
    await using flows = make();
    await assertRejects(() => run(flows, { request: 60 }, { key }), TineError, "alone has 72 bytes where it is signed");
    await assertRejects(
      () => run(flows, { response: 3001 }),
      TineError,
      "packets of 3001 bytes, over its maxPacketSize",
    );
  });

  Deno.test(`packetTransactions() fails where the server ends in the middle, and keeps what it has, ${kind}`, async () => {
    await using flows = make();
    const here = new RecordedEvents();
    const server = await flows.packetServer({ listenAddr: ":0" }, { events: new RecordedEvents(), signal });
    const ending = new AbortController();
    const sender = [{ requestResponse: { timeout: 50, duration: 60_000 } }];
    const running = flows.packetTransactions(server.address, { flow: "rr", hmac: false, sender }, {
      events: here,
      signal: ending.signal,
    });
    const failed = assertRejects(() => running, TineError);
    while (!here.reports.some(({ report }) => report.kind === "transactions" && report.transactions > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await server[Symbol.asyncDispose]();
    // Over Deno's API, nothing says that packets are refused.
    if (kind !== "ffi") ending.abort(new TineError("server-gone", "the test ends it"));
    assertEquals((await failed).code, "server-gone");
    const last = here.reports.at(-1)!.report;
    assert(last.kind === "transactions" && !last.complete && last.transactions > 0);
  });
}

Deno.test("transactionPlan() asks a server for no more time than a number of transactions can take", () => {
  const duration = (requestResponse: PacketExchangeConfig) =>
    JSON.parse(transactionPlan({ flow: "rr", sender: [{ requestResponse }] }, false).settings).duration;
  assertEquals(duration({ transactions: 100, timeout: 50 }), 5000);
  assertEquals(duration({ duration: 700, transactions: 100 }), 700);
  assertEquals(duration({}), 60_000);
  assertEquals([duration({ duration: 0 }), duration({ transactions: 2 ** 40 })], [100 * 86_400_000, 100 * 86_400_000]);
});
