import { assert, assertEquals } from "@std/assert";
import { toText } from "@std/streams";
import { DEVICE, type LinkEnd, makeLink, whyNoLink } from "../support/link.ts";
import { needsProcessors } from "../support/quiet.ts";
import { TextReader } from "../support/tine.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";
import { runClient, startServer } from "./by_hand.ts";
import { whyNoCapture } from "./capture.ts";

const missing = whyNoLink() ?? whyNoCapture();
/** The length of measured packets, in bytes; those that open and close a session are shorter, and may be sent again. */
const LENGTH_BYTES = 300;

/** A test packet, or its reply, that passed an interface. */
interface Passed {
  readonly there: boolean;
  readonly number: number;
  readonly lengthBytes: number;
  readonly ttl: number;
  readonly trafficClass: number;
  readonly nanos: bigint;
}

for (const family of ["ipv4", "ipv6"] as const) {
  Deno.test({
    ...unless(
      missing ?? whyNotInstalled("nft"),
      `tine udp client --stamp finds losses by direction as nftables counts them, over ${family}`,
    ),
    async fn() {
      await using link = await makeLink();
      await using server = await startServer(link, "udp", family, "--stamp");
      const port = Number(server.address.split(":").at(-1));
      // Sequence numbers of the packet, and of the sender in the reply.
      const lost = (end: LinkEnd, match: string, mask: string) =>
        nft(
          end,
          `add table inet loss
           add chain inet loss in { type filter hook input priority 0; }
           add rule inet loss in udp length ${LENGTH_BYTES + 8} ${match} & ${mask} counter drop`,
        );
      await lost(link.server, `udp dport ${port} @th,64,32`, "0xf == 5");
      await lost(link.client, `udp sport ${port} @th,256,32`, "0x1f == 9");
      const args = [
        server.address,
        "--stamp",
        "--packets=200",
        "--wait=2ms",
        `--length=${LENGTH_BYTES}`,
        "--dscp=46",
        "--ssid=7",
      ];
      const [{ flows: [flow] }, passed] = await witness(link.server, port, () => runClient(link, "udp", ...args));
      const [there, back] = [await counted(link.server), await counted(link.client)];
      assert(there > 5 && back > 3, `${there} and ${back}`);
      assertEquals([flow.toServer.sent, flow.toServer.lost, flow.toServer.received], [200, there, 200 - there]);
      assertEquals([flow.fromServer.lost, flow.fromServer.received], [back, 200 - there - back]);
      // What the cable carried: the length and the DSCP of a packet are those of its reply, and no router was passed.
      const measured = passed.filter(({ lengthBytes }) => lengthBytes === LENGTH_BYTES);
      assertEquals(measured.filter(({ there }) => there).length, 200);
      assertEquals(measured.filter(({ there }) => !there).length, 200 - there);
      for (const { ttl, trafficClass } of measured) assertEquals([ttl, trafficClass], [255, 46 << 2]);
      const { protocol, ssid, reflectorCounts, hopsToReflector } = flow.options;
      assertEquals([protocol, ssid, reflectorCounts, hopsToReflector], ["stamp", 7, true, undefined]);
    },
  });
}

/** What may pass between the calls of a program and the stamps of the kernel, at the median, in nanoseconds. */
const NEAR_NANOS = 50_000;

Deno.test({
  ...needsProcessors("tine udp client --stamp measures round trips as the kernel sees them on the cable", async () => {
    await using link = await makeLink();
    await using server = await startServer(link, "udp", "ipv4", "--stamp");
    const port = Number(server.address.split(":").at(-1));
    const args = [server.address, "--stamp", "--packets=500", "--wait=2ms", `--length=${LENGTH_BYTES}`];
    const [[summary, atServer], atClient] = await witness(
      link.client,
      port,
      () => witness(link.server, port, () => runClient(link, "udp", ...args)),
    );
    const [flow] = summary.flows;
    const [near, far] = [timesOf(atClient), timesOf(atServer)];
    const trips = Array.from(near.back.keys(), (number) => {
      const atReflector = Number(far.back.get(number)! - far.there.get(number)!);
      return { trip: Number(near.back.get(number)! - near.there.get(number)!) - atReflector, atReflector };
    });
    assertEquals(trips.length, 500);
    const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length / 2];
    const distance = flow.rttMedianMicros * 1000 - median(trips.map(({ trip }) => trip));
    assert(distance > -2000 && distance < 2 * NEAR_NANOS, `round trips are ${distance} ns off`);
    const atReflector = median(trips.map(({ atReflector }) => atReflector)) - flow.serverTimeMedianMicros * 1000;
    assert(atReflector > -2000 && atReflector < 2 * NEAR_NANOS, `times at the reflector are ${atReflector} ns off`);
    // One clock, which the sender cannot know: the offset that it estimates is within its bound.
    assert(Math.abs(flow.clockOffsetMicros) <= flow.clockOffsetBoundMicros + 0.1, JSON.stringify(flow));
  }),
  ...unless(missing, "tine udp client --stamp measures round trips as the kernel sees them on the cable"),
});

/** Captures at one end while something runs. */
async function witness<T>(end: LinkEnd, port: number, work: () => Promise<T>): Promise<[T, readonly Passed[]]> {
  const [program, ...words] = end.inside;
  const script = new URL("stamp_capture.py", import.meta.url).pathname;
  const args = [...words, "python3", script, DEVICE, String(port)];
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const errors = toText(child.stderr);
  await using reader = new TextReader(child.stdout);
  await reader.until(/^ready\n/);
  const [worked] = await Promise.allSettled([work()]);
  await child.stdin.close();
  const [text, error, { success }] = await Promise.all([reader.rest(), errors, child.status]);
  assert(success, error);
  if (worked.status === "rejected") throw worked.reason;
  const lines = text.trim().split("\n").filter((line) => /^[01] /.test(line)).map((line) => line.split(" "));
  const passed = lines.map(([there, number, length, ttl, trafficClass, nanos]) => ({
    there: there === "1",
    number: Number(number),
    lengthBytes: Number(length),
    ttl: Number(ttl),
    trafficClass: Number(trafficClass),
    nanos: BigInt(nanos),
  }));
  return [worked.value, passed];
}

function timesOf(passed: readonly Passed[]) {
  const of = (way: boolean) =>
    new Map(
      passed.filter(({ there, lengthBytes }) => there === way && lengthBytes === LENGTH_BYTES)
        .map(({ number, nanos }) => [number, nanos]),
    );
  return { there: of(true), back: of(false) };
}

async function nft({ inside: [program, ...words] }: LinkEnd, rules: string): Promise<void> {
  const child = new Deno.Command(program, { args: [...words, "nft", "-f", "-"], stdin: "piped", stderr: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`${rules}\n`));
  await writer.close();
  const [error, { success }] = await Promise.all([toText(child.stderr), child.status]);
  assert(success, error);
}

/** How many packets the rule of an end has dropped. */
async function counted({ inside: [program, ...words] }: LinkEnd): Promise<number> {
  const { stdout } = await new Deno.Command(program, { args: [...words, "nft", "list", "ruleset"] }).output();
  return Number(/counter packets (\d+)/.exec(new TextDecoder().decode(stdout))?.[1]);
}
