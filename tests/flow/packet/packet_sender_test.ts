import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { UnresponsiveConfig } from "../../../src/flow/config.ts";
import { MAX_FLOW_MS } from "../../../src/base/limits.ts";
import { PacketSchedule, withWarmUp } from "../../../src/flow/packet/packet_sender.ts";
import { Random } from "../../support/random.ts";

/** Dues in milliseconds and lengths. */
function all(config: UnresponsiveConfig, random?: () => number): [number, number][] {
  const schedule = new PacketSchedule(config, 56, random);
  const found: [number, number][] = [];
  for (; !schedule.over; schedule.advance()) found.push([schedule.due / 1e6, schedule.length]);
  return found;
}

Deno.test("PacketSchedule sends every 200 ms the header alone by default", () => {
  assertEquals(all({ duration: 1000 }), [0, 200, 400, 600, 800].map((ms) => [ms, 56]));
});

Deno.test("PacketSchedule cycles through waits and lengths, each in its own pace", () => {
  const config = { wait: [10, 20, 30], length: [100, 200], duration: 130 };
  assertEquals(all(config), [[0, 100], [10, 200], [30, 100], [60, 200], [70, 100], [90, 200], [120, 100]]);
});

Deno.test("PacketSchedule waits first if it is configured to", () => {
  assertEquals(all({ wait: [10, 20], waitFirst: true, duration: 45 }), [[10, 56], [30, 56], [40, 56]]);
});

Deno.test("PacketSchedule draws waits and lengths from their lists", () => {
  const random = new Random(5);
  const packets = all(
    { wait: [1, 3], randomWait: true, length: [60, 70, 80], randomLength: true, duration: 20_000 },
    () => random.below(2 ** 30) / 2 ** 30,
  );
  const counts = new Map<number, number>();
  for (const [i, [due, length]] of packets.entries()) {
    counts.set(length, (counts.get(length) ?? 0) + 1);
    if (i > 0) counts.set(due - packets[i - 1][0], (counts.get(due - packets[i - 1][0]) ?? 0) + 1);
  }
  assertEquals([...counts.keys()].sort((a, b) => a - b), [1, 3, 60, 70, 80]);
  assertAlmostEquals(packets.length, 10_000, 300);
  assertAlmostEquals(counts.get(1)!, 5000, 300);
  assertAlmostEquals(counts.get(70)!, 3333, 300);
});

Deno.test("PacketSchedule keeps a rate in bits, whatever the lengths, and in packets", () => {
  const bits = all({ rate: { bitsPerSecond: 1e6 }, length: [125, 1250], duration: 1000 });
  assertEquals(bits.slice(0, 4), [[0, 125], [1, 1250], [11, 125], [12, 1250]]);
  const sum = bits.reduce((sum, [, length]) => sum + 8 * length, 0);
  assertAlmostEquals(sum, 1e6, 10_000);
  const packets = all({ rate: { packetsPerSecond: 3 }, duration: 1_000_000 });
  assertEquals(packets.length, 3_000_000 / 1000);
  assertAlmostEquals(packets[2999][0], 999_666.667, 0.001);
});

Deno.test("PacketSchedule has no pace at the rate max, and with waits of nothing", () => {
  for (const config of [{ rate: "max" as const, duration: 5 }, { wait: [0, 0], duration: 5 }]) {
    const schedule = new PacketSchedule(config, 56);
    assert(schedule.unpaced && !schedule.over);
    schedule.advance();
    assertEquals([schedule.due, schedule.over, schedule.dueBy(Infinity)], [0, false, 0]);
  }
  assert(!new PacketSchedule({ wait: [0, 1], duration: 5 }, 56).unpaced);
});

Deno.test("PacketSchedule reports the shortest and the longest packet, and changes none", () => {
  const schedule = new PacketSchedule({ length: [56, 300], duration: 5 }, 72);
  assertEquals([schedule.length, schedule.shortest, schedule.longest], [56, 56, 300]);
});

Deno.test("PacketSchedule.dueBy() has how many packets are to come, until a time or the end", () => {
  const schedule = new PacketSchedule({ wait: [10], duration: 100 }, 56);
  for (let left = 10; left > 0; left--) {
    assertEquals(schedule.dueBy(Infinity), left);
    schedule.advance();
  }
  assertEquals([schedule.dueBy(Infinity), schedule.over], [0, true]);
  const endless = new PacketSchedule({ wait: [10], duration: 0 }, 56);
  assertEquals([endless.dueBy(95e6), endless.dueBy(0), endless.dueBy(Infinity)], [10, 0, MAX_FLOW_MS / 10]);
});

Deno.test("PacketSchedule is over after as many packets or bytes as it has, paced or not", () => {
  for (const pace of [{ wait: [10] }, { rate: "max" as const }]) {
    for (const end of [{ packets: 3 }, { bytes: 1201 }, { packets: 3, bytes: 1e6, duration: 1000 }]) {
      const schedule = new PacketSchedule({ ...pace, ...end, length: [200, 1000] }, 56);
      let sent = 0;
      for (; !schedule.over; schedule.advance()) sent++;
      assertEquals([sent, schedule.spent, schedule.counted, schedule.dueBy(Infinity)], [3, true, true, 0]);
    }
  }
  assertEquals(new PacketSchedule({ wait: [10], packets: 100, duration: 50 }, 56).dueBy(Infinity), 5);
  assertEquals(new PacketSchedule({ wait: [10], packets: 2 }, 56).dueBy(Infinity), 2);
  // What is passed over belongs to the warm-up.
  const [measured, warming] = withWarmUp([{ wait: [10], packets: 3 }], 55).map((config) =>
    new PacketSchedule(config, 56)
  );
  assertEquals([measured.due, measured.dueBy(Infinity), warming.dueBy(Infinity)], [60e6, 3, 6]);
});

Deno.test("PacketSchedule.burst fits one message, and a millisecond where there is a pace", () => {
  const burst = (config: Partial<UnresponsiveConfig>) => new PacketSchedule({ duration: 1000, ...config }, 56).burst;
  assertEquals(burst({ rate: "max", length: [64] }), 64);
  assertEquals(burst({ rate: "max", length: [1400] }), 46);
  assertEquals(burst({ rate: "max", length: [65_507] }), 1);
  assertEquals(burst({ rate: { packetsPerSecond: 10_000 } }), 10);
  assertEquals(burst({ rate: { packetsPerSecond: 100 } }), 1);
  assertEquals(burst({ rate: { bitsPerSecond: 8e9 }, length: [1000] }), 64);
});
