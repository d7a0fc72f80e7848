import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { ArrivalTimes, DuplicateWindow, WINDOW } from "../../../src/flow/packet/arrivals.ts";
import { Random } from "../../support/random.ts";
import { CLOSE_BYTES, closePacket, readTotals, SHORT_CLOSE_BYTES } from "../../../src/flow/packet/control_packet.ts";
import { FlowName, WireTime } from "../../../src/flow/packet/header.ts";

Deno.test("DuplicateWindow.accept() takes each number once", () => {
  const window = new DuplicateWindow();
  for (const number of [0, 1, 5, 3, 2, 4]) assert(window.accept(number));
  for (const number of [5, 0, 3]) assert(!window.accept(number));
  assertEquals([window.accepted, window.refused, window.next], [6, 3, 6]);
});

Deno.test("DuplicateWindow.accept() refuses what is too old to be known", () => {
  const window = new DuplicateWindow();
  window.accept(WINDOW + 10);
  assert(!window.accept(10));
  assert(window.accept(11));
  assert(!window.accept(11));
  window.accept(2 ** 40);
  assert(!window.accept(WINDOW + 9));
  assert(window.accept(2 ** 40 - 1));
});

Deno.test("DuplicateWindow.accept() agrees with a memory without bounds", () => {
  const random = new Random(7);
  for (let round = 0; round < 20; round++) {
    const window = new DuplicateWindow();
    const seen = new Set<number>();
    let high = 0;
    const reach = 1 + random.below(round < 10 ? 100 : 2 * WINDOW);
    for (let i = 0; i < 20_000; i++) {
      if (random.oneIn(3)) high += random.below(1 + random.below(reach));
      const number = Math.max(0, high - random.below(reach));
      const known = number < window.next && (number < window.next - WINDOW || seen.has(number));
      assertEquals(window.accept(number), !known, `${number} of ${window.next}`);
      seen.add(number);
    }
    assertEquals(window.accepted + window.refused, 20_000);
  }
});

/** A server's clock that is years ahead. */
const AHEAD = 2 ** 51;

function arrivals(packets: readonly (readonly [number: number, delay: number])[]) {
  const times = new ArrivalTimes();
  for (const [number, delay] of packets) times.add(number, AHEAD + delay);
  return times.totals!;
}

Deno.test("ArrivalTimes has delays, and IPDV of neighbours that arrived one after the other", () => {
  assertEquals(new ArrivalTimes().totals, undefined);
  const one = arrivals([[0, 100]]);
  assertEquals([one.delay, one.ipdv], [{ count: 1, min: AHEAD + 100, mean: AHEAD + 100, max: AHEAD + 100 }, undefined]);
  // Number 3 is lost.
  const { delay, ipdv, reordered } = arrivals([[0, 100], [1, 130], [2, 120], [4, 500], [5, 480]]);
  assertEquals(delay, { count: 5, min: AHEAD + 100, mean: AHEAD + 266, max: AHEAD + 500 });
  assertEquals([ipdv, reordered], [{ count: 3, min: 10, mean: 20, max: 30 }, 0]);
});

Deno.test("ArrivalTimes counts packets that arrive after later ones", () => {
  assertEquals(arrivals([[0, 1], [3, 1], [1, 1], [2, 1], [4, 1]]).reordered, 2);
});

Deno.test("ArrivalTimes has the jitter of RFC 3550", () => {
  const delays = [0, 160, 0, 160];
  const { jitterNanos } = arrivals(delays.map((delay, number) => [number, delay]));
  assertAlmostEquals(jitterNanos, 10 + (160 - 10) / 16 + (160 - 10 - 150 / 16) / 16);
});

Deno.test("closePacket() carries what a server knows of arrivals, whatever the clocks", () => {
  const flow = new FlowName("voip");
  const counts = {
    received: 2 ** 40,
    duplicates: 1,
    reverseSent: 2,
    reverseSendErrors: 3,
    reverseUnsent: 4,
    socketDrops: 5,
    bad: 6,
  };
  const of = (ahead: number, ipdv = true) => ({
    ...counts,
    arrivals: {
      reordered: 7,
      delay: { count: 8, min: ahead - 1, mean: ahead, max: ahead + 1 },
      ipdv: ipdv ? { count: 9, min: 10, mean: 11, max: 12 } : undefined,
      jitterNanos: 13,
    },
  });
  for (const totals of [of(AHEAD), of(-AHEAD), of(0), of(-(2 ** 32), false), { ...counts, arrivals: undefined }]) {
    const packet = { flow, sender: 0, hmac: undefined, attempt: 1, time: new WireTime(0n), t: 5 };
    for (const lengthBytes of [CLOSE_BYTES, SHORT_CLOSE_BYTES]) {
      const isLong = lengthBytes === CLOSE_BYTES;
      const more = { marked: 14, echoErrors: 15, trouble: { text: "no route", fatal: true }, pathMtuBytes: 1300 };
      const bytes = closePacket({ ...packet, reply: { totals: { ...totals, ...more }, sent: 6 }, lengthBytes });
      // An end of an earlier version learns what it knows how to read.
      assertEquals(readTotals(new DataView(bytes.buffer), bytes.length), { ...totals, ...isLong && more });
      assertEquals(bytes.length, lengthBytes);
    }
    assertEquals(closePacket(packet).length, CLOSE_BYTES);
  }
});

Deno.test("closePacket() says that all was sent, and that is no trouble", () => {
  const packet = { flow: new FlowName("voip"), sender: 0, hmac: undefined, attempt: 0, time: new WireTime(0n), t: 5 };
  const counts = { received: 0, duplicates: 0, reverseSent: 2, reverseSendErrors: 0, reverseUnsent: 0 };
  const totals = { ...counts, socketDrops: 0, bad: 0, ended: true, pathMtuBytes: 1500 };
  const bytes = closePacket({ ...packet, reply: { totals, sent: 6 } });
  const { ended, trouble, pathMtuBytes } = readTotals(new DataView(bytes.buffer), bytes.length)!;
  assertEquals([ended, trouble, pathMtuBytes], [true, undefined, 1500]);
});

Deno.test("readTotals() takes no counts and distances below zero", () => {
  const arrivals = { reordered: 7, delay: { count: 8, min: -3, mean: -2, max: -1 }, jitterNanos: 13 };
  const counts = { received: 1, duplicates: 1, reverseSent: 2, reverseSendErrors: 3, reverseUnsent: 4, socketDrops: 5 };
  const more = { marked: undefined, echoErrors: 0, trouble: undefined };
  const totals = {
    ...counts,
    ...more,
    bad: 6,
    arrivals: { ...arrivals, ipdv: { count: 9, min: 10, mean: 11, max: 12 } },
  };
  const packet = { flow: new FlowName("voip"), sender: 0, hmac: undefined, attempt: 1, time: new WireTime(0n), t: 5 };
  const read = (told: typeof totals) => {
    const bytes = closePacket({ ...packet, reply: { totals: told, sent: 6 } });
    return readTotals(new DataView(bytes.buffer), bytes.length);
  };
  assertEquals(read(totals), totals);
  for (const key of [...Object.keys(counts), "bad", "echoErrors"]) {
    assertEquals(read({ ...totals, [key]: -1 }), undefined, key);
  }
  for (const told of [{ reordered: -1 }, { jitterNanos: -1 }, { ipdv: { count: -1, min: 10, mean: 11, max: 12 } }]) {
    assertEquals(read({ ...totals, arrivals: { ...totals.arrivals, ...told } }), undefined);
  }
});

Deno.test("readTotals() cuts what a server says of its trouble to the room there is, and takes no more than that", () => {
  const flow = new FlowName("voip");
  const packet = { flow, sender: 0, hmac: undefined, attempt: 1, time: new WireTime(0n), t: 5 };
  const counts = { received: 0, duplicates: 0, reverseSent: 0, reverseSendErrors: 0, reverseUnsent: 0 };
  const totals = { ...counts, socketDrops: 0, bad: 0, trouble: { text: "x".repeat(1000), fatal: false } };
  const bytes = closePacket({ ...packet, reply: { totals, sent: 6 } }), view = new DataView(bytes.buffer);
  assertEquals(readTotals(view, bytes.length)?.trouble, { text: "x".repeat(281), fatal: false });
  // An end of an earlier version has text where the path MTU stands.
  view.setUint16(209, 285);
  assertEquals(readTotals(view, bytes.length)?.pathMtuBytes, undefined);
  view.setUint16(209, 286);
  assertEquals(readTotals(view, bytes.length)?.trouble, undefined);
});
