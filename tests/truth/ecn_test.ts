import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makeLink, whyNoLink } from "../support/link.ts";
import { outputOf, TINE } from "../support/tine.ts";
import { testTogether } from "../support/together.ts";
import { whyNotInstalled } from "../support/unless.ts";
import { startServer, type Summary } from "./by_hand.ts";

const missing = whyNoLink() ?? whyNotInstalled("nft");
const WHAT = "tine tcp counts congestion marks as the kernel and a firewall that sets them do";

/** Marks each tenth segment that may be marked, and counts: as a queue does that is about to be full. */
const MARKS = "add table inet w\n" +
  "add chain inet w in { type filter hook prerouting priority 0; }\n" +
  "add rule inet w in meta l4proto tcp ip ecn ect0 numgen inc mod 10 0 counter ip ecn set ce\n" +
  "add rule inet w in meta l4proto tcp ip6 ecn ect0 numgen inc mod 10 0 counter ip6 ecn set ce\n";

type Link = Awaited<ReturnType<typeof makeLink>>;

async function mark({ server }: Link): Promise<void> {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, MARKS);
  await server.namespace.run(`nft -f ${file}`);
  await Deno.remove(file);
}

/** How many segments were marked. */
async function marked({ server }: Link): Promise<number> {
  const { nftables } = JSON.parse(await server.namespace.run("nft -j list ruleset"));
  // deno-lint-ignore no-explicit-any
  const counters = nftables.flatMap(({ rule }: any) => rule?.expr.flatMap(({ counter }: any) => counter ?? []) ?? []);
  return counters.reduce((sum: number, { packets }: { packets: number }) => sum + packets, 0);
}

async function set({ client, server }: Link, value: number): Promise<void> {
  for (const { namespace } of [client, server]) await namespace.run(`sysctl -qw net.ipv4.tcp_ecn=${value}`);
}

async function run({ client }: Link, ...args: string[]): Promise<{ flow: Summary; stderr: string }> {
  const command = [...client.inside, ...TINE, "tcp", "client", ...args, "--json"];
  const child = new Deno.Command(command[0], {
    args: command.slice(1),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await outputOf(child.spawn());
  assertEquals(code, 0, stderr);
  return { flow: JSON.parse(stdout).flows[0], stderr };
}

const steps = [
  ...(["ipv4", "ipv6"] as const).map((family) => ({
    name: `RFC 3168 over ${family}`,
    async fn() {
      await using link = await makeLink();
      await set(link, 1);
      await mark(link);
      await using server = await startServer(link, "tcp", family);
      const { flow, stderr } = await run(link, server.address, "--length=2MB", "--cca=cubic", "--ecn");
      assertEquals([flow.ecn, stderr], [true, ""]);
      const least = await marked(link);
      assert(least > 0);
      // Each mark is reported until the sender has answered it, a round trip later: never by fewer segments.
      assert(flow.congestionMarks >= least, `${least} marked, ${flow.congestionMarks} reported`);
    },
  })),
  {
    name: "RFC 9768 exactly, where the kernel speaks it",
    async fn() {
      await using link = await makeLink();
      const speaks = await set(link, 3).then(() => true, () => false);
      if (!speaks) await set(link, 1);
      await mark(link);
      await using server = await startServer(link, "tcp");
      const { flow } = await run(link, server.address, "--length=2MB", "--cca=cubic", "--ecn");
      const count = await marked(link);
      assert(count > 0);
      assertEquals(flow.congestionMarkedBytes !== undefined, speaks);
      if (!speaks) return;
      assertEquals(flow.congestionMarks, count);
      assert(flow.congestionMarkedBytes > (count - 1) * 500 && flow.congestionMarkedBytes <= count * 1448);
    },
  },
  {
    name: "asked for, and not negotiated; then by the route alone",
    async fn() {
      await using link = await makeLink();
      await set(link, 2);
      await using server = await startServer(link, "tcp");
      const without = await run(link, server.address, "--length=100kB", "--ecn");
      assertEquals([without.flow.ecn, without.flow.congestionMarks], [false, 0]);
      assertStringIncludes(without.stderr, "ECN was not negotiated; net.ipv4.tcp_ecn is 2 at the client");
      await link.client.namespace.run("ip route replace 198.18.0.2/32 dev cable features ecn");
      const by = await run(link, server.address, "--length=100kB", "--ecn");
      assertEquals([by.flow.ecn, by.stderr], [true, ""]);
    },
  },
];

testTogether(
  missing === undefined ? WHAT : `${WHAT} (skipped: ${missing})`,
  steps.map((step) => ({ ...step, ignore: missing !== undefined })),
  2,
);
