import { assert, assertEquals } from "@std/assert";
import { availability } from "../../../src/sys/libc.ts";
import { ffiFlows, portableFlows } from "../../../src/flow/create_flows.ts";
import type { Flows } from "../../../src/flow/flows.ts";
import { findPythonWith } from "../../support/peers.ts";
import { TextReader } from "../../support/tine.ts";
import { unless } from "../../support/unless.ts";
import { RecordedEvents } from "../stream/recorded_events.ts";

const { python, why } = await findPythonWith(
  "scapy.contrib.stamp",
  "scapy.contrib.stamp.STAMPSessionReflectorTestUnauthenticated(bytes(48))",
);
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

for (
  const [kind, format, there, back, ahead, stamp, what] of [
    ["stateful", "ntp", "7", "4", "0", { ssid: 77 }, "a reflector that scapy makes counts losses by direction"],
    ["stateless", "ptp", "5", "0", "0", { timestamps: "ptp" }, "one that is stateless, with times of PTP"],
    [
      "twamp",
      "ntp",
      "3",
      "6",
      "1000000",
      {},
      "one of TWAMP Light, whose replies have 41 bytes, with a clock that is wrong",
    ],
  ] as const
) {
  for (const [engine, why, make] of engines) {
    Deno.test({
      ...unless(why, `stampSender over ${engine}: ${what}`),
      async fn() {
        await using flows = make();
        const child = new Deno.Command(python, {
          args: [PEER, "reflector", "127.0.0.1", kind, format, there, back, ahead],
          stdout: "piped",
        }).spawn();
        await using reader = new TextReader(child.stdout);
        const [, port] = await reader.until(/"port": (\d+)/);
        const events = new RecordedEvents();
        const options = { events, signal: new AbortController().signal };
        const sender = [{ unresponsive: { wait: [2], packets: 200, length: [44, 200] } }];
        const config = { flow: "router", stamp, sender };
        const report = await flows.packetClient(`127.0.0.1:${port}`, config, options);
        child.kill("SIGKILL");
        await child.status;
        const [{ sent, serverReceived, received, lostToServer, lostFromServer, duplicates }] = report.senders;
        const [lostThere, lostBack] = [2 * Number(there), 2 * Number(back)];
        const counts = kind !== "stateless";
        assertEquals([report.complete, report.uncounted, report.bad], [true, counts ? undefined : true, 0]);
        assertEquals([sent, received, duplicates], [200, 200 - lostThere - lostBack, 0]);
        if (counts) {
          assertEquals([serverReceived, lostToServer, lostFromServer], [200 - lostThere, lostThere, lostBack]);
        }
        const { values } = events.infos[0];
        assertEquals([values.reflectorCounts, values.reflectorTimestamps, values.reflectorSynchronized], [
          counts,
          format,
          false,
        ]);
        assertEquals(events.logs.some((line) => line.includes("about 12 days ahead")), kind === "twamp");
        assert(report.rtt !== undefined && report.rtt.minMicros > 0 && report.rtt.minMicros < 1e6);
      },
    });
  }
}

/** Runs the peer to its end, and returns what it printed. */
async function linesOf(...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout, stderr, code } = await new Deno.Command(python, { args: [PEER, ...args] }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}
