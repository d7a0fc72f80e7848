import { assert, assertEquals } from "@std/assert";
import { GroupFlow } from "../../../src/flow/multicast/group_flow.ts";
import type { SentCounts } from "../../../src/flow/multicast/group_packets.ts";
import { FlowName } from "../../../src/flow/packet/header.ts";
import { PacketSamples, ReceivedPacket } from "../../../src/flow/packet/packet_samples.ts";
import { AccountedFlow, ServerAccount } from "../../../src/flow/server_account.ts";
import { servedPath } from "../../../src/flow/analysis/mod.ts";
import { SockAddr } from "../../../src/sys/address.ts";

function heard(counts: readonly SentCounts[], { warmup = 0, sharesClock = true } = {}): GroupFlow {
  const settings = {
    version: 2,
    senders: counts.length,
    longest: 100,
    duration: 1000,
    gso: false,
    reverse: [],
    warmup,
  };
  return new GroupFlow(
    {
      name: new FlowName("up"),
      address: SockAddr.of("10.0.0.1", 5000),
      hmac: undefined,
      settings,
      nonce: new Uint8Array(16),
      samples: new PacketSamples(undefined, true),
      start: 0,
      lastReceived: 0,
      socketDrops: 0,
      seesMarks: true,
      limits: {},
      accounted: new AccountedFlow(new ServerAccount()),
    },
    { settings, counts, receivers: 0, mark: "" },
    sharesClock,
  );
}

function take(flow: GroupFlow, number: number, { sender = 0, delay = 1000, trafficClass = 0 } = {}): void {
  const packet = new ReceivedPacket();
  Object.assign(packet, { sender, number, length: 100, trafficClass });
  flow.take(packet, delay);
}

/** What the receiver prints. */
function path(flow: GroupFlow) {
  return servedPath(flow.report(0, 1e9, "closed"))!;
}

Deno.test("a receiver counts what is lost, what comes twice, out of order and marked, by the counts of the sender", () => {
  const flow = heard([[0, 0]]);
  for (const number of [0, 2, 1, 1, 5, 9]) take(flow, number, { trafficClass: number === 5 ? 3 : 0 });
  // Up to the last one that came.
  assertEquals(path(flow).lost, 5);
  // Two of the twelve numbers could not be sent.
  flow.announced([[10, 2]]);
  flow.endedAt = 1;
  assertEquals(flow.isWhole, false);
  const { sent, received, lost, duplicates, reordered, congestionMarks } = path(flow);
  assertEquals([sent, received, lost, duplicates, reordered, congestionMarks], [10, 5, 5, 1, 1, 1]);
  for (const number of [3, 4, 6, 7, 8]) take(flow, number);
  assertEquals([flow.isWhole, path(flow).lost], [true, 0]);
});

Deno.test("a receiver that joins late misses nothing of what was sent before its first announcement", () => {
  const flow = heard([[100, 3]]);
  // It was on its way when the flow was announced.
  take(flow, 102);
  assertEquals([path(flow).sent, path(flow).received], [0, 0]);
  for (const number of [103, 104, 106]) take(flow, number);
  assertEquals([path(flow).sent, path(flow).lost], [4, 1]);
  flow.announced([[110, 3]]);
  flow.endedAt = 1;
  assertEquals([path(flow).sent, path(flow).received, path(flow).lost], [10, 3, 7]);
});

Deno.test("counts that overtook later ones, and such of other senders, change nothing at a receiver", () => {
  const flow = heard([[0, 0]]);
  flow.announced([[8, 0]]);
  flow.announced([[4, 0]]);
  flow.announced([[9, 0], [9, 0]]);
  flow.endedAt = 1;
  assertEquals(path(flow).sent, 8);
});

Deno.test("packets of a warm-up are in no count of a receiver", () => {
  const flow = heard([[0, 0], [0, 0]], { warmup: 500 });
  take(flow, 0, { sender: 1 });
  take(flow, 0);
  flow.announced([[2, 0], [7, 0]]);
  flow.endedAt = 1;
  assertEquals([path(flow).sent, path(flow).received, path(flow).lost], [2, 1, 1]);
});

Deno.test("one-way delays are exact with one clock, unknown with two, and bounded once a report was acknowledged", () => {
  const shared = heard([[0, 0]]);
  for (const [number, delay] of [[0, 3000], [1, 1000], [2, 2000]]) take(shared, number, { delay });
  const { oneWayDelay, oneWayDelayBoundNanos, jitterNanos, ipdv } = path(shared);
  assertEquals([oneWayDelay!.min, oneWayDelay!.mean, oneWayDelay!.max, oneWayDelayBoundNanos], [1000, 2000, 3000, 0]);
  assertEquals([ipdv!.mean, ipdv!.max], [1500, 2000]);
  // (2000/16) * 15/16 + 1000/16, RFC 3550.
  assertEquals(jitterNanos, 2000 / 16 + (1000 - 2000 / 16) / 16);

  const apart = heard([[0, 0]], { sharesClock: false });
  // This clock is 5 ms ahead; the path takes 1 ms and 2 ms there, and the report 3 ms.
  for (const [number, delay] of [[0, 6e6], [1, 7e6]]) take(apart, number, { delay });
  assertEquals(path(apart).oneWayDelay, undefined);
  assert(path(apart).jitterNanos! > 0);
  apart.bound({ least: 5e6 - 3e6, most: 5e6 + 2e6 });
  const { oneWayDelay: estimate, oneWayDelayBoundNanos: bound } = path(apart);
  // The clock is ahead by 2 to 6 ms.
  assertEquals([estimate!.min, estimate!.max, bound], [2e6, 3e6, 2e6]);
  assert(Math.abs(estimate!.min - 1e6) <= bound!);
});

Deno.test("a flow is over a while after its end: longer where delays differ, and never after two seconds", () => {
  const flow = heard([[0, 0]]);
  flow.endedAt = 1e9;
  assertEquals(flow.overAt, 1.2e9);
  take(flow, 0, { delay: 0 });
  take(flow, 1, { delay: 200e6 });
  assertEquals(flow.overAt, 1.6e9);
  take(flow, 2, { delay: 20e9 });
  assertEquals(flow.overAt, 3e9);
});
