import { assert, assertEquals } from "@std/assert";
import { Hmac } from "../../../src/flow/hmac.ts";
import { MAX_SESSIONS } from "../../../src/flow/stamp/session.ts";
import { SockAddr } from "../../../src/sys/address.ts";
import { Random } from "../../support/random.ts";
import { FakeNetwork } from "../packet/fake_network.ts";

const SECOND = 1e9;
const reflector = SockAddr.parse("192.0.2.1:862");
const sender = SockAddr.parse("192.0.2.9:5000");
const KEY = new TextEncoder().encode("a secret that both ends know");

/** Sends a packet to the reflector, and returns what comes back. */
function ask(network: FakeNetwork, bytes: Uint8Array<ArrayBuffer>, from = sender): Uint8Array<ArrayBuffer>[] {
  network.wire.push({ from, to: reflector, bytes });
  const answers: Uint8Array<ArrayBuffer>[] = [];
  network.deliver(({ to, bytes }) => {
    if (!to.equals(reflector)) {
      assertEquals(to, from);
      answers.push(bytes);
    }
    return true;
  });
  return answers;
}

function packet(number: number, length = 44, ssid = 0): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(length));
  view.setUint32(0, number);
  view.setBigUint64(4, 0x1122_3344_5566_7788n);
  view.setUint16(12, 0x9abc & ~0x4000);
  view.setUint16(14, ssid);
  return new Uint8Array(view.buffer);
}

function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

Deno.test("stampReflectorFlow() copies what the sender sent, and adds its own number, times and error", () => {
  const network = new FakeNetwork();
  network.reflect();
  const [reply, ...others] = ask(network, packet(7, 44, 0x1234));
  assertEquals([reply.length, others.length], [44, 0]);
  const view = viewOf(reply);
  assertEquals([view.getUint32(0), view.getUint16(14)], [0, 0x1234]);
  assertEquals(view.getUint32(24), 7);
  assertEquals(view.getBigUint64(28), 0x1122_3344_5566_7788n);
  assertEquals([view.getUint16(36), view.getUint16(38)], [0x9abc & ~0x4000, 0]);
  // A network without TTL.
  assertEquals(view.getUint32(40), 0xff00_0000);
  assert((view.getUint16(12) & 0xff) > 0);
  assertEquals(view.getUint16(12) & 0xc000, 0);
  const [received, sent] = [view.getBigUint64(16), view.getBigUint64(4)];
  assert(received > 0n && sent >= received);
});

Deno.test("stampReflectorFlow() counts for each address and each session identifier", () => {
  const network = new FakeNetwork();
  network.reflect();
  const other = SockAddr.parse("192.0.2.9:5001");
  const numbers = (from: SockAddr, ssid: number, ...sent: number[]) =>
    sent.map((number) => viewOf(ask(network, packet(number, 44, ssid), from)[0]).getUint32(0));
  assertEquals(numbers(sender, 0, 0, 3, 4, 4), [0, 1, 2, 3]);
  assertEquals(numbers(other, 0, 9), [0]);
  assertEquals(numbers(sender, 5, 1, 2), [0, 1]);
  assertEquals(numbers(sender, 0, 5), [4]);
});

Deno.test("stampReflectorFlow() sends numbers back where it is stateless", () => {
  const network = new FakeNetwork();
  network.reflect({ stateless: true });
  const numbers = [4, 9, 9, 2 ** 32 - 1].map((number) => viewOf(ask(network, packet(number))[0]).getUint32(0));
  assertEquals(numbers, [4, 9, 9, 2 ** 32 - 1]);
});

Deno.test("stampReflectorFlow() answers with the length of the packet, never more, and nothing shorter than 41 bytes", () => {
  const network = new FakeNetwork();
  network.reflect();
  for (const length of [41, 42, 43, 44, 45, 48, 100, 1480]) {
    assertEquals(ask(network, packet(1, length)).map((reply) => reply.length), [length]);
  }
  for (const length of [0, 1, 4, 14, 40]) assertEquals(ask(network, packet(1).slice(0, length)), []);
  network.pass(1.5 * SECOND);
  assertEquals(network.host.logs, [
    "5 packets shorter than 41 bytes or longer than 1480: not answered",
  ]);
});

Deno.test("stampReflectorFlow() answers in the format of the packet's times, NTP or PTP", () => {
  const network = new FakeNetwork();
  network.reflect();
  network.pass(2.5 * SECOND);
  const ntp = viewOf(ask(network, packet(0))[0]);
  assertEquals([ntp.getUint32(16), ntp.getUint32(20)], [2_208_988_802, 2 ** 31]);
  const asked = packet(1);
  asked[12] |= 0x40;
  const ptp = viewOf(ask(network, asked)[0]);
  assertEquals([ptp.getUint32(16), ptp.getUint32(20)], [2, 500_000_000]);
  assertEquals(ptp.getUint16(12) & 0x4000, 0x4000);
});

Deno.test("stampReflectorFlow() knows padding, and marks other extensions and malformed ones", () => {
  const network = new FakeNetwork();
  network.reflect();
  const asked = packet(0, 44 + 8 + 6 + 9);
  const extensions = [0x80, 1, 0, 4, 1, 2, 3, 4, 0x80, 4, 0, 2, 5, 6, 0x80, 7, 1, 0, 9, 9, 9, 9, 9];
  asked.set(extensions, 44);
  const [reply] = ask(network, asked);
  const answered = [0, 1, 0, 4, 1, 2, 3, 4, 0x80, 4, 0, 2, 5, 6, 0x40, 7, 1, 0, 9, 9, 9, 9, 9];
  assertEquals([...reply.subarray(44)], answered);
  // The padding of TWAMP stays as it is.
  assertEquals([...ask(network, packet(1, 1000))[0].subarray(44)], Array(956).fill(0));
});

Deno.test("stampReflectorFlow() signs with the key, and answers only what is signed with it", () => {
  const network = new FakeNetwork();
  network.reflect({}, KEY);
  const view = new DataView(new ArrayBuffer(112)), bytes = new Uint8Array(view.buffer);
  view.setUint32(0, 3);
  view.setBigUint64(16, 0x1122_3344_5566_7788n);
  view.setUint16(24, 0x1234);
  assertEquals(ask(network, bytes), []);
  const hmac = new Hmac(KEY);
  hmac.sign(bytes, 0, 96, 96, 16);
  const [reply] = ask(network, bytes.slice());
  const answer = viewOf(reply);
  assertEquals([reply.length, hmac.verify(reply, 0, 96, 96, 16)], [112, true]);
  assertEquals([answer.getUint32(48), answer.getBigUint64(64), answer.getUint16(72)], [
    3,
    0x1122_3344_5566_7788n,
    0x1234,
  ]);
  assertEquals(answer.getUint8(80), 255);
  bytes[100] ^= 1;
  assertEquals(ask(network, bytes.slice()), []);
  assertEquals(ask(network, bytes.slice(0, 44)), []);
});

Deno.test("stampReflectorFlow() reports a session when it falls silent, and goes on with its numbers later", () => {
  const network = new FakeNetwork();
  network.reflect();
  for (let number = 0; number < 5; number++) {
    ask(network, packet(number === 3 ? 2 : number));
    network.pass(0.1 * SECOND);
  }
  network.pass(12 * SECOND);
  const last = () => network.host.aggregates.at(-1)!.values;
  const { received, duplicates, sent, running, elapsedNanos, bytesReceived, bytesSent } = last();
  assertEquals([received, duplicates, sent, running], [4, 1, 5, undefined]);
  assertEquals([elapsedNanos, bytesReceived, bytesSent], [0.4 * SECOND, 4 * 44, 5 * 44]);
  assertEquals(viewOf(ask(network, packet(9))[0]).getUint32(0), 5);
  network.pass(1 * SECOND);
  assertEquals(network.host.infos.map(({ flow, values }) => [flow, values.client, values.protocol]), [
    ["stamp.1", "192.0.2.9:5000", "stamp"],
    ["stamp.1", "192.0.2.9:5000", "stamp"],
  ]);
  assertEquals(last().received, 5);
});

Deno.test("stampReflectorFlow() takes a sender that begins anew, from the same port, for another session", () => {
  const network = new FakeNetwork();
  network.reflect();
  const at = (number: number, seconds: number) => {
    const bytes = packet(number);
    viewOf(bytes).setUint32(4, seconds);
    return bytes;
  };
  const numberOf = (bytes: Uint8Array<ArrayBuffer>) => viewOf(ask(network, bytes)[0]).getUint32(0);
  for (let number = 0; number < 5; number++) assertEquals(numberOf(at(number, 100 + number)), number);
  network.pass(SECOND);
  // The first one once more, late.
  assertEquals(numberOf(at(0, 100)), 5);
  network.pass(SECOND);
  for (let number = 0; number < 3; number++) assertEquals(numberOf(at(number, 200 + number)), number);
  // One that is sent all too soon is of no new one.
  assertEquals(numberOf(at(0, 300)), 3);
  network.pass(SECOND);
  const last = new Map(network.host.aggregates.map(({ flow, values }) => [flow, values]));
  const counts = Array.from(last, ([flow, { received, duplicates }]) => [flow, received, duplicates]);
  assertEquals(counts, [["stamp.1", 5, 1], ["stamp.2", 3, 1]]);
});

Deno.test("stampReflectorFlow() answers senders beyond its limit of sessions too, with the numbers of their packets", () => {
  const network = new FakeNetwork();
  network.reflect();
  const numberOf = (number: number, i: number) =>
    viewOf(ask(network, packet(number), SockAddr.of("192.0.2.77", 1000 + i))[0]).getUint32(0);
  for (let i = 0; i < MAX_SESSIONS; i++) for (const number of [0, 1]) assertEquals(numberOf(number, i), number);
  const one = MAX_SESSIONS;
  assertEquals([0, 2].map((number) => numberOf(number, one)), [0, 2]);
  network.pass(2 * SECOND, 1e8);
  assert(network.host.logs.some((line) => line.includes("2 packets of too many sessions: answered, and not counted")));
  // A sender that goes on keeps its session, and its count.
  assertEquals(numberOf(5, 5), 2);
  network.pass(9 * SECOND, 1e8);
  // The others are silent for long: one of them gives its place away, and numbers go on from those that were sent.
  assertEquals([4, 9, 10].map((number) => numberOf(number, one)), [4, 5, 6]);
  assertEquals(numberOf(9, 5), 3);
});

Deno.test("stampReflectorFlow() gives the places of senders of one packet, maybe forged, to others soon", () => {
  const network = new FakeNetwork();
  network.reflect();
  const numberOf = (number: number, port: number) =>
    viewOf(ask(network, packet(number), SockAddr.of("192.0.2.77", port))[0]).getUint32(0);
  const forge = () => {
    for (let i = 0; i < MAX_SESSIONS; i++) ask(network, packet(0), SockAddr.of("198.51.100.1", 1000 + i));
  };
  for (const number of [0, 2]) numberOf(number, 7);
  forge();
  // One that was there before keeps its count whatever strangers do.
  assertEquals(numberOf(4, 7), 2);
  for (const number of [0, 1]) assertEquals(numberOf(number, 8), number);
  network.pass(1.5 * SECOND, 1e8);
  // A new one gets a place, and is counted from then on.
  assertEquals([5, 8, 9].map((number) => numberOf(number, 8)), [5, 6, 7]);
  forge();
  assertEquals([numberOf(6, 7), numberOf(11, 8)], [3, 8]);
});

Deno.test("stampReflectorFlow() does not answer what another reflector has sent for one of its replies", () => {
  for (const key of [undefined, KEY]) {
    const network = new FakeNetwork();
    network.reflect({}, key);
    network.pass(1.5 * SECOND);
    const view = new DataView(new ArrayBuffer(key === undefined ? 44 : 112)), forged = new Uint8Array(view.buffer);
    const sign = (bytes: Uint8Array) => key && new Hmac(key).sign(bytes, 0, 96, 96, 16);
    sign(forged);
    const [first] = ask(network, forged);
    // What the other one makes of it, with a clock that is years behind.
    const at = key === undefined ? { from: 4, to: 28, error: 36 } : { from: 16, to: 64, error: 72 };
    const answer = first.slice();
    answer.set(first.subarray(at.from, at.from + 10), at.to);
    answer.fill(0, at.from, at.from + 8);
    sign(answer);
    network.pass(0.2 * SECOND);
    assertEquals(ask(network, answer), []);
    network.pass(1.5 * SECOND);
    assertEquals(network.host.logs, ["1 reply of other reflectors: not answered"]);
  }
});

Deno.test("stampReflectorFlow() survives random packets, and answers with no more bytes than they have", () => {
  const random = new Random(7);
  for (const key of [undefined, KEY]) {
    const network = new FakeNetwork();
    network.reflect({}, key);
    for (let i = 0; i < 3000; i++) {
      const bytes = random.bytes(random.below(300));
      for (const reply of ask(network, bytes)) {
        assertEquals(reply.length, bytes.length);
        assertEquals(viewOf(reply).getUint32(24), viewOf(bytes).getUint32(0));
      }
    }
    assertEquals(network.host.error, undefined);
  }
});
