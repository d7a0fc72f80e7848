import { assert, assertEquals } from "@std/assert";
import { brotliCompressSync, constants } from "node:zlib";
import { RandomBytes, RepeatedBytes } from "../../../src/flow/payload.ts";
import { PortOversize, SocketOutgoing } from "../../../src/flow/packet/socket_outgoing.ts";
import { Arena } from "../../../src/sys/arena.ts";
import { ReceiveBatch } from "../../../src/sys/receive_batch.ts";
import { concat } from "../../../src/wire/bytes.ts";
import { udpPair } from "../../sys/udp_pair.ts";

const ignore = Deno.build.os !== "linux";

const CAPACITY = 16;
const BYTES = 1000;

/** Sends packets in calls of different sizes, some of which send what an earlier one has left. */
function* carried(outgoing: SocketOutgoing, pair: ReturnType<typeof udpPair>, packets: number, afterEach = () => {}) {
  using arena = new Arena();
  const receiving = new ReceiveBatch(arena, { capacity: CAPACITY });
  for (let left = packets, round = 0; left > 0; round++) {
    const count = Math.min(left, [1, CAPACITY, 5, 1, CAPACITY - 1][round % 5]);
    for (let i = 0; i < count; i++) outgoing.setLength(i, BYTES, 0);
    const first = Math.ceil(count / 3);
    let sent = outgoing.send(0, first);
    if (first < count) sent += outgoing.send(first, count - first);
    assertEquals(sent, count);
    left -= sent;
    const received = receiving.receive(pair.server);
    assertEquals(received, sent);
    for (let i = 0; i < received; i++) yield receiving.payload(i).slice(0, receiving.length(i));
    for (let i = 0; i < received; i++) afterEach();
  }
}

/** The share that a compressor leaves, with a window of 16 MiB. */
function leftByBrotli(bytes: Uint8Array): number {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 2, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return brotliCompressSync(bytes, { params }).length / bytes.length;
}

Deno.test({
  name: "SocketOutgoing never repeats random bytes at 80 Mbit/s, and only where there is no time",
  ignore,
  fn() {
    const left = [0.1, 0].map((msEach) => {
      let now = 0;
      using pair = udpPair("ipv4");
      const random = new RandomBytes(() => now);
      const oversize = new PortOversize(pair.client, "forbid");
      using outgoing = new SocketOutgoing(
        pair.client,
        oversize,
        { capacity: CAPACITY, maxBytes: BYTES },
        () => {},
        random,
      );
      return leftByBrotli(concat([...carried(outgoing, pair, 5000, () => now += msEach)]));
    });
    // The rest of this test is void unless bytes repeat here.
    assert(left[0] > 0.999 && left[1] < 0.9, `${left}`);
  },
});

Deno.test({
  name: "SocketOutgoing carries a pattern in each packet, and a file across packets",
  ignore,
  fn() {
    for (const inOrder of [false, true]) {
      using pair = udpPair("ipv4");
      const payload = new RepeatedBytes(Uint8Array.of(1, 2, 3), inOrder, BYTES);
      const oversize = new PortOversize(pair.client, "forbid");
      const sizes = { capacity: CAPACITY, maxBytes: BYTES };
      using outgoing = new SocketOutgoing(pair.client, oversize, sizes, () => {}, payload);
      let at = 0;
      for (const packet of carried(outgoing, pair, 100)) {
        assert(packet.every((byte, i) => byte === (at + i) % 3 + 1));
        if (inOrder) at += packet.length;
      }
    }
  },
});
