import type { Benchmark, Finding } from "./benchmark.ts";
import { isInstalled, outputOf } from "./command_output.ts";
import { compileC } from "./c_program.ts";
import { inRounds, median } from "./median.ts";
import { flowRounds, flowSeconds, freePort, LOOPBACK, startServer, type TineFlow, tineFlow } from "./traffic.ts";

/** The length of requests and responses: a packet of tine holds its header. */
const BYTES = 64;
const FLOWS = 100;

/** What kinds of transactions are called by each program. */
const KINDS = [
  { kind: "rr", what: "TCP_RR", protocol: "tcp", args: [], sockperf: ["--tcp"] },
  { kind: "crr", what: "TCP_CRR", protocol: "tcp", args: ["--crr"], sockperf: undefined },
  { kind: "udp", what: "UDP_RR", protocol: "udp", args: [], sockperf: [] },
] as const;

/** A program that does the same. */
interface Peer {
  readonly name: string;
  /** Measures transactions a second. */
  measure(): Promise<number>;
}

/** Requests and responses. */
export const benchmark: Benchmark = {
  summary: "requests and responses on loopback, beside netperf, sockperf and a plain loop in C",

  async *run({ quick }) {
    const seconds = flowSeconds(quick);
    await using plain = await compileC("transactions");
    for (const { kind, what, protocol, args, sockperf } of KINDS) {
      const peers: Peer[] = [
        ...plain.path === undefined ? [] : [{
          name: "the plain loop in C",
          measure: async () => Number((await outputOf([plain.path!, kind, String(seconds)])).stdout),
        }],
        ...sockperf === undefined || !isInstalled("sockperf", "--version")
          ? []
          : [{ name: "sockperf", measure: () => ofSockperf(sockperf, seconds) }],
        ...isInstalled("netperf", "-V") ? [{ name: "netperf", measure: () => ofNetperf(what, seconds) }] : [],
      ];
      const ofTine = async () => rateOf(await tineTransactions(protocol, args, seconds));
      const [tine, ...others] = (await inRounds(flowRounds(quick), ofTine, ...peers.map(({ measure }) => measure)))
        .map(median);
      yield finding(what, tine, peers.map(({ name }, i) => [name, others[i]]));
      const many = await tineTransactions(protocol, [...args, `--parallel=${FLOWS}`], seconds);
      yield { what: `${what}, ${FLOWS} flows`, figures: `${rate(rateOf(many))} together` };
    }
  },
};

function finding(what: string, tine: number, peers: readonly (readonly [name: string, rate: number])[]): Finding {
  const beside = peers.length === 0
    ? "no peer and no C compiler is installed"
    : peers.map(([name, other]) => `${name} ${rate(other)}: ${(tine / other).toFixed(2)} x`).join(", ");
  const plain = peers.find(([name]) => name.includes("in C"));
  return {
    what: `${what}, one flow, ${BYTES} bytes each way`,
    figures: `${rate(tine)}, ${beside}`,
    ...plain !== undefined && { target: "0.5 x the plain loop in C", reached: tine >= 0.5 * plain[1] },
  };
}

function tineTransactions(protocol: "tcp" | "udp", args: readonly string[], seconds: number): Promise<TineFlow> {
  return tineFlow(protocol, LOOPBACK, [`--rr=${BYTES}`, `--duration=${seconds}s`, ...args]);
}

function rateOf({ summary }: TineFlow): number {
  return summary.transactionsPerSecond;
}

/** Runs ping-pong of sockperf: its round trips are transactions, one after another. */
async function ofSockperf(mode: readonly string[], seconds: number): Promise<number> {
  const at = [...mode, "-i", LOOPBACK.host, "-p", freePort()];
  await using _ = await startServer(["sockperf", "server", ...at], /listen on|Warmup stage|IP =/);
  const args = ["-m", String(BYTES), "-t", String(Math.ceil(seconds)), "--full-rtt"];
  const { stdout } = await outputOf(["sockperf", "ping-pong", ...at, ...args]);
  const [, micros] = /avg-rtt=([\d.]+)/.exec(stdout) ?? [];
  if (micros === undefined) throw new Error(`sockperf has no avg-rtt: ${stdout}`);
  return 1e6 / Number(micros);
}

/** Runs a test of netperf, which prints its rate and nothing else when it is asked to be quiet. */
async function ofNetperf(test: string, seconds: number): Promise<number> {
  const port = freePort();
  await using _ = await startServer(["netserver", "-D", "-L", LOOPBACK.host, "-p", port], /./);
  const args = ["-H", LOOPBACK.host, "-p", port, "-t", test, "-l", String(Math.ceil(seconds)), "-P", "0", "-v", "0"];
  const { stdout } = await outputOf(["netperf", ...args, "--", "-r", `${BYTES},${BYTES}`]);
  const transactions = Number(stdout.trim());
  if (!(transactions > 0)) throw new Error(`netperf printed no rate: ${stdout}`);
  return transactions;
}

function rate(perSecond: number): string {
  return `${Math.round(perSecond).toLocaleString("en")}/s`;
}
