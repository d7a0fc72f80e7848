import { assert, assertEquals, assertRejects } from "@std/assert";
import type { StreamClientConfig, UnresponsiveConfig } from "../../src/flow/config.ts";
import { packetClientSchema, streamClientSchema } from "../../src/flow/config_schema.ts";
import type { FlowOptions } from "../../src/flow/flows.ts";
import { TineError } from "../../src/base/errors.ts";
import { makers } from "./packet/packet_makers.ts";
import { PacketEvents } from "./packet/packet_events.ts";
import { encodeReport } from "../../src/flow/report_values.ts";

const { signal } = new AbortController();
const DAY_MS = 86_400_000;

/** Runs a UDP flow against a server of its own. */
async function packets(kind: string, sender: UnresponsiveConfig, more: Partial<FlowOptions> = {}) {
  await using flows = makers[kind]();
  const options = { events: new PacketEvents(), signal, ...more };
  await using server = await flows.packetServer({ listenAddr: ":0" }, options);
  const report = await flows.packetClient(server.address, { flow: "a", sender: [{ unresponsive: sender }] }, options);
  return encodeReport(report);
}

/** Events that call back at the first progress of a flow at its client that has sent or received something. */
class MovedEvents extends PacketEvents {
  readonly moved = new AbortController();

  override progress(...[flow, report]: Parameters<PacketEvents["progress"]>): void {
    super.progress(flow, report);
    const bytes = report.kind === "streamProgress"
      ? report.bytes
      : report.kind === "packets"
      ? report.bytesSent + report.bytesReceived
      : report.kind === "transactions"
      ? report.transactions
      : 0;
    if (bytes > 0) this.moved.abort();
  }
}

for (const kind of Object.keys(makers)) {
  Deno.test(`packetClient() ends after a number of packets or bytes, in either direction, ${kind}`, async () => {
    for (const pace of [{ wait: [2] }, { rate: "max" as const }]) {
      const up = await packets(kind, { ...pace, packets: 7, echo: true });
      assertEquals([up.sent, up.unsent, up.complete], [7, 0, 1]);
      const down = await packets(kind, { ...pace, packets: 7, reverse: true });
      assertEquals([down["serverSent.0"], down.unsent, down.complete], [7, 0, 1]);
      const bytes = await packets(kind, { ...pace, bytes: 1001, length: [100, 300] });
      assertEquals([bytes.sent, bytes.bytesSent], [6, 1200]);
    }
    const first = await packets(kind, { wait: [10], packets: 1000, duration: 50, echo: true });
    assertEquals(Number(first.sent) + Number(first.unsent), 5);
  });

  Deno.test(`packetClient() without an end goes on until it is to finish, and has all counts then, ${kind}`, async () => {
    for (const reverse of [false, true]) {
      for (const pace of [{ wait: [2] }, { rate: { packetsPerSecond: 1000 } }]) {
        const events = new MovedEvents();
        const sender = { ...pace, duration: reverse ? 0 : 40 * DAY_MS, echo: !reverse, reverse };
        const result = await packets(kind, sender, { events, finish: events.moved.signal });
        const sent = Number(reverse ? result["serverSent.0"] : result.sent);
        assert(sent > 0 && result.complete === 1, JSON.stringify(result));
        assertEquals(Number(reverse ? result.received : result.serverReceived), sent);
        // What would have been due in all the days to come was not left out.
        assert(Number(result.unsent) < 5000, `${result.unsent}`);
      }
    }
  });

  Deno.test(`streamClient() without an end goes on until it is to finish, and has its receipt then, ${kind}`, async () => {
    await using flows = makers[kind]();
    for (const direction of ["upload", "download"] as const) {
      for (const duration of [0, 40 * DAY_MS]) {
        const events = new MovedEvents();
        const options = { events, signal, finish: events.moved.signal };
        await using server = await flows.streamServer({ listenAddr: ":0" }, { events: new PacketEvents(), signal });
        const config = { [direction]: { flow: "a", duration } } as StreamClientConfig;
        const { bytes, kind } = await flows.streamClient(server.address, config, options);
        assertEquals(kind, "stream");
        assert(bytes > 0);
      }
    }
  });

  Deno.test(`requests and responses without an end go on until they are to finish, ${kind}`, async () => {
    await using flows = makers[kind]();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events: new PacketEvents(), signal });
    for (const connect of [false, true]) {
      const events = new MovedEvents();
      const options = { events, signal, finish: events.moved.signal };
      const requestResponse = { flow: "a", duration: 0, connect };
      const report = await flows.streamTransactions(server.address, { requestResponse }, options);
      assert(report.complete && report.transactions > 0 && report.serverTransactions === report.transactions);
    }
    await using other = await flows.packetServer({ listenAddr: ":0" }, { events: new PacketEvents(), signal });
    const events = new MovedEvents();
    const sender = [{ requestResponse: { duration: 0 } }];
    const options = { events, signal, finish: events.moved.signal };
    const report = await flows.packetTransactions(other.address, { flow: "a", sender }, options);
    assert(report.complete && report.transactions > 0);
  });

  Deno.test(`flows that are to finish before they have begun send next to nothing, ${kind}`, async () => {
    await using flows = makers[kind]();
    const options = { events: new PacketEvents(), signal, finish: AbortSignal.abort() };
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events: new PacketEvents(), signal });
    const { bytes } = await flows.streamClient(server.address, { download: { flow: "a", duration: 0 } }, options);
    assert(bytes >= 16);
    // There is nothing to report of no packet.
    const { code } = await assertRejects(
      () => packets(kind, { wait: [1000], waitFirst: true, duration: 0 }, options),
      TineError,
    );
    assertEquals(code, "no-packets");
  });
}

Deno.test("the schemas take flows of many days, without an end, and with an end by packets and bytes", () => {
  const accepts = (unresponsive: object) =>
    packetClientSchema.safeParse({ addr: "10.0.0.1:7001", flow: "a", sender: [{ unresponsive }] }).success;
  for (const end of [{ duration: "40d" }, { duration: "0" }, { packets: 5 }, { bytes: "1MB" }]) assert(accepts(end));
  for (const end of [{}, { packets: 0 }, { bytes: 0 }, { packets: 1.5 }, { duration: "101d" }]) assert(!accepts(end));
  const upload = (duration: string, warmup?: string) =>
    streamClientSchema.safeParse({ addr: "10.0.0.1:7001", upload: { flow: "a", duration, warmup } }).success;
  assert(upload("40d") && upload("0", "1m") && !upload("101d") && !upload("1s", "1m"));
});
