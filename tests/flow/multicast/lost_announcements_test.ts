/** Flows to a group through a network whose losses and time the test decides. */
import { assert, assertEquals } from "@std/assert";
import type { PacketClientConfig } from "../../../src/flow/config.ts";
import { ACKNOWLEDGE, ANNOUNCE, END, REPORT } from "../../../src/flow/multicast/group_packets.ts";
import { SIGNED } from "../../../src/flow/packet/header.ts";
import type { PacketReport, ServedPacketReport } from "../../../src/flow/report.ts";
import { Random } from "../../support/random.ts";
import { type Datagram, FakeNetwork } from "../packet/fake_network.ts";

const MS = 1e6;
const key = new Uint8Array(32).fill(6);
const config: PacketClientConfig = {
  flow: "up",
  sender: [{ unresponsive: { wait: [10], packets: 200, length: [100] } }],
};

/** What a datagram is, without the flag of signed ones; 0: a packet that is measured. */
function kindOf({ bytes }: Datagram): number {
  return bytes[4] & ~SIGNED;
}

function pass(network: FakeNetwork, ms: number, keep: (datagram: Datagram) => boolean = () => true): void {
  for (let i = 0; i < ms; i++) {
    network.host.pass(MS);
    network.deliver(keep);
  }
}

/** The last report of the receiver. */
function served({ host }: FakeNetwork): ServedPacketReport | undefined {
  return host.reports.map(({ report }) => report).findLast((report) => report.kind === "servedPackets");
}

function sent({ host }: FakeNetwork): PacketReport {
  return host.reports.map(({ report }) => report).findLast((report) => report.kind === "packets")!;
}

Deno.test("a third of all packets is lost, and the receiver still knows which of those that are measured", () => {
  for (const seed of [1, 2, 3]) {
    const network = new FakeNetwork(), random = new Random(seed);
    network.join(key);
    network.dialGroup(config, key);
    let dropped = 0, opened = false;
    pass(network, 8000, (datagram) => {
      opened ||= network.host.infos.some(({ server }) => server);
      const keeps = random.below(3) > 0;
      if (!keeps && kindOf(datagram) === 0 && opened) dropped++;
      return keeps;
    });
    assertEquals(network.host.error, undefined);
    const { state, received, group } = served(network)!;
    assertEquals([state, group!.expected - received], ["closed", dropped], `seed ${seed}`);
    const [{ complete, senders: [reception] }] = sent(network).group!.receivers;
    assertEquals([complete, reception!.received, reception!.expected], [true, received, group!.expected]);
    network.close();
  }
});

Deno.test("a receiver ends a flow that falls silent, and its sender goes on for the others", () => {
  const network = new FakeNetwork();
  network.join(key);
  network.dialGroup({ flow: "up", sender: [{ unresponsive: { wait: [10], duration: 20_000, length: [100] } }] }, key);
  pass(network, 3000);
  assert(served(network)!.received > 200);
  pass(network, 12_000, ({ to }) => to.host !== "239.1.2.3");
  const { state, received, elapsedNanos } = served(network)!;
  // It lasted until its last packet, after 3 seconds.
  assertEquals([state, received <= 275 + 1, Math.round(elapsedNanos / 1e9)], ["unclosed", true, 3]);
  assert(
    network.host.logs.includes("flow up of 192.0.2.2:1000 is silent for 10 s: it is over"),
    network.host.logs.join(),
  );
  // Another announcement is no new flow.
  pass(network, 10_000);
  assertEquals(network.host.infos.filter(({ server }) => server).length, 1);
  const { ended, receivers: [{ complete }] } = sent(network).group!;
  assertEquals([ended, complete], [true, false]);
  network.close();
});

Deno.test("a receiver gives up reports that are not acknowledged, and reports at the end all the same", () => {
  const network = new FakeNetwork();
  network.join(key);
  network.dialGroup({ flow: "up", sender: [{ unresponsive: { wait: [10], duration: 20_000, length: [100] } }] }, key);
  const reports: number[] = [];
  let t = 0;
  pass(network, 27_000, (datagram) => {
    t = network.host.now();
    if (kindOf(datagram) === REPORT) reports.push(t);
    return kindOf(datagram) !== ACKNOWLEDGE;
  });
  assertEquals(served(network)!.state, "closed");
  // Three while the flow runs, then five at its end.
  const start = reports[0], early = reports.filter((at) => at - start < 15e9).length;
  assertEquals([early, reports.length - early], [3, 5]);
  network.close();
});

Deno.test("an announcement of the end that arrives is enough, however often it was lost", () => {
  const network = new FakeNetwork();
  network.join();
  network.dialGroup(config);
  let ends = 0;
  pass(network, 6000, (datagram) => kindOf(datagram) !== END || ++ends === 6);
  assertEquals([served(network)!.state, served(network)!.received], ["closed", 200]);
  // Without a key, nothing but the sender's own packets is on the wire.
  assertEquals(sent(network).group!.receivers, []);
  network.close();
});

Deno.test("a receiver without a key sends nothing, whatever it is sent", () => {
  const network = new FakeNetwork();
  network.join();
  network.dialGroup(config);
  const senders = new Set<string>();
  pass(network, 6000, ({ from, to, bytes }) => {
    senders.add(`${from}`);
    assertEquals(`${to}`, "239.1.2.3:7001");
    assert([0, ANNOUNCE, END].includes(bytes[4]));
    return true;
  });
  assertEquals(senders, new Set(["192.0.2.2:1000"]));
  network.close();
});
