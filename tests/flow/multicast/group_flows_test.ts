import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { servedPath } from "../../../src/flow/analysis/mod.ts";
import type { UnresponsiveConfig } from "../../../src/flow/config.ts";
import type { Flows } from "../../../src/flow/flows.ts";
import { Hmac } from "../../../src/flow/hmac.ts";
import { ANNOUNCE, formatAnnouncement, groupPacket } from "../../../src/flow/multicast/group_packets.ts";
import { FlowName, WireTime } from "../../../src/flow/packet/header.ts";
import type { PacketReport, ServedPacketReport } from "../../../src/flow/report.ts";
import { eventually } from "../../support/eventually.ts";
import { Random } from "../../support/random.ts";
import { PacketEvents } from "../packet/packet_events.ts";
import { makers, rawSockets } from "../packet/packet_makers.ts";

const { signal } = new AbortController();
const key = new Uint8Array(32).fill(7);

let last = 0;
/** Another group for each test, on the loopback alone. */
function newGroup(): { readonly addr: string; readonly join: string } {
  const group = `239.77.${Deno.pid & 0xff}.${++last}`;
  return { addr: `${group}:7019`, join: `${group}%lo:7019` };
}

/** What makes a client of a kind send through the loopback. */
const through: Readonly<Record<string, object>> = { ffi: { interface: "lo" }, portable: { bind: "127.0.0.1" } };

const short: UnresponsiveConfig = { wait: [5], packets: 20, length: [100] };

/** What a receiver has of a flow that is over. */
function served(events: PacketEvents): ServedPacketReport | undefined {
  return events.reports.map(({ report }) => report).findLast((report): report is ServedPacketReport =>
    report.kind === "servedPackets" && report.state !== "running"
  );
}

/** Fails unless a receiver has all packets, and those one by one. */
function assertWhole(events: PacketEvents, report: PacketReport): void {
  const { received, duplicates, state } = served(events)!, { sent, lost } = servedPath(served(events)!)!;
  assertEquals([state, sent, received, duplicates, lost], ["closed", report.senders[0].sent, received, 0, 0]);
  assertEquals(events.packets("up", { server: true, sent: false }).map(({ seq }) => seq), [...Array(received).keys()]);
}

for (const shared of [key, undefined]) {
  const name = `packetClient() sends to all receivers of a group, ${
    shared ? "which report" : "which do not report without a key"
  }`;
  Deno.test(name, async () => {
    await using stack = new AsyncDisposableStack();
    const flows = Object.fromEntries(Object.entries(makers).map(([kind, make]) => [kind, stack.use(make())]));
    const pairs = Object.keys(flows).flatMap((sender) => Object.keys(flows).map((receiver) => [sender, receiver]));
    await Promise.all(pairs.map(([sender, receiver]) => sendToTwo(flows[sender], flows[receiver], shared)));
  });
}

/** Sends to two receivers. */
async function sendToTwo(from: Flows, to: Flows, shared: Uint8Array | undefined): Promise<void> {
  const { addr, join } = newGroup();
  const [one, other, own] = [new PacketEvents(), new PacketEvents(), new PacketEvents()];
  await using _one = await to.packetServer({ join }, { events: one, signal, key: shared });
  await using _other = await to.packetServer({ join }, { events: other, signal, key: shared });
  const config = { flow: "up", sender: [{ unresponsive: short }], ...through[from.kind] };
  const report = await from.packetClient(addr, config, { events: own, signal, key: shared });
  await eventually("both have the end", () => [one, other].every(served));
  assertWhole(one, report);
  assertWhole(other, report);
  const { ended, receivers } = report.group!;
  assertEquals([ended, report.complete, receivers.length], [true, false, shared ? 2 : 0]);
  for (const { complete, senders: [reception] } of receivers) {
    assertEquals([complete, reception?.received, reception?.expected], [true, 20, 20]);
    assertEquals(reception?.clock, { least: 0, most: 0 });
  }
  assertEquals([...one.logs, ...other.logs, ...own.logs], []);
}

Deno.test("a receiver that joins while a flow runs misses only what is sent from then on", async () => {
  const { addr, join } = newGroup();
  const [early, late, own] = [new PacketEvents(), new PacketEvents(), new PacketEvents()];
  await using flows = Object.values(makers)[0]();
  await using _early = await flows.packetServer({ join }, { events: early, signal });
  const finish = new AbortController();
  const config = {
    flow: "up",
    sender: [{ unresponsive: { wait: [2], duration: 0, length: [100] } }],
    ...through[flows.kind],
  };
  const running = flows.packetClient(addr, config, { events: own, signal, finish: finish.signal });
  await eventually("packets arrive", () => early.packets("up", { server: true, sent: false }).length > 50);
  await using _late = await flows.packetServer({ join }, { events: late, signal });
  await eventually("packets arrive late", () => late.packets("up", { server: true, sent: false }).length > 50);
  finish.abort();
  const report = await running;
  await eventually("both have the end", () => [early, late].every(served));
  assertWhole(early, report);
  const first = Number(late.infos[0].values.first);
  assert(first > 50);
  const { sent, lost } = servedPath(served(late)!)!;
  assertEquals([sent, lost], [report.senders[0].sent - first, 0]);
});

Deno.test({
  name: "bursts to a group arrive as such",
  ignore: !rawSockets,
  async fn() {
    const { addr, join } = newGroup();
    const [events, own] = [new PacketEvents(), new PacketEvents()];
    await using flows = makers.ffi();
    await using _receiver = await flows.packetServer({ join }, { events, signal, key });
    const unresponsive = { rate: { packetsPerSecond: 20_000 }, packets: 2000, length: [500], gso: true };
    const config = { flow: "up", sender: [{ unresponsive }], interface: "lo" };
    const report = await flows.packetClient(addr, config, { events: own, signal, key });
    await eventually("the end was received", () => served(events) !== undefined);
    const { sent, received, lost, socketDrops } = servedPath(served(events)!)!;
    assertEquals([sent, received! + lost! + socketDrops], [2000, 2000]);
    assertEquals(report.group!.receivers[0].senders[0]!.received, received);
  },
});

Deno.test("a receiver ends a flow whose client was canceled, and reports one whose end it has not received", async () => {
  const { addr, join } = newGroup();
  const events = new PacketEvents();
  await using flows = Object.values(makers)[0]();
  const receiver = await flows.packetServer({ join }, { events, signal });
  const config = { sender: [{ unresponsive: { wait: [5], duration: 0, length: [100] } }], ...through[flows.kind] };
  for (const flow of ["cut", "open"]) {
    const cancel = new AbortController();
    const options = { events: new PacketEvents(), signal: cancel.signal };
    const running = flows.packetClient(addr, { flow, ...config }, options);
    await eventually("packets arrive", () => events.packets(flow, { server: true, sent: false }).length > 5);
    if (flow === "open") {
      await receiver[Symbol.asyncDispose]();
      assertEquals(served(events)?.state, "unclosed");
    }
    cancel.abort(new Error("it is enough"));
    await assertRejects(() => running, Error, "it is enough");
    if (flow === "cut") await eventually("the end was received", () => served(events)?.state === "closed");
  }
});

Deno.test("packets of other programs to the group are dropped and counted, whatever is in them", async () => {
  const { addr, join } = newGroup();
  const [events, own] = [new PacketEvents(), new PacketEvents()];
  await using flows = Object.values(makers)[0]();
  await using _receiver = await flows.packetServer({ join }, { events, signal });
  const outsider = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const [hostname, port] = addr.split(":");
  const send = (bytes: Uint8Array) => outsider.send(bytes, { transport: "udp", hostname, port: Number(port) });
  const announcement = announced("up", undefined);
  const random = new Random(18);
  const randomBytes = (length: number) => Uint8Array.from({ length }, () => random.below(256));
  for (let i = 0; i < 60; i++) {
    // Random ones, and such that are nearly right.
    const bytes = i < 20 ? randomBytes(1 + i * 20) : announcement.slice();
    if (i >= 20) bytes[4 + i % 20] ^= 1 << i % 8;
    if (i >= 40) bytes.set(randomBytes(60), 74 + i);
    await send(bytes);
  }
  await eventually("they are counted", () => events.logs.some((line) => line.includes("of no flow")));
  outsider.close();
  const config = { flow: "up", sender: [{ unresponsive: short }], ...through[flows.kind] };
  const report = await flows.packetClient(addr, config, { events: own, signal });
  await eventually("the end was received", () => served(events)?.state === "closed");
  assertWhole(events, report);
});

/** An announcement as a sender makes it. */
function announced(
  flow: string,
  signed: Uint8Array | undefined,
  reportTo?: string,
  nonce = new Uint8Array(16).fill(3),
) {
  const settings = { version: 2, senders: 1, longest: 100, duration: 1000, gso: false, reverse: [] };
  const text = formatAnnouncement({ settings, counts: [[0, 0]], receivers: 0, mark: "", ...reportTo && { reportTo } });
  const time = new WireTime(BigInt(Date.now()) * 1_000_000n);
  const hmac = signed && new Hmac(signed);
  return groupPacket({ flags: ANNOUNCE, flow: new FlowName(flow), number: 1, nonce, text, time, t: 0, hmac });
}

for (const kind of Object.keys(makers)) {
  Deno.test(`no forged announcement has the receivers of a group send packets to a victim, ${kind}`, async () => {
    const { addr, join } = newGroup();
    const [keyless, keyed] = [new PacketEvents(), new PacketEvents()];
    await using flows = makers[kind]();
    await using _keyless = await flows.packetServer({ join }, { events: keyless, signal });
    await using _keyed = await flows.packetServer({ join }, { events: keyed, signal, key });
    await using victim = new Victim("127.0.0.1");
    await using other = new Victim("127.0.0.2");
    const outsider = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const [hostname, port] = addr.split(":");
    const send = (bytes: Uint8Array) => outsider.send(bytes, { transport: "udp", hostname, port: Number(port) });
    // Without a key, with another one, and recorded: the address in the text is not the one that it comes from.
    await send(announced("open", undefined, victim.address));
    await send(announced("other", new Uint8Array(32).fill(9), victim.address));
    await send(announced("elsewhere", key, other.address));
    await eventually("they were read", () => keyless.logs.length >= 2 && keyed.logs.length >= 3);
    await eventually("flows are known", () => keyless.infos.length + keyed.infos.length >= 2);
    assertEquals(keyless.infos.map(({ flow }) => flow), ["open"]);
    assertEquals(keyed.infos.map(({ flow }) => flow), ["elsewhere"]);
    assertMatch(keyed.logs.join("\n"), /flow open of \S+ is left out: its sender signs with no key/);
    assertMatch(keyed.logs.join("\n"), /flow other of \S+ is left out: its sender has another key/);
    assertMatch(
      keyed.logs.join("\n"),
      /wants its reports at 127\.0\.0\.2:\d+, which is another address: nothing is reported/,
    );
    // What is signed and true is reported on, until that is not acknowledged; a recording of it is no new flow.
    for (let i = 0; i < 3; i++) await send(announced("true", key, victim.address, new Uint8Array(16).fill(4)));
    const isOpen = () => keyed.infos.some(({ flow }) => flow === "true");
    await eventually("reports come", () => victim.packets > 0 && isOpen());
    assertEquals(keyed.infos.filter(({ flow }) => flow === "true").length, 1);
    outsider.close();
    assertEquals(other.packets, 0);
    assertEquals(victim.flows, new Set(["true"]));
  });
}

/** Counts what comes to an address. */
class Victim implements AsyncDisposable {
  packets = 0;
  readonly flows = new Set<string>();
  readonly #socket: Deno.DatagramConn;
  readonly #read: Promise<void>;

  constructor(hostname: string) {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    this.#read = this.#count();
  }

  get address(): string {
    const { hostname, port } = this.#socket.addr as Deno.NetAddr;
    return `${hostname}:${port}`;
  }

  async #count(): Promise<void> {
    for await (const [bytes] of this.#socket) {
      this.packets++;
      this.flows.add(new TextDecoder().decode(bytes.subarray(40, 56)).replace(/\0+$/, ""));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#read;
  }
}

Deno.test("flows that a group cannot have are refused in a sentence", async () => {
  const { addr } = newGroup();
  await using flows = Object.values(makers)[0]();
  const run = (unresponsive: UnresponsiveConfig, address = addr, more = {}) => () =>
    flows.packetClient(address, { flow: "up", sender: [{ unresponsive }], ...through[flows.kind], ...more }, {
      events: new PacketEvents(),
      signal,
    });
  const [host] = addr.split(":");
  await assertRejects(run({ ...short, echo: true }), TineError, `is the group ${host}, whose receivers send no echoes`);
  await assertRejects(
    run({ ...short, reverse: true }),
    TineError,
    "whose receivers send nothing; reverse needs a server",
  );
  await assertRejects(
    run(short, "[ff15::1]:7019", through[flows.kind] && { bind: undefined, interface: "nosuch0" }),
    TineError,
  );
});

Deno.test({
  name: "an interface that is not there is named, by senders and receivers of either kind",
  async fn() {
    for (const [kind, make] of Object.entries(makers)) {
      await using flows = make();
      const options = { events: new PacketEvents(), signal };
      const join = "239.77.18.9%nosuch0";
      await assertRejects(() => flows.packetServer({ join }, options), TineError, 'no network interface "nosuch0"');
      const config = { flow: "up", sender: [{ unresponsive: short }], interface: "nosuch0" };
      const why = kind === "ffi" ? 'no network interface "nosuch0"' : "interface cannot be set: raw sockets";
      await assertRejects(() => flows.packetClient("239.77.18.9:7019", config, options), TineError, why);
    }
  },
});
