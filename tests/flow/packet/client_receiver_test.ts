import { assert, assertEquals } from "@std/assert";
import { AT_SERVER_TIME, AT_TIME, ECHO, flagsOf, REPLY, REVERSE } from "../../../src/flow/packet/header.ts";
import { samplesOf } from "../../../src/flow/records/read_chunk.ts";
import { type Datagram, FakeNetwork } from "./fake_network.ts";

const MS = 1e6;

/** What a client says of ten round trips of some milliseconds, with a server that claims how long it had the packets. */
function measure(serverTimes: readonly number[]): Record<string, number> {
  const network = new FakeNetwork();
  network.serve();
  network.dial({ flow: "voip", sender: [{ unresponsive: { wait: [10], duration: 100, echo: true } }] });
  const known = new Set<Datagram>();
  let replies = 0;
  for (let passed = 0; passed < 1000; passed++) {
    const onTheWay: Datagram[] = [];
    network.deliver((datagram) => {
      const view = new DataView(datagram.bytes.buffer);
      if (flagsOf(view, 0) !== (ECHO | REPLY) || known.has(datagram)) return true;
      const claim = serverTimes[replies++ % serverTimes.length];
      view.setBigUint64(AT_SERVER_TIME, view.getBigUint64(AT_TIME) + BigInt(claim));
      known.add(datagram);
      onTheWay.push(datagram);
      return false;
    });
    network.host.pass(MS);
    network.wire.push(...onTheWay);
  }
  assertEquals([replies, network.host.result!.received], [10, 10]);
  return network.host.result!;
}

Deno.test("ClientReceiver leaves the time at the server out of round trips", () => {
  const honest = measure([0]), busy = measure([0.2 * MS]);
  assertEquals([honest.rttMinMicros, busy.rttMinMicros], [1000, 800]);
  assertEquals(busy.rttMeanMicros, honest.rttMeanMicros - 200);
});

Deno.test("ClientReceiver has no round trips of a server that claims what cannot be", () => {
  const { rttMicros, rttMinMicros, rttMeanMicros, rttMaxMicros } = measure([-1, 2 * MS, 2 ** 52, -(2 ** 60)]);
  assertEquals([rttMicros, rttMinMicros, rttMeanMicros, rttMaxMicros], Array(4).fill(undefined));
});

Deno.test("ClientReceiver records when a sender at the server was to send a packet, and when it did", () => {
  const network = new FakeNetwork();
  const server = network.serve();
  network.dial({ flow: "voip", sender: [{ unresponsive: { wait: [10], duration: 100, reverse: true } }] });
  const known = new Set<Datagram>();
  for (let passed = 0; passed < 500; passed++) {
    const onTheWay: Datagram[] = [];
    network.deliver((datagram) => {
      if (flagsOf(new DataView(datagram.bytes.buffer), 0) !== REVERSE || known.has(datagram)) return true;
      known.add(datagram);
      onTheWay.push(datagram);
      return false;
    });
    // For a while there is no room to send.
    if (passed === 10) server.room = 0;
    if (passed === 15) server.makeRoom(Infinity);
    network.host.pass(3 * MS);
    network.wire.push(...onTheWay);
  }
  const samples = network.host.chunks.flatMap(({ chunk }) =>
    chunk.kind === "packetIO" ? Array.from(samplesOf<"packetIO">(chunk), (sample) => ({ ...sample })) : []
  );
  const received = samples.filter(({ server, sent }) => !server && !sent);
  const sent = samples.filter(({ server, sent }) => server && sent);
  assertEquals([received.length, sent.length], [10, 10]);
  for (const [i, { t, serverReceived, serverTime }] of received.entries()) {
    // Flows have times of their own at each end.
    assertEquals(t + serverReceived + serverTime - received[0].t - received[0].serverReceived, sent[i].t - sent[0].t);
    assertEquals(serverTime, sent[i].t - sent[i].scheduled);
  }
  assert(received.some(({ serverTime }) => serverTime > 0));
});
