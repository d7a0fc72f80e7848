import { assert, assertEquals } from "@std/assert";
import type { PacketClientConfig, UnresponsiveConfig } from "../../../src/flow/config.ts";
import { ECHO, flagsOf, OPEN, REPLY, REVERSE } from "../../../src/flow/packet/header.ts";
import { MAX_REVERSE_FLOWS } from "../../../src/flow/packet/served_flow.ts";
import { SockAddr } from "../../../src/sys/address.ts";
import { Random } from "../../support/random.ts";
import { type Datagram, FakeNetwork } from "./fake_network.ts";

const SECOND = 1e9;
const MS = 1e6;
const server = SockAddr.parse("192.0.2.1:7001");

function config(sender: Partial<UnresponsiveConfig>, flow = "voip"): PacketClientConfig {
  return { flow, sender: [{ unresponsive: { duration: 1000, ...sender } }] };
}

function flagsIn({ bytes }: Datagram): number {
  return flagsOf(new DataView(bytes.buffer), 0) & 0x7f;
}

/** The last figures that a server told of a flow. */
function served(network: FakeNetwork, flow = "voip"): Readonly<Record<string, number>> {
  return network.host.aggregates.findLast((each) => each.flow === flow && each.values.server === 1)!.values;
}

Deno.test("packetServerFlow() echoes, counts and closes", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [10], echo: true }));
  network.pass(3 * SECOND);
  assertEquals(network.host.error, undefined);
  const { sent, received, serverReceived, complete } = network.host.result!;
  assertEquals([sent, received, serverReceived, complete], [100, 100, 100, 1]);
  assertEquals(network.host.infos.map(({ server }) => server), [true, false]);
});

Deno.test("packetServerFlow() drops packets of a flow whose address has changed", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [10], echo: true }));
  const elsewhere = SockAddr.parse("192.0.2.2:1");
  for (let i = 0; i < 2000; i++) {
    network.host.pass(MS);
    network.deliver((datagram) => {
      if (flagsIn(datagram) !== ECHO || i < 500 || datagram.from.equals(elsewhere)) return true;
      network.wire.push({ ...datagram, from: elsewhere });
      return false;
    });
  }
  const { sent, received, serverReceived } = network.host.result!;
  assertEquals([sent, received, serverReceived], [100, 50, 50]);
  assert(network.host.logs.some((log) => log.endsWith("packets that are of no flow were dropped")));
});

Deno.test("packetServerFlow() sends no more to a client that has gone silent", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [10], duration: 60_000, reverse: true }));
  network.pass(3 * SECOND);
  // The client is cut off.
  let packets = 0;
  for (let second = 0; second < 20; second++) {
    network.host.pass(SECOND);
    packets = network.wire.filter(({ from }) => from.equals(server)).length;
    network.wire.length = 0;
    assertEquals(packets > 0, second < 10, `second ${second}`);
  }
  assert(network.host.logs.some((log) => log.includes("nothing comes from 192.0.2.2:1000")));
});

Deno.test("packetServerFlow() goes on for a client that only receives, for as long as was agreed", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [100], duration: 30_000, reverse: true }));
  network.pass(32 * SECOND, 10 * MS);
  assertEquals([network.host.result!.received, network.host.result!.serverSent], [300, 300]);
});

Deno.test("packetServerFlow() does not let recorded keepalives stand for a client", () => {
  const network = new FakeNetwork();
  network.serve(undefined, new Uint8Array(32));
  network.dial(config({ wait: [10], duration: 60_000, reverse: true }), new Uint8Array(32));
  const recorded: Datagram[] = [];
  for (let i = 0; i < 3000; i++) {
    network.host.pass(MS);
    network.deliver((datagram) => {
      if (datagram.to.equals(server) && flagsIn(datagram) === REVERSE) recorded.push(datagram);
      return true;
    });
  }
  assert(recorded.length >= 2);
  for (let second = 0; second < 15; second++) {
    network.host.pass(SECOND);
    network.wire.length = 0;
    network.wire.push(...recorded);
    network.deliver();
  }
  network.wire.length = 0;
  network.host.pass(SECOND);
  assertEquals(network.wire.filter(({ from }) => from.equals(server)), []);
});

Deno.test("packetServerFlow() stops to send when the flow is closed", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [10], duration: 60_000, reverse: true }));
  network.pass(2 * SECOND);
  network.close();
  network.deliver();
  const before = served(network).sent;
  assert(before >= 190, `${before}`);
});

Deno.test("packetServerFlow() waits with echoes, and with receiving, while there is no room", () => {
  const network = new FakeNetwork();
  const port = network.serve();
  network.dial(config({ wait: [1], echo: true, duration: 500 }));
  network.pass(100 * MS);
  port.room = 0;
  network.pass(100 * MS);
  assert(port.waiting > 90, `${port.waiting}`);
  port.makeRoom(Infinity);
  assertEquals(port.waiting, 0);
  network.pass(2 * SECOND);
  const { sent, received, lostFromServer } = network.host.result!;
  assertEquals([sent, received, lostFromServer], [500, 500, 0]);
});

Deno.test("packetServerFlow() never answers with more than it got, before an address has proved itself", () => {
  const network = new FakeNetwork();
  network.serve();
  const random = new Random(2);
  const client = network.dial(config({ wait: [10], duration: 60_000, reverse: true }));
  const seen: Datagram[] = [];
  network.deliver((datagram) => {
    if (datagram.from.equals(client.local)) seen.push(datagram);
    return true;
  });
  client[Symbol.dispose]();
  network.wire.length = 0;
  for (let round = 0; round < 5000; round++) {
    const { bytes } = random.pick(seen);
    const changed = bytes.slice();
    if (!random.oneIn(5)) { for (let n = random.below(5); n >= 0; n--) changed[random.below(60)] = random.below(256); }
    const from = SockAddr.of(`198.51.100.${random.below(250)}`, 1 + random.below(60_000));
    network.wire.length = 0;
    network.ports[0].receive({ from, to: server, bytes: changed });
    const answered = network.wire.filter(({ to }) => to.equals(from)).reduce((sum, { bytes }) => sum + bytes.length, 0);
    assert(answered <= changed.length, `${answered} bytes for ${changed.length}`);
  }
  assertEquals(network.host.error, undefined);
  // None of these was the address that the cookie was for.
  assertEquals(network.host.infos.filter((info) => info.server).length, 1);
});

Deno.test("packetServerFlow() refuses flows that are too many", () => {
  const network = new FakeNetwork();
  network.serve();
  for (let i = 0; i <= MAX_REVERSE_FLOWS; i++) network.dial(config({ wait: [50_000], reverse: true }, `f${i}`));
  network.deliver();
  assertEquals(network.host.infos.filter((info) => info.server).length, MAX_REVERSE_FLOWS);
  assertEquals(network.host.logs, [
    `flow f${MAX_REVERSE_FLOWS} of 192.0.2.2:${1000 + MAX_REVERSE_FLOWS} is refused: ` +
    "the server has too many reverse flows: it has 64 at a time",
  ]);
});

Deno.test("packetServerFlow() has closed reverse flows make room at once", () => {
  const network = new FakeNetwork();
  network.serve();
  for (const round of ["a", "b"]) {
    for (let i = 0; i < MAX_REVERSE_FLOWS; i++) network.dial(config({ wait: [50], reverse: true }, `${round}${i}`));
    network.pass(2 * SECOND, 10 * MS);
  }
  assertEquals(network.host.logs, []);
  assertEquals(network.host.infos.filter((info) => info.server).length, 2 * MAX_REVERSE_FLOWS);
});

Deno.test("packetServerFlow() serves more short flows than it has places within seconds", () => {
  const network = new FakeNetwork();
  network.serve();
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 100; i++) network.dial(config({ wait: [5], duration: 10 }, `f${round}.${i}`));
    network.pass(200 * MS, 20 * MS);
  }
  assertEquals(network.host.logs, []);
  assertEquals(network.host.infos.filter((info) => info.server).length, 1200);
});

Deno.test("packetServerFlow() ends a flow whose client is silent, and says so", () => {
  const network = new FakeNetwork();
  network.serve();
  const client = network.dial(config({ wait: [10], duration: 23 * 3600 * 1000 }));
  network.pass(SECOND);
  client[Symbol.dispose]();
  network.host.pass(29 * SECOND);
  assertEquals(served(network).unclosed, undefined);
  network.host.pass(2 * SECOND);
  const { received, complete, unclosed, elapsedNanos } = served(network);
  assertEquals([received, complete, unclosed], [100, 0, 1]);
  assert(elapsedNanos >= 990 * MS && elapsedNanos <= 1010 * MS, `${elapsedNanos}`);
  assertEquals(network.host.logs.filter((log) => log.startsWith("flow voip")), [
    "flow voip of 192.0.2.2:1000 ended without a close: its client is silent for 30 s",
  ]);
});

Deno.test("packetServerFlow() reports flows that are open when it is stopped", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [10], duration: 60_000 }));
  network.pass(SECOND);
  network.close();
  const { received, complete, unclosed } = served(network);
  assertEquals([received, complete, unclosed], [100, 0, 1]);
});

Deno.test("packetServerFlow() has silent flows make room for others, and only these", () => {
  const network = new FakeNetwork();
  network.serve();
  const day = 24 * 3600 * 1000;
  for (let i = 0; i < MAX_REVERSE_FLOWS; i++) {
    network.dial(config({ wait: [day], duration: day, reverse: true }, `f${i}`));
  }
  network.pass(SECOND, 100 * MS);
  const silent = [3, 40].map((i) => network.ports[1 + i].local);
  for (let i = 0; i < 11; i++) {
    network.host.pass(SECOND);
    network.deliver(({ from }) => !silent.some((port) => port.equals(from)));
  }
  network.host.logs.length = 0;
  for (const flow of ["next1", "next2", "next3"]) {
    network.dial(config({ wait: [day], duration: day, reverse: true }, flow));
    network.deliver(({ from }) => !silent.some((port) => port.equals(from)));
  }
  assertEquals(network.host.logs, [
    "flow f3 of 192.0.2.2:1003 ended without a close: its client is silent, and another one wants its place",
    "flow f40 of 192.0.2.2:1040 ended without a close: its client is silent, and another one wants its place",
    "flow next3 of 192.0.2.2:1066 is refused: the server has too many reverse flows: it has 64 at a time",
  ]);
});

Deno.test("packetServerFlow() keeps a client that sends a packet an hour, and stands still at times, over a bad path", () => {
  const network = new FakeNetwork();
  network.serve();
  const random = new Random(50);
  const hour = 3600 * 1000;
  network.dial(config({ wait: [hour], duration: 3 * hour, echo: true }));
  network.dial(config({ wait: [hour], duration: 3 * hour, reverse: true }, "down"));
  network.deliver();
  const lossy = (datagram: Datagram) =>
    flagsIn(datagram) !== REVERSE || datagram.from.equals(server) || random.oneIn(2);
  for (let second = 0; second < 3 * 3600 + 5; second++) {
    network.host.pass(SECOND);
    // What is sent in these five seconds comes later.
    if (second % 60 < 55) network.deliver(lossy);
  }
  assertEquals(network.host.logs, []);
  for (const flow of ["voip", "down"]) assertEquals(served(network, flow).complete, 1, flow);
  assertEquals([served(network).received, served(network, "down").sent], [3, 3]);
});

Deno.test("packetServerFlow() does not take it for silence that it stood still itself", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [100], duration: 200_000 }));
  network.pass(5 * SECOND, 10 * MS);
  network.host.stand(100 * SECOND);
  network.pass(100 * SECOND, 10 * MS);
  assertEquals(network.host.logs, []);
  assertEquals(served(network).complete, 1);
});

Deno.test("packetServerFlow() grants a flow again whose answer was lost", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [10], echo: true }));
  let lost = 0;
  for (let i = 0; i < 3000; i++) {
    network.host.pass(MS);
    network.deliver((datagram) => flagsIn(datagram) !== (OPEN | REPLY) || ++lost > 3);
  }
  const { sent, received } = network.host.result!;
  assertEquals([sent, received, network.host.infos.filter((info) => info.server).length], [100, 100, 1]);
});

Deno.test("packetServerFlow() reports packets of no flow at its end", () => {
  const network = new FakeNetwork();
  const port = network.serve();
  port.receive({ from: SockAddr.parse("192.0.2.9:1"), to: server, bytes: new Uint8Array(100) });
  network.close();
  assertEquals(network.host.logs, ["1 packet that is of no flow was dropped"]);
});

Deno.test("packetServerFlow() survives packets of a flow that are changed", () => {
  const network = new FakeNetwork();
  network.serve();
  const random = new Random(9);
  network.dial(config({ wait: [1], echo: true, duration: 2000 }));
  network.deliver();
  for (let i = 0; i < 20_000 && network.host.result === undefined; i++) {
    network.host.pass(MS);
    network.deliver(({ bytes }) => {
      if (random.oneIn(2)) {
        for (let n = random.below(4); n >= 0; n--) bytes[random.below(60)] ^= 1 << random.below(8);
      }
      return !random.oneIn(10);
    });
  }
  assertEquals(network.host.error, undefined);
  assert(network.host.result!.sent === 2000);
});
