import { assertEquals } from "@std/assert";
import {
  type PacketFigures,
  RateMeter,
  sumPackets,
  sumStreams,
  sumTransactionFigures,
  sumWhereKnown,
} from "../../../src/flow/analysis/mod.ts";

const flow = (
  startNanos: number,
  bytes: number,
  durationNanos: number,
  retransmits?: number,
  lastNanos = startNanos + durationNanos,
) => ({
  startNanos,
  lastNanos,
  figures: () => ({ bytes, durationNanos, retransmits }),
});

Deno.test("sumStreams() divides all bytes by the time from the first start to the last end", () => {
  // One after the other, at a link's 1 Mbit/s each.
  assertEquals(sumStreams([flow(1e9, 125_000, 1e9, 1), flow(0, 125_000, 1e9, 2)]), {
    bytes: 250_000,
    durationNanos: 2e9,
    goodputBitsPerSecond: 1e6,
    retransmits: 3,
    receiverCounted: true,
    incoherent: 0,
  });
});

Deno.test("sumStreams() has no time of flows that have not begun, and no retransmits if one has none", () => {
  assertEquals(sumStreams([flow(0, 0, 0), flow(5e9, 125_000, 1e9, 1)]), {
    bytes: 125_000,
    durationNanos: 1e9,
    goodputBitsPerSecond: 1e6,
    retransmits: undefined,
    receiverCounted: true,
    incoherent: 0,
  });
  assertEquals(sumStreams([flow(0, 0, 0, 0)]), {
    bytes: 0,
    durationNanos: 0,
    goodputBitsPerSecond: 0,
    retransmits: 0,
    receiverCounted: true,
    incoherent: 0,
  });
});

Deno.test("sumStreams() ends where the last flow was last seen, however late its receiver began", () => {
  const waited = flow(0, 125_000, 1e9, 0, 4e9);
  assertEquals(sumStreams([flow(0, 375_000, 3e9, 0), waited]), {
    bytes: 500_000,
    receiverCounted: true,
    durationNanos: 4e9,
    goodputBitsPerSecond: 1e6,
    retransmits: 0,
    incoherent: 0,
  });
});

Deno.test("sumPackets() counts the server's socket once, and each client's socket; what one flow lacks, the sum lacks", () => {
  const none = { slowReplies: 0, lateSends: 0, sendNanos: 0, sendErrors: 0, unsent: 0, incoherent: 0 };
  const path = { sent: 10, received: 7, duplicates: 1, reordered: 2, early: 1, late: 1, socketDrops: 2 };
  const flow = (toServer: PacketFigures["toServer"], at: number) => {
    const passed = new RateMeter();
    for (const t of [0, 1e9]) passed.add(at + t, 125);
    return { passed, figures: { ...none, sender: 0, toServer, fromServer: path } };
  };
  const sum = sumPackets([flow(path, 0), flow(path, 1e9)], false);
  assertEquals([sum.toServer?.sent, sum.toServer?.lost, sum.toServer?.socketDrops], [20, 4, 2]);
  assertEquals([sum.fromServer?.lost, sum.fromServer?.socketDrops, sum.fromServer?.reordered], [2, 4, 4]);
  // Of four packets in two seconds, the first one of each flow starts its time.
  assertEquals([sum.sendNanos, sum.sendBitsPerSecond, sum.goodputBitsPerSecond], [2e9, 1000, 700]);
  const unknown = sumPackets([flow(path, 0), flow({ ...path, received: undefined, early: undefined }, 0)], false);
  assertEquals([unknown.toServer?.received, unknown.toServer?.lost, unknown.toServer?.early], [
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("sumTransactionFigures() has counts of all by the longest time, and medians of latencies", () => {
  const flow = (transactions: number, durationNanos: number, nanos: number, lost?: number) => {
    const times = { count: transactions, min: nanos, mean: nanos, median: nanos, p90: nanos, p99: nanos, p999: nanos };
    return {
      transactions,
      durationNanos,
      lost,
      perConnection: false,
      latency: { ...times, max: nanos },
      incoherent: 1,
    };
  };
  const sum = sumTransactionFigures([flow(10, 1e9, 5), flow(20, 2e9, 7, 1), flow(60, 1e9, 100)]);
  assertEquals([sum.transactions, sum.durationNanos, sum.lost, sum.incoherent], [90, 2e9, 1, 3]);
  assertEquals([sum.latency?.median, sum.latency?.max, sum.latency?.count, sum.connect], [7, 7, 20, undefined]);
  assertEquals("lost" in sumTransactionFigures([flow(1, 1, 1)]), false);
});

Deno.test("sumWhereKnown() leaves out what is not known, unless that is all", () => {
  assertEquals([sumWhereKnown([1, undefined, 2]), sumWhereKnown([undefined]), sumWhereKnown([])], [
    3,
    undefined,
    undefined,
  ]);
});
