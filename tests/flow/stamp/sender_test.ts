import { assert, assertEquals } from "@std/assert";
import type { PacketClientConfig, UnresponsiveConfig } from "../../../src/flow/config.ts";
import { PacketAnalysis, type PacketFigures } from "../../../src/flow/analysis/mod.ts";
import type { Chunk } from "../../../src/flow/records/read_chunk.ts";
import { decodeReport } from "../../../src/flow/report_values.ts";
import type { PacketReport } from "../../../src/flow/report.ts";
import { TineError } from "../../../src/base/errors.ts";
import { SystemError } from "../../../src/sys/errno.ts";
import { SockAddr } from "../../../src/sys/address.ts";
import { Random } from "../../support/random.ts";
import { type Datagram, FakeNetwork } from "../packet/fake_network.ts";

const SECOND = 1e9;
const MS = 1e6;
const reflector = SockAddr.parse("192.0.2.1:862");
const KEY = new TextEncoder().encode("a secret that both ends know");

function config(
  sender: Partial<UnresponsiveConfig> = {},
  stamp: PacketClientConfig["stamp"] = {},
  more: Partial<PacketClientConfig> = {},
): PacketClientConfig {
  return { flow: "router", stamp, sender: [{ unresponsive: { wait: [10], duration: 1000, ...sender } }], ...more };
}

function isThere({ to }: Datagram): boolean {
  return to.equals(reflector);
}

function viewOf({ bytes }: Datagram): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The number that the sender gave the packet, or that which is answered. */
function numberIn(datagram: Datagram): number {
  return viewOf(datagram).getUint32(isThere(datagram) ? 0 : 24);
}

/** Lets time pass until the sender has ended; what `delay` has no time for is lost. */
function run(network: FakeNetwork, delay: (datagram: Datagram) => number | undefined = () => 0): void {
  const { host } = network;
  const held: { datagram: Datagram; at: number }[] = [];
  for (let ms = 0; ms < 60_000 && host.result === undefined && host.error === undefined; ms++) {
    host.pass(MS);
    const due = held.filter(({ at }) => at <= host.now()).sort((a, b) => a.at - b.at);
    for (const each of due) held.splice(held.indexOf(each), 1);
    const released = new Set(due.map(({ datagram }) => datagram));
    network.wire.unshift(...released);
    network.deliver((datagram) => {
      if (released.has(datagram)) return true;
      const nanos = delay(datagram);
      if (nanos !== undefined) held.push({ datagram, at: host.now() + nanos });
      return false;
    });
  }
  host.pass(MS); // Its last samples are handed over.
}

/** The figures of the flow, as results have them. */
function figuresOf(network: FakeNetwork): PacketFigures {
  assertEquals(network.host.error, undefined);
  const analysis = new PacketAnalysis();
  analysis.measuredSenders = 1;
  for (const { flow, chunk } of network.host.chunks) {
    if (flow === "router") analysis.add(chunk as Chunk<"packetIO">);
  }
  return analysis.figures(decodeReport(network.host.result!) as PacketReport).senders[0];
}

/** Quantiles are exact to a thousandth; the reader may pause for half a millisecond. */
function assertNear(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) <= MS, `${actual}, not ${expected}`);
}

function failure(network: FakeNetwork): [string, string] {
  const { error } = network.host;
  assert(error instanceof TineError, `${error}`);
  return [error.code, error.message];
}

Deno.test("stampSenderFlow() measures round trips without the time at the reflector, and delays each way", () => {
  const network = new FakeNetwork();
  network.reflect();
  network.dialReflector(config());
  run(network, (datagram) => isThere(datagram) ? 7 * MS : 3 * MS);
  const { rtt, toServer, fromServer, unanswered } = figuresOf(network);
  assertEquals([toServer!.sent, toServer!.received, toServer!.lost], [100, 100, 0]);
  assertEquals([fromServer!.sent, fromServer!.received, fromServer!.lost], [100, 100, 0]);
  assertEquals([rtt!.min, unanswered], [10 * MS, undefined]);
  assertNear(rtt!.median, 10 * MS);
  // Both ports have clocks of their own that agree; the sender cannot know.
  assertEquals(toServer!.oneWayDelayBoundNanos, 5 * MS);
  assertEquals(network.host.result!.complete, 1);
  const { values } = network.host.infos.find(({ server }) => !server)!;
  assertEquals([values.protocol, values.reflectorCounts, values.sharesClock], ["stamp", true, false]);
});

for (const stateless of [false, true]) {
  const what = stateless
    ? "no direction of losses where it does not"
    : "losses by direction where the reflector counts";
  Deno.test(`stampSenderFlow() reports ${what}`, () => {
    const network = new FakeNetwork();
    network.reflect({ stateless });
    network.dialReflector(config());
    // The first ones, some in the middle, and the last ones: 9 on the way there, 4 on the way back.
    const lost = (number: number, ...numbers: number[]) => numbers.includes(number - 3);
    run(network, (datagram) => {
      const number = numberIn(datagram);
      const isLost = isThere(datagram) ? lost(number, 0, 1, 30, 31, 32, 60, 97, 98, 99) : lost(number, 2, 40, 41, 96);
      return isLost ? undefined : MS;
    });
    const { toServer, fromServer, unanswered, goodputBitsPerSecond } = figuresOf(network);
    assertEquals(network.host.result!.complete, 1);
    assertEquals(network.host.result!.lostToServer! + network.host.result!.lostFromServer!, 13);
    if (stateless) {
      assertEquals([toServer!.sent, toServer!.received, toServer!.lost], [100, undefined, undefined]);
      assertEquals([fromServer!.sent, fromServer!.received, fromServer!.lost], [undefined, 87, undefined]);
      assertEquals([unanswered, goodputBitsPerSecond], [13, undefined]);
    } else {
      assertEquals([toServer!.sent, toServer!.received, toServer!.lost], [100, 91, 9]);
      assertEquals([fromServer!.sent, fromServer!.received, fromServer!.lost], [91, 87, 4]);
      assertEquals(unanswered, undefined);
    }
    assertEquals([toServer!.reordered, fromServer!.reordered], [0, 0]);
  });

  Deno.test(`stampSenderFlow() knows where packets were reordered, ${stateless ? "by times alone" : "by counts"}`, () => {
    const network = new FakeNetwork();
    network.reflect({ stateless });
    network.dialReflector(config());
    run(network, (datagram) => {
      const number = numberIn(datagram) - 3;
      // Three packets are late there, five replies on the way back.
      if (isThere(datagram)) return number % 30 === 9 && number > 0 ? 15 * MS : MS;
      return number % 20 === 4 && number > 0 ? 15 * MS : MS;
    });
    const { toServer, fromServer } = figuresOf(network);
    assertEquals([toServer!.reordered, fromServer!.reordered], [3, 5]);
    assertEquals([toServer!.late, toServer!.early], [3, 3]);
  });
}

Deno.test("stampSenderFlow() counts packets that arrived twice apart from replies that did", () => {
  const network = new FakeNetwork();
  network.reflect();
  network.dialReflector(config());
  const twice = new Set<Datagram>();
  run(network, (datagram) => {
    const number = numberIn(datagram) - 3;
    const again = isThere(datagram) ? number % 25 === 3 : number % 50 === 7;
    if (again && number > 0 && !twice.has(datagram)) {
      const copy = { ...datagram };
      twice.add(copy);
      network.wire.push(copy);
    }
    return MS;
  });
  const { toServer, fromServer, unanswered } = figuresOf(network);
  assertEquals([toServer!.received, toServer!.lost, toServer!.duplicates], [100, 0, 4]);
  assertEquals([fromServer!.received, fromServer!.lost, fromServer!.duplicates], [100, 0, 2]);
  assertEquals(unanswered, undefined);
});

Deno.test("stampSenderFlow() loses nothing to numbers of a session that the reflector has known before", () => {
  const network = new FakeNetwork();
  const port = network.reflect();
  // Packets of an earlier program at the same address: the sender's first number is answered with 40.
  for (let number = 0; number < 40; number++) {
    const view = new DataView(new ArrayBuffer(44));
    view.setUint32(0, number);
    port.receive({ from: SockAddr.of("192.0.2.2", 1000), to: reflector, bytes: new Uint8Array(view.buffer) });
  }
  network.wire.length = 0;
  network.dialReflector(config());
  run(network, () => MS);
  const { toServer, fromServer } = figuresOf(network);
  assertEquals([toServer!.lost, fromServer!.lost, fromServer!.received], [0, 0, 100]);
});

Deno.test("stampSenderFlow() takes a reflector whose numbers count more than the session for one that does not count", () => {
  const network = new FakeNetwork();
  network.reflect();
  network.dialReflector(config({ duration: 3000 }));
  let replies = 0;
  run(network, (datagram) => {
    if (!isThere(datagram)) viewOf(datagram).setUint32(0, 3 * replies++);
    return numberIn(datagram) === 200 ? undefined : MS;
  });
  const { toServer, unanswered } = figuresOf(network);
  assertEquals([toServer!.lost, unanswered], [undefined, 1]);
  assertEquals(network.host.logs.length, 1);
  assert(network.host.logs[0].includes("not those of this session alone"));
});

Deno.test("stampSenderFlow() leaves a warm-up out of all counts", () => {
  const network = new FakeNetwork();
  network.reflect();
  network.dialReflector(config({ duration: 2000 }, {}, { warmup: 1000 }));
  run(network, (datagram) => {
    const number = numberIn(datagram) - 3;
    // 10 of the warm-up, and 3 of the others.
    const isLost = isThere(datagram) && number >= 0 && (number < 100 ? number % 10 === 0 : number % 40 === 20);
    return isLost ? undefined : MS;
  });
  const { toServer, fromServer } = figuresOf(network);
  assertEquals([toServer!.sent, toServer!.received, toServer!.lost], [100, 97, 3]);
  assertEquals([fromServer!.received, fromServer!.lost], [97, 0]);
});

Deno.test("stampSenderFlow() takes off what the reflector's clock is days ahead or behind", () => {
  for (const days of [-20_000, 3]) {
    const network = new FakeNetwork();
    network.reflect();
    network.dialReflector(config());
    run(network, (datagram) => {
      if (!isThere(datagram)) {
        for (const at of [4, 16]) viewOf(datagram).setUint32(at, viewOf(datagram).getUint32(at) + days * 86_400);
      }
      return 5 * MS;
    });
    const { rtt, toServer, fromServer } = figuresOf(network);
    assertNear(rtt!.median, 10 * MS);
    assertNear(toServer!.oneWayDelay!.median!, 5 * MS);
    assertNear(fromServer!.oneWayDelay!.median!, 5 * MS);
    assert(network.host.logs[0].includes(`about ${Math.abs(days)} days ${days > 0 ? "ahead" : "behind"}`));
  }
});

Deno.test("stampSenderFlow() knows no hops where it cannot set the TTL of what it sends", () => {
  const network = new FakeNetwork();
  network.reflect();
  network.dialReflector(config({ duration: 100 }));
  run(network, (datagram) => {
    // As it arrives from a system whose TTL is 64, over one router.
    if (!isThere(datagram)) datagram.bytes[40] = 63;
    return 0;
  });
  const { hopsToReflector } = network.host.infos.find(({ flow }) => flow === "router")!.values;
  assertEquals(hopsToReflector, undefined);
});

Deno.test("stampSenderFlow() writes padding of RFC 8972, an identifier, and times of NTP or PTP", () => {
  for (const timestamps of ["ntp", "ptp"] as const) {
    const network = new FakeNetwork();
    network.reflect();
    network.host.pass(1.5 * SECOND);
    network.dialReflector(config({ length: [44, 46, 48, 300], packets: 8 }, { ssid: 0xabcd, timestamps }));
    const seen: number[][] = [];
    run(network, (datagram) => {
      const view = viewOf(datagram);
      if (isThere(datagram) && view.getUint32(0) > 2) {
        assertEquals([view.getUint16(14), view.getUint16(12) & 0x4000], [0xabcd, timestamps === "ptp" ? 0x4000 : 0]);
        const seconds = view.getUint32(4) - (timestamps === "ptp" ? 0 : 2_208_988_800);
        assert(seconds === 1, `${seconds}`);
        for (let at = 16; at < 44; at++) assertEquals(view.getUint8(at), 0);
        seen.push(Array.from(datagram.bytes.subarray(44, 48)));
        if (datagram.bytes.length === 300) assert(datagram.bytes.subarray(48).some((byte) => byte !== 0));
      }
      return MS;
    });
    const once = [[], [0, 0], [0x80, 1, 0, 0], [0x80, 1, 0, 252]];
    assertEquals(seen, [...once, ...once]);
    assertEquals(figuresOf(network).rtt!.count, 8);
  }
});

Deno.test("stampSenderFlow() and stampReflectorFlow() sign with a shared secret, and refuse another", () => {
  const network = new FakeNetwork();
  network.reflect({}, KEY);
  network.dialReflector(config({ length: [112, 500] }), KEY);
  run(network, (datagram) => {
    if (!isThere(datagram) && viewOf(datagram).getUint32(48) === 50) datagram.bytes[16] ^= 1;
    return MS;
  });
  const { toServer, fromServer } = figuresOf(network);
  assertEquals([toServer!.received, fromServer!.received, fromServer!.lost], [100, 99, 1]);
  assertEquals(network.host.result!.bad, 1);

  const outsider = new FakeNetwork();
  outsider.reflect({}, KEY);
  outsider.dialReflector(config(), new TextEncoder().encode("another secret"));
  run(outsider);
  assertEquals(failure(outsider), [
    "no-answer",
    `no reflector of STAMP answers at ${reflector} for 16 s; it may have another key, or expect no key`,
  ]);
});

Deno.test("stampSenderFlow() gives up where nothing answers, and where nothing listens", () => {
  const silent = new FakeNetwork();
  silent.dialReflector(config());
  run(silent);
  assertEquals(failure(silent), ["no-answer", `no reflector of STAMP answers at ${reflector} for 16 s`]);
  const refused = new FakeNetwork();
  const port = refused.dialReflector(config());
  port.refuse(new SystemError("recvmmsg", 111));
  assertEquals(failure(refused), [
    "connection-refused",
    `no reflector of STAMP listens at ${reflector} (ECONNREFUSED)`,
  ]);
});

Deno.test("stampSenderFlow() is not complete where the reflector falls silent, and keeps what was measured", () => {
  const network = new FakeNetwork();
  network.reflect();
  network.dialReflector(config());
  run(network, (datagram) => isThere(datagram) && numberIn(datagram) > 52 ? undefined : MS);
  const { rtt, toServer } = figuresOf(network);
  assertEquals([rtt!.count, toServer!.lost, network.host.result!.complete], [50, 0, 0]);
  assertEquals(network.host.logs, [`flow router: the reflector at ${reflector} did not answer at the end`]);
});

Deno.test("stampSenderFlow() counts strange packets as bad, and survives random and mutated replies", () => {
  const random = new Random(3);
  const network = new FakeNetwork();
  network.reflect();
  const port = network.dialReflector(config({ duration: 4000 }));
  let strange = 0;
  run(network, (datagram) => {
    if (isThere(datagram)) return MS;
    if (random.oneIn(3)) {
      const bytes = random.oneIn(2) ? random.bytes(random.below(200)) : datagram.bytes.slice(0, random.below(44));
      network.wire.push({ from: reflector, to: port.local, bytes: bytes.length > 40 ? bytes.fill(7, 24, 28) : bytes });
      strange++;
    }
    if (random.oneIn(4)) datagram.bytes[random.below(44)] = random.below(256);
    return MS;
  });
  assertEquals(network.host.error, undefined);
  const { sent, received, bad } = network.host.result!;
  assert(
    strange > 50 && sent === 400 && received > 250 && received <= 400 && bad > 30,
    `${strange} ${received} ${bad}`,
  );
  // Replies that claim what cannot be are left out, or are within what is known.
  const { rtt } = figuresOf(network);
  assert(rtt!.min >= 0 && rtt!.max < SECOND, JSON.stringify(rtt));
});
