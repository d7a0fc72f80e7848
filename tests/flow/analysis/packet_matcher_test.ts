import { assert, assertEquals } from "@std/assert";
import { PacketMatcher, type PacketMatcherOptions } from "../../../src/flow/analysis/packet_matcher.ts";
import { atServer, echoes, packetChunks, type PacketSample, reply, sent } from "./packet_samples.ts";

const MS = 1_000_000;

/** What is handed on of samples, each a chunk. */
function matched(samples: Iterable<PacketSample>, options: PacketMatcherOptions = {}) {
  const packets: [seq: number, serverReceived: number, received: number][] = [];
  const echoed: number[] = [];
  const matcher = new PacketMatcher({
    onPacket: ({ seq, serverReceived, received }) => packets.push([seq, serverReceived, received]),
    onEcho: ({ seq }) => echoed.push(seq),
    ...options,
  });
  for (const sample of samples) for (const chunk of packetChunks([sample])) matcher.add(chunk);
  const early = packets.length;
  matcher.end();
  return { packets, echoed, early };
}

Deno.test("PacketMatcher hands on each packet once, in the order of numbers, with what is known of it", () => {
  const isLost = (seq: number) => seq % 37 === 3;
  const all = Array.from({ length: 4000 }, (_, seq) => seq);
  const { packets, echoed, early } = matched(echoes(4000, all.filter(isLost)));
  assertEquals(packets.map(([seq]) => seq), all);
  assertEquals(echoed, all.filter((seq) => !isLost(seq)));
  assertEquals(packets.filter(([, , received]) => Number.isNaN(received)).map(([seq]) => seq), all.filter(isLost));
  // Three seconds are 150 packets.
  assert(early >= 4000 - 150, `${early}`);
});

Deno.test("PacketMatcher takes the times of a server that does not count, and no times where there are none", () => {
  const counted = (count: number, from: number, time: number) =>
    matched([sent(0, 1000), reply(0, 9000, from, time, count)], {}).packets;
  assertEquals(counted(0, 4000, 100), [[0, 4000, 9000]]);
  // A reply of an earlier version has neither.
  assertEquals(counted(0, 9000, 0), [[0, NaN, 9000]]);
});

Deno.test("PacketMatcher waits for a packet of which something is missing, for three seconds of samples", () => {
  const numbers: number[] = [];
  const matcher = new PacketMatcher({ onPacket: ({ seq }) => numbers.push(seq) });
  const add = (...samples: PacketSample[]) => {
    for (const chunk of packetChunks(samples)) matcher.add(chunk);
  };
  add(...echoes(10, [4]));
  assertEquals(numbers, [0, 1, 2, 3]);
  const sentAt = 4 * 20 * MS + 5000;
  add(sent(10, sentAt + 3000 * MS));
  assertEquals(numbers, [0, 1, 2, 3]);
  add(sent(11, sentAt + 3000 * MS + 1));
  assertEquals(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  matcher.end();
  assertEquals(numbers.length, 12);
});

Deno.test("PacketMatcher waits longer where packets are under way for longer, up to four times the longest", () => {
  // A queue that fills: each packet takes 20 ms more than the one before.
  function* queue(): Generator<PacketSample> {
    const samples: PacketSample[] = [];
    for (let seq = 0; seq < 400; seq++) samples.push(sent(seq, seq * 20 * MS), atServer(seq, seq * 40 * MS));
    yield* samples.sort((a, b) => a.t! - b.t!);
  }
  const { packets } = matched(queue(), { serverRecords: true });
  assertEquals(packets.filter(([, serverReceived]) => Number.isNaN(serverReceived)), []);
});

Deno.test("PacketMatcher takes the clock of the server for that of the client, as it is related", () => {
  const ahead = 3600_000 * MS;
  const samples: PacketSample[] = [];
  for (let seq = 0; seq < 500; seq++) {
    samples.push(sent(seq, seq * 20 * MS, { flag: 0 }), atServer(seq, seq * 20 * MS + MS + ahead, { flag: 0 }));
  }
  const related = { serverRecords: true, serverToClient: { rate: 1, shiftNanos: -ahead } };
  const { packets, early } = matched(samples, related);
  assertEquals([packets.length, early], [500, 500]);
  assertEquals(packets.filter(([, serverReceived]) => Number.isNaN(serverReceived)), []);
});

Deno.test("PacketMatcher hands on each packet of more than it keeps", () => {
  let next = 0;
  const matcher = new PacketMatcher({ onPacket: ({ seq }) => assertEquals(seq, next++), serverRecords: true });
  const count = 140_000;
  const samples = Array.from({ length: count }, (_, seq) => sent(seq, seq, { flag: 0 }));
  for (const chunk of packetChunks(samples)) matcher.add(chunk);
  assert(next > 0 && next < count, `${next}`);
  matcher.end();
  assertEquals(next, count);
});

Deno.test("PacketMatcher has the same echoes as a map of all packets, with loss, duplicates, bursts and disorder", () => {
  let state = 7;
  const random = (most: number) => (state = state * 48_271 % 0x7fffffff) % most;
  for (let round = 0; round < 20; round++) {
    const samples: PacketSample[] = [];
    const expected = new Map<number, number>();
    let t = 0;
    for (let seq = 0; seq < 3000;) {
      const packets = random(4) === 0 ? 1 + random(8) : 1;
      samples.push(sent(seq, t += random(MS), { packets }));
      for (let k = 0; k < packets; k++, seq++) {
        if (random(10) === 0) continue;
        const there = t + random(20 * MS), back = there + 1000 + random(20 * MS);
        samples.push(atServer(seq, there), atServer(seq, there + 1000, { sent: 1, flag: 3 }));
        if (random(10) === 0) continue;
        expected.set(seq, back);
        samples.push(reply(seq, back, there, 1000, seq + 1));
        if (random(5) === 0) samples.push(reply(seq, back + random(40 * MS), there, 1000, seq + 1));
      }
    }
    samples.sort((a, b) => a.t! - b.t!);
    const { packets, echoed } = matched(samples, { serverRecords: true });
    // As text: long arrays are slow to compare.
    assertEquals(echoed.toSorted((a, b) => a - b).join(), [...expected.keys()].join());
    assert(packets.every(([seq], i) => seq === i));
    for (const [seq, , received] of packets) assert(Object.is(received, expected.get(seq) ?? NaN), `packet ${seq}`);
  }
});

Deno.test("PacketMatcher leaves out samples that make no sense", () => {
  const { packets, echoed } = matched([
    sent(0, 0),
    ...[{ seq: NaN }, { seq: -1 }, { seq: 0.5 }, { seq: 2 ** 40 }, { t: NaN }, { t: 2 ** 60 }, { packets: 1e6 }]
      .map((odd) => ({ ...sent(1, MS), ...odd })),
    ...[{ len: 70_000 }, { len: -1 }, { sender: 0.5 }, { sender: 256 }, { sender: NaN }]
      .map((odd) => ({ ...sent(1, MS), ...odd })),
    reply(0, 3 * MS, MS, MS, 1),
  ]);
  assertEquals([packets.map(([seq]) => seq), echoed], [[0], [0]]);
});
