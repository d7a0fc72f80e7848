import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Family } from "../../src/base/address.ts";
import { SockAddr } from "../../src/sys/address.ts";
import { Arena } from "../../src/sys/arena.ts";
import { Clock, TimeBase } from "../../src/sys/clock.ts";
import {
  receiveHopLimit,
  receiveLocalAddress,
  receiveTrafficClass,
  setHopLimit,
  setTrafficClass,
} from "../../src/sys/ip_options.ts";
import { ReceiveBatch } from "../../src/sys/receive_batch.ts";
import { SendBatch } from "../../src/sys/send_batch.ts";
import { Socket, WOULD_BLOCK } from "../../src/sys/socket.ts";
import {
  receiveBufferBytes,
  receiveDrops,
  receiveOffload,
  receiveTimestamps,
  segmentBytes,
} from "../../src/sys/socket_options.ts";
import { SystemError } from "../../src/sys/errno.ts";
import { udpPair } from "./udp_pair.ts";

const ignore = Deno.build.os !== "linux";
const families: readonly Family[] = ["ipv4", "ipv6"];

for (const family of families) {
  Deno.test({
    name: `SendBatch and ReceiveBatch carry messages over ${family}, each with its length and source`,
    ignore,
    fn() {
      using pair = udpPair(family);
      using arena = new Arena();
      const sending = new SendBatch(arena, { capacity: 20 }), receiving = new ReceiveBatch(arena, { capacity: 16 });
      for (let i = 0; i < 20; i++) {
        sending.view.setUint32(sending.place(i), 1000 + i);
        sending.setLength(i, 4 + 70 * i);
      }
      assertEquals(sending.send(pair.client), 20);
      const source = pair.client.localAddress();
      const seen: number[] = [];
      for (const expected of [16, 4]) {
        const count = receiving.receive(pair.server);
        assertEquals(count, expected);
        for (let i = 0; i < count; i++) {
          const number = receiving.view(i).getUint32(0);
          assertEquals(receiving.length(i), 4 + 70 * (number - 1000));
          assert(receiving.source(i).equals(source) && receiving.isFrom(i, source) && !receiving.truncated(i));
          assert(!receiving.isFrom(i, source.withPort(source.port ^ 1)));
          assertEquals([receiving.timestamp(i), receiving.trafficClass(i), receiving.drops(i)], [undefined, -1, 0]);
          seen.push(number);
        }
      }
      assertEquals(seen, Array.from({ length: 20 }, (_, i) => 1000 + i));
      assertEquals(receiving.receive(pair.server), WOULD_BLOCK);
    },
  });

  Deno.test({
    name: `SendBatch.send() over ${family} sends a part, each message to its destination with its traffic class`,
    ignore,
    fn() {
      using one = udpPair(family);
      using two = udpPair(family);
      using socket = Socket.open("udp", family);
      setTrafficClass(socket, 0x20);
      receiveTrafficClass(one.server);
      receiveTrafficClass(two.server);
      using arena = new Arena();
      const sending = new SendBatch(arena, { capacity: 6 }), receiving = new ReceiveBatch(arena);
      for (let i = 0; i < 6; i++) {
        sending.payload(i)[0] = i;
        sending.setLength(i, 1);
        sending.setDestination(i, (i % 2 === 0 ? one : two).server.localAddress());
        sending.setTrafficClass(i, i === 5 ? -1 : 0xb8 + i % 4);
      }
      assertEquals(sending.send(socket, 1, 5), 5);
      const all = (from: Socket) =>
        Array.from({ length: receiving.receive(from) }, (_, i) => [receiving.payload(i)[0], receiving.trafficClass(i)]);
      assertEquals(all(one.server), [[2, 0xba], [4, 0xb8]]);
      assertEquals(all(two.server), [[1, 0xb9], [3, 0xbb], [5, 0x20]]);
    },
  });

  Deno.test({
    name: `ReceiveBatch.hopLimit() over ${family} is what a message arrived with, where the socket is to have it`,
    ignore,
    fn() {
      using pair = udpPair(family);
      using arena = new Arena();
      const sending = new SendBatch(arena, { capacity: 1, maxBytes: 1 });
      const receiving = new ReceiveBatch(arena, { capacity: 1, maxBytes: 1 });
      const arrived = (hops: number) => {
        setHopLimit(pair.client, hops);
        assertEquals([sending.send(pair.client), receiving.receive(pair.server)], [1, 1]);
        return receiving.hopLimit(0);
      };
      assertEquals(arrived(9), -1);
      receiveHopLimit(pair.server);
      assertEquals([arrived(9), arrived(255)], [9, 255]);
    },
  });

  Deno.test({
    name: `SendBatch.setSegmentBytes() sends many packets over ${family}, and ReceiveBatch takes them merged`,
    ignore,
    fn() {
      using pair = udpPair(family);
      using arena = new Arena();
      const sending = new SendBatch(arena, { capacity: 1, maxBytes: 10_000 });
      const receiving = new ReceiveBatch(arena, { maxBytes: 65_536 });
      sending.payload(0).forEach((_, i, bytes) => bytes[i] = i % 251);
      sending.setLength(0, 9500);
      sending.setSegmentBytes(0, 1000);
      assertEquals(sending.send(pair.client), 1);
      assertEquals(receiving.receive(pair.server), 10);
      assertEquals(Array.from({ length: 10 }, (_, i) => receiving.length(i)), [...Array(9).fill(1000), 500]);
      assertEquals(receiving.segmentBytes(0), 0);
      assertEquals(receiving.payload(3).subarray(0, 1000), sending.payload(0).subarray(3000, 4000));

      pair.server.set(receiveOffload, true);
      assertEquals(sending.send(pair.client), 1);
      assertEquals(receiving.receive(pair.server), 1);
      assertEquals([receiving.length(0), receiving.segmentBytes(0)], [9500, 1000]);
      assertEquals(receiving.payload(0).subarray(0, 9500), sending.payload(0).subarray(0, 9500));

      // Back to the socket's own setting, which is one packet.
      sending.setSegmentBytes(0, 0);
      assertEquals([sending.send(pair.client), receiving.receive(pair.server)], [1, 1]);
      assertEquals([receiving.length(0), receiving.segmentBytes(0)], [9500, 0]);
      pair.client.set(segmentBytes, 5000);
      assertEquals([sending.send(pair.client), receiving.receive(pair.server)], [1, 1]);
      assertEquals([receiving.length(0), receiving.segmentBytes(0)], [9500, 5000]);
    },
  });

  Deno.test({
    name: `ReceiveBatch.timestamp() over ${family} is between sending and receiving, by the wall clock`,
    ignore,
    fn() {
      using pair = udpPair(family);
      pair.server.set(receiveTimestamps, true);
      using arena = new Arena();
      const sending = new SendBatch(arena, { capacity: 4 }), receiving = new ReceiveBatch(arena);
      const clock = new Clock("realtime");
      const before = clock.now();
      sending.send(pair.client);
      assertEquals(receiving.receive(pair.server), 4);
      // Where nobody on the machine wanted timestamps before, the first packets get theirs only now.
      const after = clock.now();
      for (let i = 0; i < 4; i++) {
        const stamp = receiving.timestamp(i)!;
        assert(before <= stamp && stamp <= after, `${before} ${stamp} ${after}`);
        assertEquals(receiving.timestampSince(i, new TimeBase(before)), Number(stamp - before));
      }
      pair.server.set(receiveTimestamps, false);
      sending.send(pair.client, 0, 1);
      receiving.receive(pair.server);
      assertEquals([receiving.timestamp(0), receiving.timestampSince(0, new TimeBase(before))], [undefined, NaN]);
    },
  });

  Deno.test({
    name: `ReceiveBatch.drops() over ${family} counts what the buffer had no room for`,
    ignore,
    fn() {
      using pair = udpPair(family);
      pair.server.set(receiveDrops, true);
      pair.server.set(receiveBufferBytes, 20_000);
      using arena = new Arena();
      const sending = new SendBatch(arena), receiving = new ReceiveBatch(arena, { capacity: 1 });
      for (let round = 0; round < 3; round++) assertEquals(sending.send(pair.client), 64);
      let received = 0;
      while (receiving.receive(pair.server) !== WOULD_BLOCK) received++;
      assert(received < 100);
      // The count comes with what arrives after the loss.
      sending.send(pair.client, 0, 1);
      assertEquals([receiving.receive(pair.server), receiving.drops(0)], [1, 192 - received]);
    },
  });
}

for (
  const [what, host, dial] of [
    ["an IPv4", "0.0.0.0", "127.0.0.5"],
    ["an IPv6", "::", "::1"],
    ["a mapped", "::", "127.0.0.6"],
  ]
) {
  Deno.test({
    name: `SendBatch.reply() answers from ${what} address that was dialled, with its traffic class`,
    ignore,
    fn() {
      const address = SockAddr.of(host, 0);
      using server = Socket.open("udp", address.family);
      server.bind(address);
      receiveLocalAddress(server);
      receiveTrafficClass(server);
      const target = SockAddr.of(dial, server.localAddress().port);
      using client = Socket.open("udp", target.family);
      client.connect(target);
      receiveTrafficClass(client);
      setTrafficClass(client, 0x29);
      using arena = new Arena();
      const sending = new SendBatch(arena), receiving = new ReceiveBatch(arena);
      for (let i = 0; i < 3; i++) assertEquals(client.send(Uint8Array.of(i)), 1);
      const count = receiving.receive(server);
      for (let i = 0; i < count; i++) {
        sending.payload(i)[0] = 10 * receiving.payload(i)[0];
        sending.setLength(i, 1);
        sending.reply(i, receiving, i);
      }
      assertEquals([count, sending.send(server, 0, count)], [3, 3]);
      // A connected socket receives from the address that it dialled alone.
      assertEquals(receiving.receive(client), 3);
      for (let i = 0; i < 3; i++) {
        assertEquals([receiving.payload(i)[0], receiving.trafficClass(i)], [10 * i, 0x29]);
        assert(receiving.isFrom(i, target));
      }
    },
  });
}

Deno.test({
  name: "ReceiveBatch.truncated() reports a message that is longer than the room",
  ignore,
  fn() {
    using pair = udpPair("ipv4");
    using arena = new Arena();
    const receiving = new ReceiveBatch(arena, { maxBytes: 10 });
    pair.client.send(new Uint8Array(11));
    pair.client.send(new Uint8Array(10));
    assertEquals(receiving.receive(pair.server), 2);
    assertEquals([0, 1].map((i) => [receiving.truncated(i), receiving.length(i)]), [[true, 10], [false, 10]]);
  },
});

Deno.test({
  name: "SendBatch.send() throws the error that came back, and goes on",
  ignore,
  fn() {
    using pair = udpPair("ipv4");
    using arena = new Arena();
    const sending = new SendBatch(arena, { capacity: 2 });
    pair.server.close();
    assertEquals(sending.send(pair.client, 0, 1), 1);
    const error = assertThrows(() => sending.send(pair.client), SystemError);
    assertEquals([error.call, error.errnoName], ["sendmmsg", "ECONNREFUSED"]);
  },
});

Deno.test({
  name: "SendBatch refuses what it has no room for",
  ignore,
  fn() {
    using pair = udpPair("ipv4");
    using arena = new Arena();
    const sending = new SendBatch(arena, { capacity: 2, maxBytes: 100 });
    for (const bytes of [-1, 101, NaN]) assertThrows(() => sending.setLength(0, bytes), RangeError);
    assertThrows(() => sending.send(pair.client, 1, 2), RangeError, "messages 1 to 3 of a batch of 2");
    assertThrows(() => sending.send(pair.client, -1, 1), RangeError);
    assertEquals(sending.send(pair.client, 2), 0);
    for (const options of [{ capacity: 0 }, { capacity: 1025 }, { maxBytes: 0 }, { maxBytes: 65_537 }]) {
      assertThrows(() => new SendBatch(arena, options), RangeError);
    }
  },
});
