import { assert, assertEquals } from "@std/assert";
import type { Quantiles } from "../../src/result/analysis/mod.ts";
import { readFlows } from "../../src/result/flows/read_flows.ts";
import { type Link, makeLink, whyNoLink } from "../support/link.ts";
import { OWN_NAMES } from "../support/namespaces.ts";
import { outputOf, TINE } from "../support/tine.ts";
import { runClient, startServer } from "./by_hand.ts";
import { capture, type Seen, whyNoCapture } from "./capture.ts";

const missing = whyNoLink() ?? whyNoCapture();
const test = (name: string, fn: () => Promise<void>) =>
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn,
  });

/** What may pass between the call of a program and the stamp of the kernel, at the median, in nanoseconds. */
const NEAR_NANOS = 20_000;
const PACKETS = 400;

/** Medians as the kernel saw them on the cable, in nanoseconds. */
interface Witnessed {
  readonly rtt: number;
  readonly there: number;
  readonly back: number;
  readonly serverTime: number;
}

test("tine udp client measures round trips as the kernel sees them on the cable", async () => {
  await using link = await makeLink();
  await using server = await startServer(link, "udp");
  const args = [server.address, "--wait=5ms", `--duration=${PACKETS * 5}ms`];
  const [{ flows: [flow] }, witnessed] = await witness(link, () => runClient(link, "udp", ...args));
  assertEquals(flow.fromServer.received, PACKETS);
  assertNear("RTT", flow.rttMedianMicros * 1000, witnessed.rtt);
  assertNear("server time", flow.serverTimeMedianMicros * 1000, witnessed.serverTime);
  // By hand nobody has told that both ends have one clock: delays are estimates that keep to their bound.
  for (const [path, delay] of [[flow.toServer, witnessed.there], [flow.fromServer, witnessed.back]] as const) {
    const bound = path.oneWayDelayBoundMicros * 1000;
    assert(bound > 0 && bound <= flow.rttMinMicros * 500 + 1, `${bound}`);
    assertNear("one-way delay", path.oneWayDelayMedianMicros * 1000, delay, bound + NEAR_NANOS);
  }
});

test("a plan measures one-way delays as the kernel sees them on the cable", async () => {
  await using link = await makeLink();
  const folder = await Deno.makeTempDir({ prefix: "tine-truth-" });
  try {
    const [, witnessed] = await witness(link, () => runPlan(link, folder));
    const [flow] = await Array.fromAsync(readFlows(`${folder}/results/latest/name=delays`));
    if (flow?.protocol !== "udp") throw new Error("there is no flow of packets");
    const { senders: [{ rtt, serverTime, there, back }], clockOffset } = flow.figures;
    assertEquals(clockOffset, { offsetNanos: 0, boundNanos: 0, drifted: false });
    assertEquals([there!.lost, back!.lost, rtt!.count], [0, 0, PACKETS]);
    assertNear("RTT", rtt!.median, witnessed.rtt);
    assertNear("server time", serverTime!.median, witnessed.serverTime);
    assertNear("delay there", there!.oneWayDelay!.median, witnessed.there);
    assertNear("delay back", back!.oneWayDelay!.median, witnessed.back);
    const mean = (quantiles: Quantiles | undefined) => quantiles!.mean;
    const sum = mean(there!.oneWayDelay) + mean(back!.oneWayDelay) + mean(serverTime);
    // Each is a whole number of nanoseconds.
    assert(Math.abs(sum - mean(rtt)) < 1, `${sum} and ${mean(rtt)}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Captures at both ends while something runs. */
async function witness<T>({ client, server }: Link, work: () => Promise<T>): Promise<[T, Witnessed]> {
  const [near, far] = await Promise.all([capture(client), capture(server)]);
  const [worked] = await Promise.allSettled([work()]);
  const [atClient, atServer] = await Promise.all([near.stop(), far.stop()]);
  if (worked.status === "rejected") throw worked.reason;
  return [worked.value, mediansOf(atClient, atServer)];
}

function mediansOf(client: Seen, server: Seen): Witnessed {
  const median = (from: ReadonlyMap<number, bigint>, to: ReadonlyMap<number, bigint>) => {
    assertEquals([from.size, to.size], [PACKETS, PACKETS]);
    const sorted = [...from].map(([number, nanos]) => Number(to.get(number)! - nanos)).sort((a, b) => a - b);
    return sorted[PACKETS / 2];
  };
  return {
    rtt: median(client.requests, client.replies),
    there: median(client.requests, server.requests),
    back: median(server.replies, client.replies),
    serverTime: median(server.requests, server.replies),
  };
}

/** Runs a plan whose root is at the client's end, with a node at the other. */
async function runPlan({ client, server }: Link, folder: string): Promise<void> {
  const unresponsive = { wait: ["5ms"], duration: `${PACKETS * 5}ms`, echo: true };
  const plan = {
    tests: [{
      id: { name: "delays" },
      serial: [
        {
          child: {
            node: { id: "far", launcher: { local: {} }, netns: { name: "far" } },
            packetServer: { listenAddr: `${server.ipv4}:7001` },
          },
        },
        { packetClient: { addr: `${server.ipv4}:7001`, flow: "echoes", sender: [{ unresponsive }] } },
      ],
    }],
  };
  await Deno.writeTextFile(`${folder}/plan.json`, JSON.stringify(plan));
  // The node finds its namespace by a name, which only it can see.
  const script = `ip netns attach far ${server.namespace.pid}; exec "$@"`;
  const command = [...client.inside, ...OWN_NAMES, "sh", "-ec", script, "sh", ...TINE, "run", `${folder}/plan.json`];
  const [program, ...args] = [...command, "--out", `${folder}/results`];
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  const { code, stdout, stderr } = await outputOf(child);
  assertEquals(code, 0, stdout + stderr);
}

function assertNear(what: string, told: number, seen: number, within = NEAR_NANOS): void {
  assert(Math.abs(told - seen) <= within, `${what}: ${told} ns were told, the cable saw ${seen}`);
}
