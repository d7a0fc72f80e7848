import { assert, assertEquals } from "@std/assert";
import { type LinkEnd, makeLink, whyNoLink } from "../support/link.ts";
import { outputOf, TINE } from "../support/tine.ts";
import { whyNotInstalled } from "../support/unless.ts";
import { testTogether } from "../support/together.ts";
import { runClient, startServer } from "./by_hand.ts";

const missing = whyNoLink();
const WHAT = "tine tcp and udp client --rr make the connections and packets that the kernel counts";
/** Of Ethernet, IP and TCP with timestamps. */
const HEADER_BYTES = { ipv4: 14 + 20 + 32, ipv6: 14 + 40 + 32 };
/** What opens and ends a flow takes fewer bytes than this. */
const FEW_BYTES = 3000;

/** Runs a client that fails, and returns what it says. */
async function failing({ inside: [program, ...words] }: LinkEnd, ...args: string[]): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...words, ...TINE, "tcp", "client", ...args, "--json"],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { code, stderr } = await outputOf(child);
  assertEquals(code, 1, stderr);
  return stderr;
}

/** How many connections wait for their end, TIME_WAIT: 06 in the kernel's list. */
async function waiting({ namespace: { pid } }: LinkEnd): Promise<number> {
  return (await Deno.readTextFile(`/proc/${pid}/net/tcp`)).split("\n").filter((line) => line.split(/\s+/)[4] === "06")
    .length;
}

/** Leaves the client's system few ports to choose from. */
async function fewPorts(end: LinkEnd): Promise<void> {
  await inside(end, ["sh", "-c", "echo 40000 40009 >/proc/sys/net/ipv4/ip_local_port_range"]);
}

/** Runs a command in a namespace, and returns what it prints. */
async function inside({ inside: [program, ...words] }: LinkEnd, command: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...words, ...command] }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const tests: { name: string; ignore?: boolean; fn(): Promise<void> }[] = [
  ...(["ipv4", "ipv6"] as const).map((family) => ({
    name: `bytes of requests and responses over ${family}`,
    async fn() {
      await using link = await makeLink();
      await using server = await startServer(link, "tcp", family);
      const summary = await runClient(link, "tcp", server.address, "--rr=200,900", "--transactions=1000");
      assertEquals([summary.transactions, summary.complete, summary.connectionsPerSecond], [1000, true, undefined]);
      for (const [end, bytes] of [[link.client, 200], [link.server, 900]] as const) {
        const { sent } = await end.traffic();
        const payload = sent.bytes - sent.packets * HEADER_BYTES[family];
        assert(payload >= 1000 * bytes && payload <= 1000 * bytes + FEW_BYTES, `${payload} for ${bytes}`);
      }
      assertEquals(await link.server.counter("Tcp PassiveOpens"), 1);
    },
  })),
  {
    name: "a connection for each transaction, which waits for its end at the client, or is reset",
    async fn() {
      await using link = await makeLink();
      await using server = await startServer(link, "tcp");
      const summary = await runClient(link, "tcp", server.address, "--crr", "--transactions=300");
      const { transactions, connectMeanMicros, latencyMeanMicros } = summary;
      assertEquals(transactions, 300);
      assert(connectMeanMicros > 0 && connectMeanMicros < latencyMeanMicros);
      // One more: the connection over which the client has asked.
      assertEquals(await link.client.counter("Tcp ActiveOpens"), 301);
      assertEquals(await link.server.counter("Tcp PassiveOpens"), 301);
      const before = await waiting(link.client);
      assert(before >= 300 && before <= 301, `${before}`);
      assertEquals(await waiting(link.server), 0);
      const reset = await runClient(link, "tcp", server.address, "--crr", "--transactions=300", "--rst");
      assertEquals(reset.transactions, 300);
      assertEquals(await link.client.counter("Tcp ActiveOpens"), 602);
      assert(await waiting(link.client) <= before + 1);
    },
  },
  {
    name: "what a client may do whose system has no port left",
    async fn() {
      await using link = await makeLink();
      await using server = await startServer(link, "tcp");
      await fewPorts(link.client);
      const stderr = await failing(link.client, server.address, "--crr", "--transactions=100");
      const [, after] = /no port of this machine is free after (\d+) transactions: .*\(TIME_WAIT\)/.exec(stderr) ?? [];
      assert(Number(after) >= 8 && Number(after) <= 10, stderr);
      assertEquals(stderr.trim().split("\n").length, 1);
      // Where it is the client that chooses, a port is free again at once: the kernel sees that the other end is done.
      const chosen = ["--client-ports=50000-50004", "--transactions=60"];
      const { transactions, complete } = await runClient(link, "tcp", server.address, "--crr", ...chosen);
      assertEquals([transactions, complete], [60, true]);
      assertEquals(
        (await runClient(link, "tcp", server.address, "--crr", "--rst", "--transactions=60")).transactions,
        60,
      );
    },
  },
  {
    name: "what a router drops of requests and responses over UDP",
    ignore: whyNotInstalled("nft") !== undefined,
    async fn() {
      await using link = await makeLink();
      await using server = await startServer(link, "udp");
      // Of packets of the flow alone, which are shorter than those that open and close it.
      const rules = "add table ip t; add chain ip t c { type filter hook input priority 0; }; " +
        "add rule ip t c udp length 108 numgen inc mod 10 0 counter drop";
      await inside(link.server, ["nft", rules]);
      const args = ["--rr=100,200", "--transactions=100", "--in-flight=50", "--timeout=1500ms"];
      const { transactions, unanswered, unansweredPercent, complete } = await runClient(
        link,
        "udp",
        server.address,
        ...args,
      );
      const counted = /packets (\d+)/.exec(await inside(link.server, ["nft", "list table ip t"]));
      assertEquals([transactions, unanswered, unansweredPercent, complete], [90, 10, 10, true]);
      assertEquals(Number(counted?.[1]), 10);
      // Each request that arrived was answered once, with as many bytes as were asked for.
      const sent = (await link.server.traffic()).sent;
      assert(sent.bytes >= 90 * (200 + 42) && sent.bytes <= 90 * (200 + 42) + FEW_BYTES, `${sent.bytes}`);
    },
  },
];

testTogether(
  missing === undefined ? WHAT : `${WHAT} (skipped: ${missing})`,
  tests.map((test) => ({ ...test, ignore: test.ignore || missing !== undefined })),
  2,
);
