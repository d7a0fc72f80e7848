import { assert, assertEquals } from "@std/assert";
import { FlowName, writeHeader } from "../../../src/flow/packet/header.ts";
import {
  FlowTable,
  isStale,
  MAX_FLOWS,
  MAX_REVERSE_FLOWS,
  MAX_SERVED_SENDERS,
  ServedFlow,
  whyLost,
} from "../../../src/flow/packet/served_flow.ts";
import type { IncomingPackets } from "../../../src/flow/packet/packet_port.ts";
import { PacketSamples } from "../../../src/flow/packet/packet_samples.ts";
import { COOKIE_MS } from "../../../src/flow/packet/cookies.ts";
import { AccountedFlow, ServerAccount } from "../../../src/flow/server_account.ts";
import { SockAddr } from "../../../src/sys/address.ts";
import { FakeHost } from "../stream/fake_host.ts";

const host = new FakeHost();

function flow(id: string, address: string, senders = 1, reverse = false): ServedFlow {
  return new ServedFlow({
    name: new FlowName(id),
    address: SockAddr.parse(address),
    hmac: undefined,
    settings: {
      version: 1,
      senders,
      longest: 56,
      duration: 1000,
      gso: false,
      reverse: reverse ? [[0, { duration: 1000 }]] : [],
    },
    nonce: new Uint8Array(16),
    samples: new PacketSamples(host.samples("packetIO", id), true),
    start: 0,
    lastReceived: 0,
    socketDrops: 0,
    seesMarks: false,
    limits: {},
    accounted: new AccountedFlow(new ServerAccount()),
  });
}

/** A packet of a flow, from an address. */
function find(table: FlowTable, id: string, address: string): ServedFlow | undefined {
  const view = new DataView(new ArrayBuffer(56)), from = SockAddr.parse(address);
  writeHeader(view, 0, { flags: 0, sender: 0, length: 56, number: 0, count: 0, flow: new FlowName(id) });
  const incoming = { isFrom: (_, other) => from.equals(other), sourcePort: () => from.port } as Partial<
    IncomingPackets
  > as IncomingPackets;
  return table.find(incoming, 0, view, 0);
}

Deno.test("FlowTable.find() knows flows by id and address, IPv4 and IPv6", () => {
  const table = new FlowTable();
  const flows = ["192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "[2001:db8::1]:1"].flatMap((address) =>
    ["voip", "voip.1", "a"].map((id) => ({ id, address, flow: flow(id, address) }))
  );
  for (const { flow } of flows) table.add(flow);
  for (const { id, address, flow } of [...flows, ...flows.toReversed()]) {
    assert(find(table, id, address) === flow);
    assertEquals(find(table, id, "192.0.2.9:1"), undefined);
  }
  assertEquals([...table].length, flows.length);
  for (const [i, { id, address, flow }] of flows.entries()) {
    table.remove(flow);
    assertEquals(find(table, id, address), undefined);
    assertEquals([...table].length, flows.length - 1 - i);
  }
});

Deno.test("FlowTable.lack() says what there are too many of", () => {
  const flows = new FlowTable();
  for (let i = 0; i < MAX_FLOWS; i++) {
    assertEquals(flows.lack(1, false), undefined);
    flows.add(flow("voip", `192.0.2.1:${i + 1}`));
  }
  assertEquals(flows.lack(1, false), "the server has too many flows: it has 1024 at a time");
  const senders = new FlowTable();
  for (let i = 0; i < MAX_SERVED_SENDERS / 256; i++) {
    assertEquals(senders.lack(256, false), undefined);
    senders.add(flow("voip", `192.0.2.1:${i + 1}`, 256));
  }
  assertEquals(senders.lack(1, false), "the server has too many senders: it has 8192 at a time");
});

Deno.test("FlowTable.lack() counts flows until they are closed, or removed", () => {
  const table = new FlowTable();
  const flows = Array.from({ length: MAX_FLOWS }, (_, i) => {
    const each = flow("f", `192.0.2.1:${i + 1}`, 1, i < MAX_REVERSE_FLOWS);
    assertEquals(table.lack(1, i < MAX_REVERSE_FLOWS), undefined);
    table.add(each);
    return each;
  });
  assertEquals(table.lack(1, true), "the server has too many flows: it has 1024 at a time");
  table.close(flows[100], 1e9);
  table.close(flows[100], 2e9);
  assertEquals(flows[100].closedAt, 1e9);
  assertEquals([table.lack(1, false), table.lack(1, true)], [
    undefined,
    "the server has too many reverse flows: it has 64 at a time",
  ]);
  for (const [i, each] of flows.entries()) if (i % 2 === 0) table.close(each, 1e9);
  assertEquals(table.lack(1, true), undefined);
  for (const each of flows) table.remove(each);
  for (let i = 0; i < MAX_FLOWS; i++) {
    assertEquals(table.lack(1, false), undefined);
    table.add(flow("f", `192.0.2.1:${i + 1}`));
  }
  assertEquals(table.lack(1, false), "the server has too many flows: it has 1024 at a time");
});

Deno.test("FlowTable.mostSilent() is the open flow that is silent for longest, and for long enough", () => {
  const table = new FlowTable();
  const [up, down, closed] = [
    flow("up", "192.0.2.1:1"),
    flow("down", "192.0.2.1:2", 1, true),
    flow("closed", "192.0.2.1:3"),
  ];
  for (const each of [up, down, closed]) table.add(each);
  table.close(closed, 1e9);
  [up.lastReceived, down.lastReceived] = [2e9, 3e9];
  assertEquals(table.mostSilent(12e9, false), undefined);
  assert(table.mostSilent(12e9 + 1, false) === up);
  assertEquals(table.mostSilent(12e9 + 1, true), undefined);
  assert(table.mostSilent(14e9, true) === down);
});

Deno.test("isStale() once a closed flow can not be opened again by what was recorded", () => {
  const closed = flow("voip", "192.0.2.1:1");
  closed.closedAt = 1e9;
  assert(!isStale(closed, 2 * COOKIE_MS * 1e6));
  assert(isStale(closed, 2 * COOKIE_MS * 1e6 + 1));
  closed.closedAt = 100e9;
  assert(!isStale(closed, 114e9) && isStale(closed, 116e9));
  assert(!isStale(flow("voip", "192.0.2.1:1"), 1000e9));
});

Deno.test("whyLost() for a client that is silent, and for one that does not close when its time is over", () => {
  const open = flow("voip", "192.0.2.1:1");
  assertEquals(whyLost(open, 30e9, 30e9), undefined);
  assertEquals(whyLost(open, 31e9, 30e9 + 1), "its client is silent for 30 s");
  open.lastReceived = 61e9;
  assertEquals(whyLost(open, 61e9, 61e9), undefined);
  assertEquals(whyLost(open, 61e9 + 1, 61e9), "its time is over, and its client does not close it");
  open.closedAt = 1e9;
  assertEquals(whyLost(open, 200e9, 200e9), undefined);
});
