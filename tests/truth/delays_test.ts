import { assert, assertEquals } from "@std/assert";
import { readFlows } from "../../src/result/kept_figures.ts";
import { type Link, makeLink, whyNoLink } from "../support/link.ts";
import { OWN_NAMES } from "../support/namespaces.ts";
import { outputOf, TINE } from "../support/tine.ts";
import { runClient, startServer } from "./by_hand.ts";
import { capture, type Seen, whyNoCapture } from "./capture.ts";
import { needsProcessors } from "../support/quiet.ts";
import { unless } from "../support/unless.ts";

const missing = whyNoLink() ?? whyNoCapture();
const test = (name: string, measure: () => Promise<Comparison[]>) =>
  Deno.test({ ...needsProcessors(name, () => closeInTries(measure)), ...unless(missing, name) });

/** Neighbours of a virtual machine slow its processors down for a while, and no counter in it says so. */
const TRIES = 3;

/** What may pass between the calls of programs and the stamps of the kernel, at the median, in nanoseconds. */
const NEAR_NANOS = 20_000;
/** Clocks are read a little apart. */
const APART_NANOS = 2_000;
const PACKETS = 1000;

/** Medians as the kernel saw them on the cable, in nanoseconds. */
interface Witnessed {
  /** From the request at the client's end to the reply there, less what passed between both at the server's. */
  readonly rtt: number;
  readonly there: number;
  readonly back: number;
  readonly serverTime: number;
}

test("tine udp client measures round trips as the kernel sees them on the cable", async () => {
  await using link = await makeLink();
  await using server = await startServer(link, "udp");
  const args = [server.address, "--wait=2ms", `--duration=${PACKETS * 2}ms`];
  const [{ flows: [flow] }, witnessed] = await witness(link, () => runClient(link, "udp", ...args));
  const { toServer, fromServer } = flow;
  assertEquals(fromServer.received, PACKETS);
  // By hand, too, both ends know that they have one clock.
  assertEquals(toServer.oneWayDelayBoundMicros, 0);
  return [
    { what: "RTT", inner: witnessed.rtt, outer: flow.rttMedianMicros * 1000 },
    { what: "server time", inner: flow.serverTimeMedianMicros * 1000, outer: witnessed.serverTime },
    { what: "delay there", inner: witnessed.there, outer: toServer.oneWayDelayMedianMicros * 1000 },
    { what: "delay back", inner: witnessed.back, outer: fromServer.oneWayDelayMedianMicros * 1000 },
  ];
});

test("a plan measures one-way delays as the kernel sees them on the cable", async () => {
  await using link = await makeLink();
  const folder = await Deno.makeTempDir({ prefix: "tine-truth-" });
  try {
    const [, witnessed] = await witness(link, () => runPlan(link, folder));
    const [flow] = await Array.fromAsync(readFlows(`${folder}/results/latest/name=delays`));
    if (flow?.protocol !== "udp") throw new Error("there is no flow of packets");
    const { senders: [{ rtt, serverTime, toServer, fromServer }], clockOffset } = flow.figures;
    assertEquals(clockOffset, { offsetNanos: 0, boundNanos: 0, drifted: false });
    assertEquals([toServer!.lost, fromServer!.lost, rtt!.count], [0, 0, PACKETS]);
    // Round trips are what both ways are together. Each is a whole number of nanoseconds.
    const sum = toServer!.oneWayDelay!.mean + fromServer!.oneWayDelay!.mean;
    assert(Math.abs(sum - rtt!.mean) < 1, `${sum} and ${rtt!.mean}`);
    return [
      { what: "RTT", inner: witnessed.rtt, outer: rtt!.median },
      { what: "server time", inner: serverTime!.median, outer: witnessed.serverTime },
      { what: "delay there", inner: witnessed.there, outer: toServer!.oneWayDelay!.median! },
      { what: "delay back", inner: witnessed.back, outer: fromServer!.oneWayDelay!.median! },
    ];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/**
 * Two measurements of one time, in nanoseconds. A program takes its stamp before its packet gets to the cable: what it
 * tells of ways has the cable's in it, and what it tells of the time at the server is within the cable's.
 */
interface Comparison {
  readonly what: string;
  readonly inner: number;
  readonly outer: number;
}

/** Measures until a measurement is close to what the cable saw. */
async function closeInTries(measure: () => Promise<Comparison[]>): Promise<void> {
  for (let tries = 1;; tries++) {
    const measured = await measure();
    try {
      return assertClose(measured);
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}

/** What else runs on a machine makes every system call longer: that is what the test must have for itself. */
function assertClose(measured: readonly Comparison[]): void {
  const far = measured.filter(({ inner, outer }) => outer - inner < -APART_NANOS || outer - inner > NEAR_NANOS);
  assertEquals(far, [], "far from what the cable saw");
}

/** Captures at both ends while something runs. */
async function witness<T>({ client, server }: Link, work: () => Promise<T>): Promise<[T, Witnessed]> {
  const [near, far] = await Promise.all([capture(client), capture(server)]);
  const [worked] = await Promise.allSettled([work()]);
  const [atClient, atServer] = await Promise.all([near.stop(), far.stop()]);
  if (worked.status === "rejected") throw worked.reason;
  return [worked.value, mediansOf(atClient, atServer)];
}

function mediansOf(client: Seen, server: Seen): Witnessed {
  type Stamps = ReadonlyMap<number, bigint>;
  const between = (from: Stamps, to: Stamps, number: number) => Number(to.get(number)! - from.get(number)!);
  const numbers = [...client.requests.keys()];
  for (const { size } of [client.requests, server.requests, server.replies, client.replies]) {
    assertEquals(size, PACKETS);
  }
  const median = (nanos: (number: number) => number) => numbers.map(nanos).sort((a, b) => a - b)[PACKETS / 2];
  const serverTime = (number: number) => between(server.requests, server.replies, number);
  return {
    rtt: median((number) => between(client.requests, client.replies, number) - serverTime(number)),
    there: median((number) => between(client.requests, server.requests, number)),
    back: median((number) => between(server.replies, client.replies, number)),
    serverTime: median(serverTime),
  };
}

/** Runs a plan whose root is at the client's end, with a node at the other. */
async function runPlan({ client, server }: Link, folder: string): Promise<void> {
  const unresponsive = { wait: ["2ms"], duration: `${PACKETS * 2}ms`, echo: true };
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
