import { assert, assertEquals } from "@std/assert";
import { FlowName } from "../../../src/flow/packet/flow_name.ts";
import { FlowTable, isStale, MAX_FLOWS, MAX_SERVED_SENDERS } from "../../../src/flow/packet/flow_table.ts";
import { writeHeader } from "../../../src/flow/packet/header.ts";
import type { Inbox } from "../../../src/flow/packet/packet_port.ts";
import { PacketSamples } from "../../../src/flow/packet/packet_samples.ts";
import { ServedFlow } from "../../../src/flow/packet/served_flow.ts";
import { COOKIE_MS } from "../../../src/flow/packet/session.ts";
import { SocketAddress } from "../../../src/sys/address.ts";
import { FakeHost } from "../stream/fake_host.ts";

const host = new FakeHost();

function flow(id: string, address: string, senders = 1): ServedFlow {
  return new ServedFlow({
    name: new FlowName(id),
    address: SocketAddress.parse(address),
    hmac: undefined,
    settings: { version: 1, senders, longest: 56, duration: 1000, gso: false, reverse: [] },
    nonce: new Uint8Array(16),
    samples: new PacketSamples(host.samples("packetIO", id), true),
    start: 0,
    socketDrops: 0,
  });
}

/** A packet of a flow, from an address. */
function find(table: FlowTable, id: string, address: string): ServedFlow | undefined {
  const view = new DataView(new ArrayBuffer(56)), from = SocketAddress.parse(address);
  writeHeader(view, 0, 0, 0, 56, 0, 0, new FlowName(id));
  const inbox = { isFrom: (_, other) => from.equals(other), sourcePort: () => from.port } as Partial<Inbox> as Inbox;
  return table.find(inbox, 0, view, 0);
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

Deno.test("FlowTable.hasRoom() for so many flows, and so many senders", () => {
  const flows = new FlowTable();
  for (let i = 0; i < MAX_FLOWS; i++) {
    assert(flows.hasRoom(1, false));
    flows.add(flow("voip", `192.0.2.1:${i + 1}`));
  }
  assert(!flows.hasRoom(1, false));
  const senders = new FlowTable();
  for (let i = 0; i < MAX_SERVED_SENDERS / 256; i++) {
    assert(senders.hasRoom(256, false));
    senders.add(flow("voip", `192.0.2.1:${i + 1}`, 256));
  }
  assert(!senders.hasRoom(1, false));
});

Deno.test("isStale() once a closed flow can not be opened again by what was recorded", () => {
  const closed = flow("voip", "192.0.2.1:1");
  closed.closedAt = 1e9;
  assert(!isStale(closed, 2 * COOKIE_MS * 1e6));
  assert(isStale(closed, 2 * COOKIE_MS * 1e6 + 1));
  closed.closedAt = 100e9;
  assert(!isStale(closed, 102e9) && isStale(closed, 104e9));
  const open = flow("voip", "192.0.2.1:1");
  assert(!isStale(open, 60e9) && isStale(open, 62e9));
  open.heard = 10e9;
  assert(!isStale(open, 69e9) && isStale(open, 71e9));
});
