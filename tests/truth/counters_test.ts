import { assert, assertEquals } from "@std/assert";
import { makeLink, whyNoLink } from "../support/link.ts";
import { needsProcessors } from "../support/quiet.ts";
import { testTogether } from "../support/together.ts";
import { runClient, startServer } from "./by_hand.ts";

const missing = whyNoLink();
const WHAT = "tine tcp and udp count what interfaces and sockets count";
/** Of Ethernet. */
const FRAME_BYTES = 14;
const IP_BYTES = { ipv4: 20, ipv6: 40 };
const UDP_BYTES = 8;
/** With timestamps, as all segments have but the first. */
const TCP_BYTES = 32;
/** What opens and closes a flow, and what the kernel says of itself (neighbours): more than that is unexplained. */
const FEW_BYTES = 6000;
const FEW_PACKETS = 24;

const streams = (["ipv4", "ipv6"] as const).flatMap((family) =>
  (["upload", "download"] as const).map((direction) => ({
    name: `bytes of a TCP ${direction} over ${family}`,
    async fn() {
      await using link = await makeLink();
      await using server = await startServer(link, "tcp", family);
      const reverse = direction === "download" ? ["--reverse"] : [];
      const { flows: [flow] } = await runClient(link, "tcp", server.address, "--length=40MB", ...reverse);
      assertEquals(flow.bytes, 40_000_000);
      const sender = direction === "upload" ? link.client : link.server;
      const { bytes, packets } = (await sender.traffic()).sent;
      // One packet a segment: none is longer than the wire would take.
      assert(bytes / packets <= 1514, `${bytes} bytes in ${packets} packets`);
      const payload = bytes - packets * (FRAME_BYTES + IP_BYTES[family] + TCP_BYTES);
      const resent = await sender.counter("Tcp RetransSegs") * 1448;
      assert(payload >= flow.bytes - FEW_BYTES, `${payload}, told ${flow.bytes}`);
      assert(payload <= flow.bytes + resent + FEW_BYTES, `${payload}, resent ${resent}, told ${flow.bytes}`);
    },
  }))
);

const packets = (["ipv4", "ipv6"] as const).flatMap((family) =>
  [
    { what: "packets of 64 bytes", args: ["--rate=5000pps", "--length=64"], bytes: 64 },
    { what: "bursts of 1200 bytes", args: ["--rate=50Mbps", "--length=1200", "--gso"], bytes: 1200 },
    { what: "packets of 200 bytes from the server", args: ["--rate=2000pps", "--length=200", "--reverse"], bytes: 200 },
  ].map(({ what, args, bytes }) => ({
    name: `${what} over ${family}`,
    async fn() {
      await using link = await makeLink();
      await using server = await startServer(link, "udp", family);
      const { flows: [flow] } = await runClient(link, "udp", server.address, "--duration=1s", ...args);
      const [path, sender, receiver] = args.includes("--reverse")
        ? [flow.fromServer, link.server, link.client]
        : [flow.toServer, link.client, link.server];
      const { sent, received, lost } = path;
      assert(sent > 500);
      assertEquals([received, lost], [sent, 0]);
      const arrived = (await receiver.traffic()).received;
      const few = { packets: arrived.packets - received, bytes: 0 };
      few.bytes = arrived.bytes - received * (bytes + FRAME_BYTES + IP_BYTES[family] + UDP_BYTES);
      assert(few.packets >= 3 && few.packets <= FEW_PACKETS, JSON.stringify({ arrived, received }));
      assert(few.bytes > 0 && few.bytes <= FEW_BYTES, JSON.stringify({ arrived, received }));
      // The sockets themselves: nothing but what was reported, and what opens and closes.
      const udp = family === "ipv4" ? "Udp " : "Udp6";
      const taken = await receiver.counter(`${udp}InDatagrams`) - received;
      const given = await sender.counter(`${udp}OutDatagrams`);
      assert(taken >= 3 && taken <= FEW_PACKETS, `${taken}`);
      assert(given > 0);
    },
  }))
);

testTogether(
  missing === undefined ? WHAT : `${WHAT} (skipped: ${missing})`,
  [...streams, ...packets].map(({ name, fn }) => ({ ...needsProcessors(name, fn), ignore: missing !== undefined })),
  3,
);
