import { assert, assertEquals } from "@std/assert";
import { toText } from "@std/streams";
import { readFlows } from "../../src/result/kept_figures.ts";
import { type Link, type LinkEnd, makeLink, whyNoLink } from "../support/link.ts";
import { OWN_NAMES } from "../support/namespaces.ts";
import { outputOf, TextReader, TINE } from "../support/tine.ts";
import { runClient, startServer } from "./by_hand.ts";
import { capture, type Seen, whyNoCapture } from "./capture.ts";
import { needsProcessors } from "../support/quiet.ts";
import { unless } from "../support/unless.ts";

const missing = whyNoLink() ?? whyNoCapture();
const test = (name: string, measure: (link: Link) => Promise<Measured>) =>
  Deno.test({ ...needsProcessors(name, () => closeInTries(measure)), ...unless(missing, name) });

/** Neighbours of a virtual machine slow its processors down for a while, and no counter in it says so. */
const TRIES = 3;

/**
 * What may pass between the calls of a program and the stamps of the kernel, at the median, in nanoseconds: once for each
 * way that a packet goes. On a machine that is slower, as much as passes for a plain program.
 */
const NEAR_NANOS = 20_000;
/** Clocks are read a little apart. */
const APART_NANOS = 2_000;
const PACKETS = 1000;
const WAIT_MS = 2;

/** Medians of packets that are returned, in nanoseconds. */
interface Medians {
  /** From the request to the reply at the client's end, less what passed between both at the server's. */
  readonly rtt: number;
  readonly there: number;
  readonly back: number;
  readonly serverTime: number;
}

/** What a program measured of packets, and what the kernel saw of them on the cable. */
interface Measured {
  readonly link: Link;
  readonly byProgram: Medians;
  readonly onCable: Medians;
}

test("tine udp client measures round trips as the kernel sees them on the cable", async (link) => {
  await using server = await startServer(link, "udp");
  const args = [server.address, `--wait=${WAIT_MS}ms`, `--duration=${PACKETS * WAIT_MS}ms`];
  const [{ flows: [flow] }, onCable] = await witness(link, () => runClient(link, "udp", ...args));
  const { toServer, fromServer } = flow;
  assertEquals(fromServer.received, PACKETS);
  // By hand, too, both ends know that they have one clock.
  assertEquals(toServer.oneWayDelayBoundMicros, 0);
  const byProgram = {
    rtt: flow.rttMedianMicros * 1000,
    there: toServer.oneWayDelayMedianMicros * 1000,
    back: fromServer.oneWayDelayMedianMicros * 1000,
    serverTime: flow.serverTimeMedianMicros * 1000,
  };
  return { link, byProgram, onCable };
});

test("a plan measures one-way delays as the kernel sees them on the cable", async (link) => {
  const folder = await Deno.makeTempDir({ prefix: "tine-truth-" });
  try {
    const [, onCable] = await witness(link, () => runPlan(link, folder));
    const [flow] = await Array.fromAsync(readFlows(`${folder}/results/latest/name=delays`));
    if (flow?.protocol !== "udp") throw new Error("there is no flow of packets");
    const { senders: [{ rtt, serverTime, toServer, fromServer }], clockOffset } = flow.figures;
    assertEquals(clockOffset, { offsetNanos: 0, boundNanos: 0, drifted: false });
    assertEquals([toServer!.lost, fromServer!.lost, rtt!.count], [0, 0, PACKETS]);
    // Round trips are what both ways are together. Each is a whole number of nanoseconds.
    const sum = toServer!.oneWayDelay!.mean + fromServer!.oneWayDelay!.mean;
    assert(Math.abs(sum - rtt!.mean) < 1, `${sum} and ${rtt!.mean}`);
    const byProgram = {
      rtt: rtt!.median,
      there: toServer!.oneWayDelay!.median!,
      back: fromServer!.oneWayDelay!.median!,
      serverTime: serverTime!.median,
    };
    return { link, byProgram, onCable };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/**
 * Measures until a program is as close to the cable as it should be.
 *
 * @throws when it is not, {@linkcode TRIES} times
 */
async function closeInTries(measure: (link: Link) => Promise<Measured>): Promise<void> {
  await using link = await makeLink();
  for (let tries = 1;; tries++) {
    const distances = distancesOf(await measure(link));
    if (farther(distances, NEAR).length === 0) return;
    // Some machines take longer for every call: no program gets closer to the cable there.
    const plain = distancesOf(await measurePlainly(link));
    const far = farther(distances, {
      rtt: Math.max(NEAR.rtt, plain.rtt),
      there: Math.max(NEAR.there, plain.there),
      back: Math.max(NEAR.back, plain.back),
      serverTime: Math.max(NEAR.serverTime, plain.serverTime),
    });
    if (tries === TRIES || far.length === 0) return assertEquals(far, [], "far from what the cable saw");
  }
}

/** Round trips go both ways, and so does what passes at the server. */
const NEAR: Medians = { rtt: 2 * NEAR_NANOS, there: NEAR_NANOS, back: NEAR_NANOS, serverTime: 2 * NEAR_NANOS };

/**
 * How much farther from each other the calls of a program are than the stamps on the cable. A program takes its stamp
 * before its packet gets to the cable: its ways have the cable's in them, and its time at the server is within the cable's.
 */
function distancesOf({ byProgram, onCable }: Measured): Medians {
  return {
    rtt: byProgram.rtt - onCable.rtt,
    there: byProgram.there - onCable.there,
    back: byProgram.back - onCable.back,
    serverTime: onCable.serverTime - byProgram.serverTime,
  };
}

/** Those that are less than nothing or more than this, with their values. */
function farther(distances: Medians, near: Medians): readonly string[] {
  const keys = ["rtt", "there", "back", "serverTime"] as const;
  return keys.filter((key) => distances[key] < -APART_NANOS || distances[key] > near[key])
    .map((key) => `${key}: ${distances[key]} ns, at most ${near[key]} ns`);
}

/** What a program measures that does nothing but read the clock and call. */
async function measurePlainly(link: Link): Promise<Measured> {
  const script = new URL("echoes.py", import.meta.url).pathname;
  const start = ({ inside: [program, ...words] }: LinkEnd, ...args: string[]) =>
    new Deno.Command(program, { args: [...words, "python3", script, ...args], stdin: "piped", stdout: "piped" })
      .spawn();
  const server = start(link.server, "serve", link.server.ipv4);
  const reader = new TextReader(server.stdout);
  const [, port] = await reader.until(/^ready (\d+)\n/);
  const [asked, onCable] = await witness(link, async () => {
    const client = start(link.client, "ask", link.server.ipv4, port, String(PACKETS), String(WAIT_MS / 1000));
    await client.stdin.close();
    return await toText(client.stdout);
  });
  await server.stdin.close();
  const answered = await reader.rest();
  await reader[Symbol.asyncDispose]();
  await server.status;
  const [atClient, atServer] = [stampsOf(asked), stampsOf(answered.replace(/^ready .*\n/, ""))];
  return { link, byProgram: mediansOf(atClient, atServer), onCable };
}

/** Stamps of a program, which notes the request first and the reply second. */
function stampsOf(text: string): Seen {
  const lines = text.trim().split("\n").map((line) => line.split(" "));
  return {
    requests: new Map(lines.map(([number, first]) => [Number(number), BigInt(first)])),
    replies: new Map(lines.map(([number, , second]) => [Number(number), BigInt(second)])),
  };
}

/** Captures at both ends while something runs. */
async function witness<T>({ client, server }: Link, work: () => Promise<T>): Promise<[T, Medians]> {
  const [near, far] = await Promise.all([capture(client), capture(server)]);
  const [worked] = await Promise.allSettled([work()]);
  const [atClient, atServer] = await Promise.all([near.stop(), far.stop()]);
  if (worked.status === "rejected") throw worked.reason;
  return [worked.value, mediansOf(atClient, atServer)];
}

function mediansOf(client: Seen, server: Seen): Medians {
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
  const unresponsive = { wait: [`${WAIT_MS}ms`], duration: `${PACKETS * WAIT_MS}ms`, echo: true };
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
