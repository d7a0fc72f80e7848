import { assertEquals } from "@std/assert";
import { availability } from "../../../src/sys/libc.ts";
import { ffiFlows, portableFlows } from "../../../src/flow/create_flows.ts";
import type { Flows } from "../../../src/flow/flows.ts";
import { findPythonWith } from "../../support/peers.ts";
import { unless } from "../../support/unless.ts";

const { python, why } = await findPythonWith("scapy.contrib.stamp");
const PEER = new URL("./scapy_peer.py", import.meta.url).pathname;
const ffi = availability();
const engines: readonly (readonly [name: string, why: string | undefined, make: () => Flows])[] = [
  ["raw sockets", why ?? (ffi.available ? undefined : ffi.reason), ffiFlows],
  ["Deno's API", why, () => portableFlows("a test")],
];
const nothing = { info() {}, records() {}, progress() {}, log() {} };

for (const [engine, why, make] of engines) {
  Deno.test({
    ...unless(why, `a reflector over ${engine} answers what scapy makes of RFC 8762, over IPv4 and IPv6`),
    async fn() {
      await using flows = make();
      const options = { events: nothing, signal: new AbortController().signal };
      await Promise.all(["127.0.0.1", "::1"].map(async (host) => {
        const listenAddr = host.includes(":") ? `[${host}]:0` : `${host}:0`;
        await using server = await flows.packetServer({ listenAddr, stamp: {} }, options);
        const port = server.address.split(":").at(-1)!;
        const replies = await linesOf("sender", host, port, "0", "1", "5", "4294967295");
        // A program's own packets on loopback, which no router has touched.
        const ttl = engine === "raw sockets" ? 64 : 255;
        const expected = [0, 1, 5, 4294967295].map((seqSender, seq) => ({
          length: [64, 64],
          seq,
          ssid: 513,
          seqSender,
          sameTimestamp: true,
          errorSender: [1, 3, 17],
          multiplier: replies[0].multiplier,
          ttl,
          mbz: [0, 0],
          tlvs: [[0, 1, 8], [0x80, 4, 4]],
          inOrder: true,
        }));
        assertEquals(replies, expected, host);
      }));
    },
  });
}

/** Runs the peer to its end, and returns what it printed. */
async function linesOf(...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout, stderr, code } = await new Deno.Command(python, { args: [PEER, ...args] }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}
