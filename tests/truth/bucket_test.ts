import { assert, assertEquals } from "@std/assert";
import { makeLink, whyNoLink } from "../support/link.ts";
import { needsProcessors } from "../support/quiet.ts";
import { testTogether } from "../support/together.ts";
import { runClient, startServer } from "./by_hand.ts";

const missing = whyNoLink();
const WHAT = "tine tcp and udp measure what a token bucket lets through";
const RATE = 40e6;
/**
 * Tokens that are not used within 13 ms are lost: a busy machine takes a few. The queue is shorter than what a socket may
 * have in it, or that would hold the sender back.
 */
const BUCKET = "rate 40mbit burst 64kb limit 64kb";
/** A frame as the bucket counts it, of Ethernet, IPv4, TCP with timestamps and data, and the data in it. */
const FRAME_BYTES = 1514;
const SEGMENT_BYTES = 1448;
const GOODPUT = RATE * SEGMENT_BYTES / FRAME_BYTES;

const goodputs = (["upload", "download"] as const).flatMap((direction) =>
  (["cubic", "reno"] as const).map((cca) => ({
    name: `goodput of a TCP ${direction} with ${cca}, and what was sent again`,
    async fn() {
      await using link = await makeLink({ bridge: true });
      const [sender, bucket] = direction === "upload" ? [link.client, link.toServer] : [link.server, link.toClient];
      await bucket.shape(BUCKET);
      await using server = await startServer(link, "tcp");
      const reverse = direction === "download" ? ["--reverse"] : [];
      const args = [server.address, "--duration=4s", `--cca=${cca}`, ...reverse];
      const { flows: [flow] } = await runClient(link, "tcp", ...args);
      const share = flow.goodputBitsPerSecond / GOODPUT;
      assert(Math.abs(share - 1) < 0.02, `goodput is ${share} of what the bucket lets through`);
      // The queue is short: it drops, and the kernel's counter of all sockets is the witness.
      const { drops } = await bucket.queue();
      assert(drops > 0 && flow.retransmits >= drops, `${drops} drops, ${flow.retransmits} sent again`);
      assertEquals(flow.retransmits, await sender.counter("Tcp RetransSegs"));
    },
  }))
);

const losses = ([["toServer", true], ["toServer", false], ["fromServer", true]] as const).map((
  [direction, bridge],
) => ({
  name: `loss of UDP packets ${direction}, in ${bridge ? "the middle" : "the sender's own queue"}`,
  async fn() {
    await using link = await makeLink({ bridge });
    const reverse = direction === "fromServer";
    const bucket = reverse ? link.toClient : link.toServer;
    await bucket.shape(BUCKET);
    await using server = await startServer(link, "udp");
    const args = [server.address, "--duration=2s", "--length=1000", "--rate=60Mbps", ...reverse ? ["--reverse"] : []];
    const { flows: [flow] } = await runClient(link, "udp", ...args);
    const { sent, received, lost, socketDrops } = flow[direction];
    const { drops } = await bucket.queue();
    assert(drops > 0.2 * sent, `${drops} of ${sent}`);
    assertEquals([lost, received, socketDrops], [drops, sent - drops, 0]);
    const share = flow.goodputBitsPerSecond / (RATE * 1000 / 1042);
    assert(Math.abs(share - 1) < 0.02, `goodput is ${share} of what the bucket lets through`);
  },
}));

const drops = {
  name: "loss in the server's own socket apart from that of the link",
  async fn() {
    await using link = await makeLink();
    await using server = await startServer(link, "udp");
    const args = [server.address, "--duration=2s", "--length=1000", "--rate=20000pps"];
    const client = runClient(link, "udp", ...args);
    // As soon as packets flow, the server stands still until its socket has had to drop some.
    while (await link.server.counter("Udp InDatagrams") < 1000) await pause();
    Deno.kill(server.pid, "SIGSTOP");
    while (await link.server.counter("Udp RcvbufErrors") < 1000) await pause();
    Deno.kill(server.pid, "SIGCONT");
    const { flows: [{ toServer }] } = await client;
    const dropped = await link.server.counter("Udp RcvbufErrors");
    assertEquals([toServer.socketDrops, toServer.lost], [dropped, 0]);
    assertEquals(toServer.received, toServer.sent - dropped);
  },
};

testTogether(
  missing === undefined ? WHAT : `${WHAT} (skipped: ${missing})`,
  [...goodputs, ...losses, drops].map(({ name, fn }) => ({
    ...needsProcessors(name, fn),
    ignore: missing !== undefined,
  })),
  3,
);

/** Counters of the kernel announce nothing: one looks. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
