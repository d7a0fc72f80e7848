import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Flows, FlowServer } from "../../../src/flow/flows.ts";
import { CLOSE, ECHO, OPEN, REPLY } from "../../../src/flow/packet/header.ts";
import { TineError } from "../../../src/base/errors.ts";
import { eventually } from "../../support/eventually.ts";
import { PacketEvents } from "./packet_events.ts";
import { makers } from "./packet_makers.ts";
import { counted, PacketProxy } from "./packet_proxy.ts";
import { encodeReport, type ReportValues } from "../../../src/flow/report_values.ts";

const key = new Uint8Array(32).fill(5);
const { signal } = new AbortController();
const request = (flags: number) => flags === ECHO;
const reply = (flags: number) => flags === (ECHO | REPLY);

/** A server behind a proxy. */
class Scene implements AsyncDisposable {
  /** What the client told. */
  readonly events = new PacketEvents();

  /** @param served what the server told */
  private constructor(
    readonly flows: Flows,
    readonly server: FlowServer,
    readonly proxy: PacketProxy,
    readonly served: PacketEvents,
  ) {}

  static async open(maker: string): Promise<Scene> {
    const flows = makers[maker]();
    const events = new PacketEvents();
    const server = await flows.packetServer({ listenAddr: "127.0.0.1:0" }, { events, signal, key });
    return new Scene(flows, server, new PacketProxy(server.address), events);
  }

  async run(count = 24): Promise<ReportValues> {
    return encodeReport(
      await this.flows.packetClient(this.proxy.address, {
        flow: "voip",
        // However long that takes on a busy machine.
        sender: [{ unresponsive: { wait: [3], packets: count, echo: true } }],
      }, { events: this.events, signal, key }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flows[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }
}

for (const maker of Object.keys(makers)) {
  Deno.test(`packetClient() tells packets lost there from packets lost back, with ${maker}`, async () => {
    await using scene = await Scene.open(maker);
    scene.proxy.up = counted(request, (packet, n, pass) => n % 3 === 1 || pass(packet));
    scene.proxy.down = counted(reply, (packet, n, pass) => n % 4 === 1 || pass(packet));
    const result = await scene.run();
    assertEquals([result.sent, result.serverReceived, result.received], [24, 16, 12]);
    assertEquals([result.lostToServer, result.lostFromServer, result.complete], [8, 4, 1]);
  });

  Deno.test(`packetServer() echoes a packet that comes twice once, with ${maker}`, async () => {
    await using scene = await Scene.open(maker);
    scene.proxy.up = counted(request, (packet, n, pass) => {
      for (let i = 0; i < 1 + n % 3; i++) pass(packet);
    });
    const result = await scene.run();
    assertEquals([result.sent, result.serverReceived, result.serverDuplicates], [24, 24, 24]);
    assertEquals([result.received, result.duplicates], [24, 0]);
    await scene.server[Symbol.asyncDispose](); // Samples leave at times; the last of them now.
    assertEquals(scene.served.packets("voip", { server: true, sent: false }).length, 48);
    assertEquals(scene.served.packets("voip", { server: true, sent: true }).length, 24);
  });

  Deno.test(`packetClient() counts a reply that comes twice once, with ${maker}`, async () => {
    await using scene = await Scene.open(maker);
    scene.proxy.down = counted(reply, (packet, _, pass) => (pass(packet), pass(packet)));
    const result = await scene.run();
    assertEquals([result.received, result.duplicates, result.lostFromServer], [24, 24, 0]);
    assertEquals(scene.events.packets("voip", { sent: false }).length, 48);
  });

  Deno.test(`packetClient() takes packets in any order, with ${maker}`, async () => {
    await using scene = await Scene.open(maker);
    let held: Uint8Array<ArrayBuffer>;
    scene.proxy.down = counted(reply, (packet, n, pass) => {
      if (n % 2 === 0) held = packet;
      else (pass(packet), pass(held));
    });
    const result = await scene.run();
    assertEquals([result.received, result.duplicates, result.lostFromServer], [24, 0, 0]);
    const numbers = scene.events.packets("voip", { sent: false }).map(({ seq }) => seq);
    assertEquals(numbers, Array.from({ length: 24 }, (_, i) => i ^ 1));
  });

  Deno.test(`packetClient() passes over bad replies among good ones, with ${maker}`, async () => {
    await using scene = await Scene.open(maker);
    scene.proxy.down = counted(reply, (packet, n, pass) => {
      if (n % 4 === 0) packet[4 + n] ^= 1;
      if (n === 10) pass(packet.slice(0, 40));
      if (n === 11) pass(new TextEncoder().encode("tine is not a protocol of yours, is it?"));
      if (n === 13) pass(new Uint8Array());
      pass(packet);
    });
    const result = await scene.run();
    assertEquals([result.received, result.lostFromServer, result.serverReceived], [18, 6, 24]);
    assertEquals(result.bad, 9);
  });

  Deno.test(`packetServer() passes over bad requests among good ones, with ${maker}`, async () => {
    await using scene = await Scene.open(maker);
    scene.proxy.up = counted(request, (packet, n, pass) => {
      if (n % 4 === 0) packet[8 + n] ^= 1; // The number, times, the count, or the id of the flow.
      pass(packet);
    });
    const result = await scene.run();
    assertEquals([result.sent, result.serverReceived, result.received, result.lostToServer], [24, 18, 18, 6]);
  });

  Deno.test(`packetClient() opens and closes its flow although packets are lost, with ${maker}`, async () => {
    await using scene = await Scene.open(maker);
    const opening = (flags: number) => (flags & OPEN) !== 0, closing = (flags: number) => (flags & CLOSE) !== 0;
    const lose = (lost: number[], also: number[]) => {
      const first = counted(opening, (packet, n, pass) => lost.includes(n) || pass(packet));
      const then = counted(closing, (packet, n, pass) => also.includes(n) || pass(packet));
      return (packet: Uint8Array<ArrayBuffer>, pass: (packet: Uint8Array<ArrayBuffer>) => void) =>
        first(packet, (packet) => then(packet, pass));
    };
    scene.proxy.up = lose([0], [0]);
    scene.proxy.down = lose([1], [0]);
    const result = await scene.run(4);
    assertEquals([result.sent, result.serverReceived, result.received, result.complete], [4, 4, 4, 1]);
  });

  Deno.test(`packetServer() takes nothing from a recorded flow, with ${maker}`, async () => {
    await using scene = await Scene.open(maker);
    const result = await scene.run(8);
    assertEquals([result.serverReceived, result.serverDuplicates], [8, 0]);
    await eventually("what the server tells of the flow", () => scene.served.infos.length === 1);
    const recorded = scene.proxy.fromClient.slice();
    for (const packet of recorded) scene.proxy.toServer(packet);
    // Those that carry data come again; the others are answered as before.
    await eventually("duplicates", () => scene.served.last("voip", true)?.duplicates === 8);
    const { received, sent } = scene.served.last("voip", true)!;
    assertEquals([received, sent, scene.served.infos.length], [8, 8, 1]);
    const foreign = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const to = { transport: "udp", hostname: "127.0.0.1", port: Number(scene.server.address.split(":")[1]) } as const;
    for (const packet of recorded) await foreign.send(packet, to);
    foreign.close();
    await eventually("refusals", () => scene.served.logs.some((log) => log.includes("cookie is not of this server")));
    await eventually("foreign packets", () => scene.served.logs.some((log) => log.includes("of no flow were dropped")));
    assertEquals(scene.served.infos.length, 1);
    assertEquals(scene.served.last("voip", true)!.duplicates, 8);
  });

  Deno.test(`packetServer() stands a flood of foreign packets while a flow goes on, with ${maker}`, async () => {
    await using scene = await Scene.open(maker);
    const foreign = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const to = { transport: "udp", hostname: "127.0.0.1", port: Number(scene.server.address.split(":")[1]) } as const;
    const running = scene.run(100);
    let over = false;
    void running.finally(() => over = true);
    const hello = new Uint8Array(500);
    for (let i = 0; !over; i++) {
      crypto.getRandomValues(hello);
      hello.set(new TextEncoder().encode("tine"));
      hello[4] = i % 4 === 0 ? OPEN : i;
      new DataView(hello.buffer).setUint16(6, 500);
      await foreign.send(hello, to);
    }
    foreign.close();
    const result = await running;
    assertEquals([result.sent + result.unsent, result.complete], [100, 1]);
    // What the server's socket had no room for is lost, and only raw sockets tell how much that was.
    const known = result.serverReceived + (maker === "ffi" ? result.serverSocketDrops : result.sent);
    assert(known >= result.sent - 2 && result.received > 0, JSON.stringify(result));
  });

  for (
    const [what, theirs, ours, why] of [
      ["another key", new Uint8Array(32).fill(6), key, "the client has another key"],
      ["no key", undefined, key, "the client signs with no key"],
      ["a key, where none is wanted,", key, undefined, "it wants no key, and the client signs with one"],
    ] as const
  ) {
    Deno.test(`packetServer() refuses a client with ${what} with ${maker}`, async () => {
      const events = new PacketEvents();
      await using flows = makers[maker]();
      await using server = await flows.packetServer({ listenAddr: ":0" }, { events, signal, key: ours });
      const sender = [{ unresponsive: { duration: 100 } }];
      const error = await assertRejects(
        () => flows.packetClient(server.address, { flow: "voip", sender }, { events, signal, key: theirs }),
        TineError,
      );
      assertEquals(error.code, "packet-flow-refused");
      assertEquals(error.message, `the server at ${server.address} refuses the flow: ${why}`);
      await eventually("a log entry", () => events.logs.some((log) => log.endsWith(`is refused: ${why}`)));
    });
  }
}
