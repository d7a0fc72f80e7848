import { quantilesOf } from "../../src/flow/analysis/mod.ts";
import { ffiFlows } from "../../src/flow/create_flows.ts";
import { readChunk } from "../../src/flow/records/read_chunk.ts";
import type { Benchmark } from "./benchmark.ts";
import { outputOf } from "./command_output.ts";
import { inRounds, medians } from "./median.ts";
import { tine } from "./programs.ts";
import { thousands } from "./throughput.ts";
import { cpuSecondsOf, flowRounds, flowSeconds, LOOPBACK, startServer } from "./traffic.ts";

/** Of all flows together. */
const PACKETS_PER_SECOND = 10_000;
const FLOWS = [1, 10, 100, 1000];

/** What was measured; CPU in microseconds a packet, lateness in microseconds. */
type Figures = Readonly<Record<"received" | "serverCpu" | "clientCpu" | "late" | "lateP99" | "lost", number>>;

/**
 * What two clients ask of a server with one and with two workers. On two cores, clients and workers share them: a second
 * worker brings much only where the server has the greater part of the work.
 */
const BUSY: readonly {
  readonly what: string;
  readonly protocol: "tcp" | "udp";
  readonly args: readonly string[];
  /** How much more two workers have to bring. */
  readonly least?: number;
}[] = [
  { what: "UDP, sent by the server", protocol: "udp", args: ["--rate=max", "--length=64", "--reverse"] },
  { what: "UDP, received by the server", protocol: "udp", args: ["--rate=max", "--length=64"] },
  { what: "TCP, sent by the server", protocol: "tcp", args: ["--reverse"], least: 1.5 },
  { what: "TCP, received by the server", protocol: "tcp", args: [] },
];

/** What more flows cost, and what more workers bring. */
export const benchmark: Benchmark = {
  summary:
    `1 to 1,000 UDP flows with ${PACKETS_PER_SECOND} packets a second together; servers with one and two workers`,

  async *run({ quick }) {
    const seconds = quick ? 1 : 5, rate = quick ? PACKETS_PER_SECOND / 10 : PACKETS_PER_SECOND;
    await ofFlows(1, { seconds: 1, rate }); // what both ends compile
    const measures = FLOWS.map((flows) => () => ofFlows(flows, { seconds, rate }));
    const all = (await inRounds<Figures>(flowRounds(quick), ...measures)).map(medians);
    for (const [i, figures] of all.entries()) {
      const isMost = i === FLOWS.length - 1;
      const cpu = (of: Figures) => of.serverCpu + of.clientCpu;
      // From ten flows on, clients run in as many workers.
      const share = cpu(figures) / cpu(all[1]);
      yield {
        what: `${FLOWS[i].toLocaleString("en")} ${FLOWS[i] === 1 ? "flow" : "flows"}`,
        figures: `${thousands(figures.received)} packets/s, ${figures.lost.toFixed(0)} lost, CPU a packet: client ` +
          `${figures.clientCpu.toFixed(1)} us, server ${figures.serverCpu.toFixed(1)} us; late: median ` +
          `${figures.late.toFixed(0)} us, 99th percentile ${figures.lateP99.toFixed(0)} us` +
          (isMost ? `; CPU ${share.toFixed(2)} x that of ${FLOWS[1]} flows` : ""),
        ...isMost && { target: "2 x", reached: share < 2 },
      };
    }
    for (const { what, protocol, args, least } of BUSY) {
      const sums = [1, 2].map((workers) => () => ofClients(protocol, args, workers, flowSeconds(quick)));
      const [one, two] = (await inRounds<Sum>(flowRounds(quick), ...sums)).map(medians);
      const ratio = two.sum / one.sum;
      const share = one.serverCpu / (one.serverCpu + one.clientCpu);
      yield {
        what: `two clients, ${what}`,
        figures:
          `two workers ${sumText(protocol, two)}, one ${sumText(protocol, one)}: ${ratio.toFixed(2)} x; of the CPU, ` +
          `one worker takes ${(100 * share).toFixed(0)}%, the clients the rest`,
        ...least !== undefined && { target: `${least} x`, reached: ratio >= least },
      };
    }
  },
};

/** How flows send. */
interface Sending {
  readonly seconds: number;
  /** Packets a second of all flows together. */
  readonly rate: number;
}

/** Runs flows from this process to a server, and measures while all of them send. */
async function ofFlows(count: number, sending: Sending): Promise<Figures> {
  await using server = await startServer(tine("udp", "server", "--listen", `${LOOPBACK.host}:0`), /listening on/);
  const address = /listening on ([^\s,]+)/.exec(server.line)![1];
  await using flows = ffiFlows();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const chunks: Uint8Array[] = [];
  let infos = 0;
  const events = {
    info: () => ++infos === count && open(),
    records: (_flow: string, chunk: Uint8Array) => void chunks.push(chunk),
    progress() {},
    log() {},
  };
  const { signal } = new AbortController(), end = new AbortController();
  const options = { events, signal, sendAfter: opened, finish: end.signal };
  const reports = Array.from({ length: count }, (_, i) => {
    const unresponsive = { duration: 0, waitFirst: true, wait: waits(i, count, sending) };
    return flows.packetClient(address, { flow: `f.${i}`, sender: [{ unresponsive }] }, options);
  });
  await Promise.race([opened, Promise.all(reports)]);
  const before = { server: server.cpuSeconds(), client: cpuSecondsOf("self"), at: performance.now() };
  await new Promise((resolve) => setTimeout(resolve, sending.seconds * 1000));
  const serverCpu = server.cpuSeconds() - before.server, clientCpu = cpuSecondsOf("self") - before.client;
  const elapsed = (performance.now() - before.at) / 1000;
  end.abort();
  const senders = (await Promise.all(reports)).map(({ senders }) => senders[0]);
  const sent = senders.reduce((sum, { sent }) => sum + sent, 0);
  const received = senders.reduce((sum, { serverReceived }) => sum + serverReceived, 0);
  const lateness = latenessOf(chunks);
  return {
    received: received / elapsed,
    lost: sent - received,
    serverCpu: serverCpu / received * 1e6,
    clientCpu: clientCpu / received * 1e6,
    late: lateness.median / 1000,
    lateP99: lateness.p99 / 1000,
  };
}

/** Every flow has sent long before the end. */
const MAX_PHASE_MS = 250;

/** The waits of one of several flows: each has its own phase, as flows of different people have. */
function waits(i: number, count: number, { seconds, rate }: Sending): number[] {
  const wait = 1000 * count / rate;
  // The list is longer than the flow, so that its first wait does not come again.
  return [Math.min(wait, MAX_PHASE_MS) * (i + 1) / count, ...Array(Math.ceil(2000 * seconds / wait)).fill(wait)];
}

function latenessOf(chunks: readonly Uint8Array[]) {
  const nanos: number[] = [];
  for (const bytes of chunks) {
    const { kind, columns } = readChunk(bytes);
    if (kind !== "packetIO") continue;
    for (const [i, t] of columns.t.entries()) {
      const late = t - columns.scheduled[i];
      if (columns.sent[i] === 1 && !Number.isNaN(late)) nanos.push(late);
    }
  }
  return quantilesOf(nanos)!;
}

/** What two clients had together; CPU in seconds. */
type Sum = Readonly<Record<"sum" | "serverCpu" | "clientCpu", number>>;

async function ofClients(
  protocol: "tcp" | "udp",
  args: readonly string[],
  workers: number,
  seconds: number,
): Promise<Sum> {
  const listen = ["--listen", `${LOOPBACK.host}:0`, "--workers", String(workers)];
  await using server = await startServer(tine(protocol, "server", ...listen), /listening on/);
  const address = /listening on ([^\s,]+)/.exec(server.line)![1];
  const before = server.cpuSeconds();
  const client = () => outputOf(tine(protocol, "client", address, "--json", `--duration=${seconds}s`, ...args));
  const clients = await Promise.all([client(), client()]);
  const rates = clients.map(({ stdout }) => {
    const [flow] = JSON.parse(stdout).flows;
    if (protocol === "tcp") return flow.goodputBitsPerSecond;
    return (flow.fromServer ?? flow.toServer).received / seconds;
  });
  return {
    sum: rates[0] + rates[1],
    serverCpu: server.cpuSeconds() - before,
    clientCpu: clients[0].cpuSeconds + clients[1].cpuSeconds,
  };
}

function sumText(protocol: "tcp" | "udp", { sum }: Sum): string {
  return protocol === "tcp" ? `${(sum / 1e9).toFixed(1)} Gbit/s` : `${thousands(sum)} packets/s`;
}
