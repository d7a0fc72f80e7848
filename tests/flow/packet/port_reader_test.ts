import { assertEquals } from "@std/assert";
import type { PacketPort } from "../../../src/flow/packet/packet_port.ts";
import { PortReader, type PortUser } from "../../../src/flow/packet/port_reader.ts";
import { READABLE, WRITABLE } from "../../../src/sys/poller.ts";
import { FakeHost } from "../stream/fake_host.ts";

function setUp() {
  const host = new FakeHost();
  const counts: (number | Error)[] = [], told: unknown[] = [];
  let ready = () => {};
  const port = {
    closed: false,
    interest: READABLE,
    watch: (handler: () => void) => ready = handler,
    incoming: {
      capacity: 64,
      receive() {
        const count = counts.shift() ?? -1;
        if (count instanceof Error) throw count;
        return count;
      },
    },
  };
  const user = {
    canTake: true,
    prompt: false,
    wantsRoom: false,
    takeAll: (count: number) => void told.push(count),
    onRoom: () => void told.push("room"),
    onError: (error: unknown) => void told.push(error),
  };
  const reader = new PortReader(host, port as unknown as PacketPort, user satisfies PortUser);
  return { host, counts, told, port, user, reader, ready: () => ready() };
}

Deno.test("PortReader reads until the port is empty, or it is the turn of others", () => {
  const empty = setUp(), full = setUp();
  empty.counts.push(64, 64, 3);
  empty.ready();
  assertEquals(empty.told, [64, 64, 3]);
  full.counts.push(...Array(20).fill(64));
  full.ready();
  assertEquals(full.told, Array(8).fill(64));
});

Deno.test("PortReader looks again after a while where many packets come", () => {
  const { host, counts, told, ready, port } = setUp();
  for (let i = 0; i < 15; i++) {
    counts.push(1);
    host.pass(100_000);
    ready();
    assertEquals(port.interest, READABLE);
  }
  counts.push(1);
  host.pass(100_000);
  ready();
  assertEquals(port.interest, 0);
  told.length = 0;
  counts.push(4);
  host.pass(499_999);
  assertEquals(told, []);
  host.pass(1);
  assertEquals([told, port.interest], [[4], 0]);
  counts.push(0);
  host.pass(500_000);
  assertEquals(port.interest, READABLE);
  counts.push(7);
  host.pass(1e9);
  assertEquals(counts, [7]);
});

Deno.test("PortReader pauses for no longer than a few messages take to come", () => {
  const { host, counts, told, ready, port } = setUp();
  counts.push(50);
  host.pass(500_000);
  ready();
  assertEquals([told, port.interest], [[50], 0]);
  counts.push(40);
  host.pass(160_000);
  assertEquals([told, port.interest], [[50, 40], 0]);
  counts.push(30);
  host.pass(64_000);
  assertEquals([told, port.interest], [[50, 40, 30], 0]);
});

Deno.test("PortReader does not let those wait who are prompt", () => {
  const { host, counts, user, ready, port } = setUp();
  user.prompt = true;
  counts.push(64, 64, 0);
  host.pass(100_000);
  ready();
  assertEquals(port.interest, READABLE);
});

Deno.test("PortReader leaves packets in the port while they cannot be taken", () => {
  const { counts, told, user, ready, port, reader } = setUp();
  user.canTake = false;
  user.wantsRoom = true;
  reader.update();
  assertEquals(port.interest, WRITABLE);
  counts.push(5);
  ready();
  assertEquals([told, counts], [["room"], [5]]);
  user.canTake = true;
  user.wantsRoom = false;
  ready();
  assertEquals([told, port.interest], [["room", 5], READABLE]);
});

Deno.test("PortReader reports errors, and reads no more of a port that was closed for them", () => {
  const { counts, told, user, ready, port } = setUp();
  const error = new Error("refused");
  user.onError = (error) => {
    told.push(error);
    port.closed = true;
  };
  counts.push(64, error, 64);
  ready();
  assertEquals([told, counts], [[64, error], [64]]);
});
