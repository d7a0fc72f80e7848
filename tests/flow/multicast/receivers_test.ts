import { assertEquals } from "@std/assert";
import { type ArrivedReport, Receivers } from "../../../src/flow/multicast/receivers.ts";
import { SockAddr } from "../../../src/sys/address.ts";

const [HERE, ELSEWHERE] = ["192.0.2.1", "198.51.100.7"].map((host) => SockAddr.of(host, 5000));

function report(number: number, from: SockAddr, receiver?: string): ArrivedReport {
  const reception = {
    ...receiver !== undefined && { receiver },
    final: false,
    expected: number,
    received: number,
    duplicates: 0,
    socketDrops: 0,
    bad: 0,
    sharesClock: true,
  };
  return { from, sender: 0, number, reception, sent: 0, received: 0 };
}

function known({ reports }: Receivers) {
  return reports.map(({ address, senders: [sender] }) => [address, sender?.expected]);
}

Deno.test("a report that is replayed from another address makes no receiver", () => {
  const receivers = new Receivers(1);
  for (const number of [1, 2]) receivers.add(report(number, HERE, "a"));
  const replayed = [1, 2].map((number) => receivers.add(report(number, ELSEWHERE, "a")));
  assertEquals(known(receivers), [["192.0.2.1:5000", 2]]);
  // No acknowledgement goes there.
  assertEquals(replayed, [false, false]);
  // One that was overtaken is of the same address.
  assertEquals(receivers.add(report(1, HERE, "a")), true);
  assertEquals(known(receivers), [["192.0.2.1:5000", 2]]);
});

Deno.test("a receiver whose address changes, as behind a NAT, is still one receiver", () => {
  const receivers = new Receivers(1);
  receivers.add(report(1, HERE, "a"));
  receivers.add(report(2, ELSEWHERE, "a"));
  assertEquals(known(receivers), [["198.51.100.7:5000", 2]]);
  receivers.add(report(1, HERE, "b"));
  assertEquals(receivers.size, 2);
});

Deno.test("receivers that do not name themselves are known by their addresses", () => {
  const receivers = new Receivers(1);
  for (const from of [HERE, ELSEWHERE]) receivers.add(report(1, from));
  assertEquals(known(receivers), [["192.0.2.1:5000", 1], ["198.51.100.7:5000", 1]]);
});
