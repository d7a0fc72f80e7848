import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { concat } from "../../src/wire/bytes.ts";
import { PACKET_HEADER_BYTES } from "../../src/flow/packet/header.ts";
import { makers } from "./packet/packet_makers.ts";
import { PacketEvents } from "./packet/packet_events.ts";
import { PacketProxy } from "./packet/packet_proxy.ts";
import { RecordedEvents } from "./stream/recorded_events.ts";
import { StreamProxy } from "./stream/stream_proxy.ts";

const { signal } = new AbortController();
const LENGTH = 300_000;
/** Sockets of the proxy have room for all of them. */
const PACKETS = 40;

/** The share that a compressor leaves. */
function left(bytes: Uint8Array): number {
  return gzipSync(bytes).length / bytes.length;
}

/** What a TCP flow carries over a proxy, either way. */
async function streamed(kind: string, payload: string | undefined, direction: "upload" | "download") {
  await using flows = makers[kind]();
  const events = new RecordedEvents();
  await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
  await using proxy = new StreamProxy(server.address);
  const config = { [direction]: { flow: "bulk", length: LENGTH, payload } };
  const { bytes } = await flows.streamClient(proxy.address, config, { events, signal });
  assertEquals(bytes, LENGTH);
  // Its last events come before it has ended.
  await server[Symbol.asyncDispose]();
  const kinds = events.infos.map(({ values }) => values.payload);
  const carried = concat(direction === "upload" ? proxy.fromClient : proxy.fromServer);
  return { kinds, carried };
}

/** What the packets of a UDP flow carry over a proxy: behind their headers, those of the client, then those that came back. */
async function packeted(kind: string, payload: string | undefined, reverse = false) {
  await using flows = makers[kind]();
  const events = new PacketEvents();
  await using server = await flows.packetServer({ listenAddr: ":0" }, { events, signal });
  await using proxy = new PacketProxy(server.address);
  const down: Uint8Array[] = [];
  proxy.down = (packet, pass) => {
    down.push(packet);
    pass(packet);
  };
  const sender = [{ unresponsive: { wait: [0.5], length: [1000], packets: PACKETS, echo: !reverse, reverse } }];
  await flows.packetClient(proxy.address, { flow: "voip", sender, payload }, { events, signal });
  const content = (packets: readonly Uint8Array[]) =>
    concat(packets.filter(({ length }) => length === 1000).map((packet) => packet.subarray(PACKET_HEADER_BYTES)));
  return { up: content(proxy.fromClient), down: content(down), infos: events.infos };
}

for (const kind of Object.keys(makers)) {
  Deno.test(`streams carry random bytes by default, ${kind}`, async () => {
    for (const direction of ["upload", "download"] as const) {
      const random = await streamed(kind, undefined, direction);
      assert(left(random.carried) > 0.99, direction);
      assertEquals(random.kinds, ["random", "random"]);
      assert(left((await streamed(kind, "zeros", direction)).carried) < 0.02, direction);
      const { carried, kinds } = await streamed(kind, "0xC0FFEE", direction);
      assertEquals(kinds, ["0xc0ffee", "0xc0ffee"]);
      assert(carried.toHex().includes("c0ffee".repeat((LENGTH - 16) / 3 - 1)), direction);
    }
  });

  Deno.test(`streams carry a file of the client, again and again, ${kind}`, async () => {
    const path = await Deno.makeTempFile();
    try {
      const file = crypto.getRandomValues(new Uint8Array(7001));
      await Deno.writeFile(path, file);
      const hex = (await streamed(kind, path, "upload")).carried.toHex(), first = hex.indexOf(file.toHex());
      const times = Math.floor((LENGTH - 16) / file.length);
      assertEquals(hex.slice(first, first + times * 2 * file.length), file.toHex().repeat(times));
    } finally {
      await Deno.remove(path);
    }
  });

  Deno.test(`packets and their echoes carry random bytes by default, ${kind}`, async () => {
    const { up, down, infos } = await packeted(kind, undefined);
    assert(up.length > 10_000 && left(up) > 0.99);
    // What came is what went: a busy machine may have lost some at the end.
    assert(down.length > 10_000 && up.toHex().includes(down.subarray(0, 9000).toHex()));
    assertEquals(infos.find(({ server }) => !server)!.values.payload, "random");
    assert(left((await packeted(kind, undefined, true)).down) > 0.99, "from the server");
    for (const reverse of [false, true]) {
      const pattern = await packeted(kind, "0xabcd", reverse);
      const bytes = reverse ? pattern.down : pattern.up;
      assertEquals(bytes.toHex(), "abcd".repeat(bytes.length / 2));
      const zeros = await packeted(kind, "zeros", reverse);
      assert((reverse ? zeros.down : zeros.up).every((byte) => byte === 0));
    }
  });

  Deno.test(`packets carry a file of the client in order, ${kind}`, async () => {
    const path = await Deno.makeTempFile();
    try {
      const file = crypto.getRandomValues(new Uint8Array(7001));
      await Deno.writeFile(path, file);
      const { up } = await packeted(kind, path);
      const times = Math.ceil(up.length / file.length);
      assertEquals(up.toHex(), file.toHex().repeat(times).slice(0, 2 * up.length));
    } finally {
      await Deno.remove(path);
    }
  });
}
