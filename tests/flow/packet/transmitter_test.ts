import { assert, assertEquals, assertThrows } from "@std/assert";
import type { UnresponsiveConfig } from "../../../src/flow/config.ts";
import { Hmac } from "../../../src/flow/hmac.ts";
import {
  AT_SERVER_TIME,
  AT_TIME,
  FlowName,
  isHeaderSigned,
  isPacket,
  numberOf,
  senderOf,
  WireTime,
} from "../../../src/flow/packet/header.ts";
import type { FlowClock, OutgoingPackets } from "../../../src/flow/packet/packet_port.ts";
import { PacketSender } from "../../../src/flow/packet/packet_sender.ts";
import { Transmitter } from "../../../src/flow/packet/transmitter.ts";
import { SystemError } from "../../../src/sys/errno.ts";
import { TineError } from "../../../src/base/errors.ts";

const MS = 1e6;

/** A clock that goes on when it is told to. */
class TestClock implements FlowClock {
  readonly tinit = 1_700_000_000_000_000_000n;
  time = 0;

  now(): number {
    return this.time;
  }

  checkWallClock(): number {
    return 0;
  }
}

/** What the network does with the next calls. */
type Outcome = number | SystemError;

/** An outbox that keeps what was sent. */
class TestOutbox implements OutgoingPackets {
  readonly packets: Uint8Array[] = [];
  readonly outcomes: Outcome[] = [];
  calls = 0;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly #slots: { length: number; segment: number }[];

  constructor(readonly capacity: number, readonly maxBytes = 2000) {
    this.bytes = new Uint8Array(capacity * maxBytes);
    this.view = new DataView(this.bytes.buffer);
    this.#slots = Array.from({ length: capacity }, () => ({ length: 0, segment: 0 }));
  }

  place(i: number): number {
    return i * this.maxBytes;
  }

  setLength(i: number, bytes: number): void {
    this.#slots[i].length = bytes;
  }

  setFragment(): void {}

  setSegmentBytes(i: number, bytes: number): void {
    this.#slots[i].segment = bytes;
  }

  reply(): void {}

  send(from: number, count: number): number {
    this.calls++;
    const outcome = this.outcomes.shift() ?? count;
    if (outcome instanceof SystemError) throw outcome;
    for (let i = from; i < from + outcome; i++) {
      const { length, segment } = this.#slots[i], place = this.place(i);
      const step = segment || length;
      for (let at = 0; at < length; at += step) {
        this.packets.push(this.bytes.slice(place + at, place + Math.min(length, at + step)));
      }
    }
    return outcome;
  }

  [Symbol.dispose](): void {}
}

/** A packet, or a burst, as it is recorded. */
interface Sent {
  readonly sender: number;
  readonly number: number;
  readonly packets: number;
  readonly length: number;
  readonly t: number;
  readonly scheduled: number;
}

function setUp(configs: UnresponsiveConfig[], { capacity = 16, key = false, maxBytes = 2000 } = {}) {
  const clock = new TestClock();
  const outgoing = new TestOutbox(capacity, maxBytes);
  const senders = configs.map((config, i) => new PacketSender(i, config, key));
  const sent: Sent[] = [], errors: SystemError[] = [];
  const hmac = key ? new Hmac(Uint8Array.of(1)) : undefined;
  const transmitter = new Transmitter(senders, outgoing, {
    flow: new FlowName("voip"),
    clock,
    hmac,
    onSent: ({ flags: _, ...packets }) => sent.push(packets),
    onError: (error) => errors.push(error),
  });
  for (const sender of senders) sender.start(0);
  return { clock, outgoing, senders, sent, errors, transmitter, hmac };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

Deno.test("Transmitter.run() sends when packets are due, and says when the next one is", () => {
  const { clock, outgoing, sent, transmitter } = setUp([{ wait: [20, 30], length: [100, 200], duration: 100 }]);
  const wakes: number[] = [];
  for (let next = 0; next !== Infinity; wakes.push(next)) {
    clock.time = next;
    next = transmitter.run();
  }
  assertEquals(wakes, [20 * MS, 50 * MS, 70 * MS, Infinity]);
  assertEquals(sent.map(({ t, scheduled, number, length }) => [t / MS, scheduled / MS, number, length]), [
    [0, 0, 0, 100],
    [20, 20, 1, 200],
    [50, 50, 2, 100],
    [70, 70, 3, 200],
  ]);
  assert(transmitter.over);
  for (const [i, packet] of outgoing.packets.entries()) {
    const view = viewOf(packet);
    assert(isPacket(view, 0, packet.length));
    assertEquals([numberOf(view, 0), senderOf(view, 0)], [i, 0]);
    assertEquals(new WireTime(clock.tinit).read(view, 16), sent[i].t);
  }
});

Deno.test("Transmitter.run() neither drifts nor skips when it is called late", () => {
  const { clock, sent, transmitter } = setUp([{ wait: [10], duration: 100 }]);
  transmitter.run();
  clock.time = 13 * MS;
  assertEquals(transmitter.run(), 20 * MS);
  clock.time = 57 * MS;
  assertEquals(transmitter.run(), 60 * MS);
  assertEquals(sent.map(({ t, scheduled }) => [t / MS, scheduled / MS]), [
    [0, 0],
    [13, 10],
    [57, 20],
    [57, 30],
    [57, 40],
    [57, 50],
  ]);
});

Deno.test("Transmitter.run() counts what it did not get to before the end", () => {
  const { clock, senders, transmitter } = setUp([{ wait: [10], duration: 100 }]);
  transmitter.run();
  clock.time = 200 * MS;
  assertEquals(transmitter.run(), Infinity);
  assertEquals([senders[0].sent, senders[0].unsent, transmitter.over], [1, 9, true]);
});

Deno.test("Transmitter.run() keeps the schedules of several senders, earliest first", () => {
  const { clock, sent, transmitter } = setUp([{ wait: [10], duration: 30 }, { wait: [7], duration: 30 }]);
  clock.time = 25 * MS;
  transmitter.run();
  assertEquals(sent.map(({ sender, scheduled }) => [scheduled / MS, sender]), [
    [0, 0],
    [0, 1],
    [7, 1],
    [10, 0],
    [14, 1],
    [20, 0],
    [21, 1],
  ]);
});

Deno.test("Transmitter.run() lets senders without a pace share what the others leave", () => {
  const max = { rate: "max" as const, duration: 100 };
  const { clock, senders, transmitter } = setUp([max, { wait: [10], duration: 100 }, max]);
  clock.time = 35 * MS;
  assert(transmitter.run() <= clock.time);
  assertEquals(senders.map(({ sent }) => sent), [30, 4, 30]);
  clock.time = 100 * MS;
  transmitter.run();
  assert(transmitter.over);
});

Deno.test("Transmitter.run() goes on where there was no room, with fresh times", () => {
  const { clock, outgoing, sent, transmitter } = setUp([{ wait: [1], duration: 10 }]);
  clock.time = 5 * MS;
  outgoing.outcomes.push(2, -1);
  transmitter.run();
  assert(transmitter.blocked);
  clock.time = 6 * MS;
  transmitter.run();
  assert(!transmitter.blocked);
  assertEquals(sent.map(({ number, t }) => [number, t / MS]), [[0, 5], [1, 5], [2, 6], [3, 6], [4, 6], [5, 6], [6, 6]]);
  assertEquals(outgoing.packets.map((packet) => new WireTime(clock.tinit).read(viewOf(packet), 16) / MS), [
    5,
    5,
    6,
    6,
    6,
    6,
    6,
  ]);
});

Deno.test("Transmitter.run() ends on time although there is never room", () => {
  const { clock, outgoing, senders, transmitter } = setUp([{ wait: [1], duration: 10 }], { capacity: 4 });
  for (let i = 0; i < 10; i++) outgoing.outcomes.push(-1);
  clock.time = 5 * MS;
  const end = transmitter.run();
  assertEquals(end, 110 * MS);
  clock.time = end;
  assertEquals(transmitter.run(), Infinity);
  assertEquals([senders[0].sent, senders[0].unsent, transmitter.over], [0, 10, true]);
});

Deno.test("Transmitter.run() tries once more after an error, which may be about an earlier packet", () => {
  const { clock, outgoing, senders, errors, transmitter } = setUp([{ wait: [1], duration: 10 }]);
  const unreachable = new SystemError("sendmmsg", 101);
  outgoing.outcomes.push(unreachable, 2, unreachable, unreachable);
  clock.time = 4 * MS;
  transmitter.run();
  assertEquals([senders[0].sent, senders[0].errors, errors], [4, 1, [unreachable]]);
});

Deno.test("Transmitter.run() records packets without a pace by the call that sent them, and by their length", () => {
  const { clock, outgoing, sent, senders, transmitter } = setUp([{ rate: "max", length: [100], duration: 5 }], {
    capacity: 8,
  });
  const eperm = new SystemError("sendmmsg", 1);
  outgoing.outcomes.push(3, eperm, eperm, 2, -1);
  transmitter.run();
  assert(transmitter.blocked);
  assertEquals(sent.map(({ number, packets }) => [number, packets]), [[0, 3], [4, 2]]);
  // What still waits is over with its sender.
  outgoing.outcomes.push(1, -1);
  transmitter.run();
  clock.time = 5 * MS;
  outgoing.outcomes.push(-1);
  transmitter.run();
  assert(transmitter.over);
  assertEquals(outgoing.packets.map((packet) => numberOf(viewOf(packet), 0)), [0, 1, 2, 4, 5, 6]);
  assertEquals([senders[0].sent, senders[0].errors, senders[0].unsent], [6, 1, 1]);

  const mixed = setUp([{ rate: "max", length: [100, 100, 200], packets: 7, duration: 5 }], { capacity: 4 });
  mixed.transmitter.run();
  assertEquals(
    mixed.sent.map(({ number, packets, length }) => [number, packets, length]),
    [[0, 2, 100], [2, 1, 200], [3, 1, 100], [4, 1, 100], [5, 1, 200], [6, 1, 100]],
  );
  assertEquals(mixed.outgoing.packets.map(({ length }) => length), [100, 100, 200, 100, 100, 200, 100]);
});

Deno.test("Transmitter.run() fails for packets that are too long for the path", () => {
  const { outgoing, transmitter } = setUp([{ length: [1500], duration: 10 }]);
  outgoing.outcomes.push(new SystemError("sendmmsg", 90));
  const error = assertThrows(() => transmitter.run(), TineError, "a packet of 1500 bytes is longer than the path");
  assertEquals(error.code, "packet-too-long");
});

Deno.test("Transmitter.run() makes bursts of packets of one length", () => {
  const { clock, outgoing, sent, senders, transmitter } = setUp(
    [{ rate: { packetsPerSecond: 10_000 }, length: [100, 100, 100, 60], gso: true, duration: 2 }],
    { maxBytes: 65_507 },
  );
  transmitter.run();
  clock.time = 1 * MS;
  transmitter.run();
  assertEquals(sent.map(({ number, packets, length, scheduled }) => [number, packets, length, scheduled / MS]), [
    [0, 3, 100, 0],
    [3, 1, 60, 0.3],
    [4, 3, 100, 0.4],
    [7, 1, 60, 0.7],
    [8, 3, 100, 0.8],
  ]);
  assertEquals(outgoing.packets.map((packet) => numberOf(viewOf(packet), 0)), outgoing.packets.map((_, i) => i));
  assertEquals(senders[0].sent, outgoing.packets.length);
});

Deno.test("Transmitter.run() signs each packet, those of bursts too", () => {
  const { outgoing, transmitter, hmac } = setUp([{ rate: "max", length: [100], gso: true, duration: 1 }], {
    key: true,
    capacity: 2,
    maxBytes: 65_507,
  });
  transmitter.run();
  assertEquals(outgoing.packets.length, 4 * 2 * 64);
  for (const packet of outgoing.packets) {
    assert(isPacket(viewOf(packet), 0, 100) && isHeaderSigned(hmac!, packet, 0));
  }
});

Deno.test("Transmitter.run() does not count writing as time on the way, whatever comes between", () => {
  const { clock, outgoing, sent, transmitter } = setUp([{ wait: [10], duration: 100 }]);
  const stampOf = (i: number) => new WireTime(clock.tinit).read(viewOf(outgoing.packets[i]), AT_TIME);
  // Each look at the clock takes so long: that is what writing takes, too.
  let step = 4000;
  clock.now = () => clock.time += step;
  for (let i = 0; i < 9; i++) {
    clock.time = i * 10 * MS;
    transmitter.run();
    const early = sent[i].t - stampOf(i);
    assert(early >= 0 && early <= (i < 8 ? step : step / 4), `${early}`);
  }
  step = 1 * MS;
  clock.time = 90 * MS;
  transmitter.run();
  // It is written anew, which takes its time again.
  assertEquals(sent[9].t - stampOf(9), step);
});

Deno.test("Transmitter.run() has packets of a server tell when they were due", () => {
  const { clock, outgoing, transmitter } = setUp([
    { wait: [10], duration: 15, reverse: true },
    { rate: "max", duration: 15, reverse: true },
    { wait: [10], duration: 15 },
  ], { capacity: 3 });
  clock.time = 3 * MS;
  transmitter.run();
  const due = outgoing.packets.slice(0, 3).map((packet) => [
    senderOf(viewOf(packet), 0),
    new WireTime(clock.tinit).read(viewOf(packet), AT_SERVER_TIME),
  ]);
  const none = new WireTime(clock.tinit).read(new DataView(new ArrayBuffer(8)), 0);
  assertEquals(due.toSorted(([a], [b]) => a - b), [[0, 0], [1, 3 * MS], [2, none]]);
});
