import { assertAlmostEquals, assertEquals } from "@std/assert";
import { DropCounter } from "../../../src/flow/packet/arrivals.ts";
import { RttEstimator } from "../../../src/flow/packet/client_receiver.ts";
import { SendTimes } from "../../../src/flow/packet/packet_sender.ts";

Deno.test("DropCounter counts the packets of messages that were dropped", () => {
  const drops = new DropCounter();
  drops.add(0, 1);
  drops.add(3, 1);
  assertEquals(drops.packets, 3);
  drops.add(3, 40);
  drops.add(5, 40);
  drops.add(6, 1); // Says nothing about the length of bursts.
  assertEquals(drops.packets, 3 + 3 * 40);
  drops.add(2, 1); // Older than what is known.
  drops.single();
  drops.add(7, 1);
  assertEquals(drops.packets, 3 + 3 * 40 + 1);
});

Deno.test("RttEstimator smooths as TCP does", () => {
  const rtt = new RttEstimator();
  assertEquals([rtt.smoothed, rtt.min, rtt.mean], [NaN, Infinity, NaN]);
  rtt.add(800);
  rtt.add(1600);
  assertEquals([rtt.smoothed, rtt.min, rtt.max, rtt.last, rtt.mean, rtt.count], [900, 800, 1600, 1600, 1200, 2]);
  rtt.seed(5);
  assertEquals(rtt.smoothed, 900);
  const seeded = new RttEstimator();
  seeded.seed(1600);
  assertEquals([seeded.smoothed, seeded.count], [1600, 0]);
  seeded.add(800);
  assertAlmostEquals(seeded.smoothed, 1500);
});

Deno.test("SendTimes.get() knows the last packets", () => {
  const times = new SendTimes(100);
  for (let number = 0; number < 200; number++) times.set(number, 1000 + number);
  assertEquals([71, 72, 199, 200].map((number) => times.get(number)), [NaN, 1072, 1199, NaN]);
  const most = new SendTimes(Infinity);
  for (let number = 0; number < 70_000; number++) most.set(number, number);
  assertEquals([70_000 - 65_536, 70_000 - 65_537].map((number) => most.get(number)), [4464, NaN]);
});
