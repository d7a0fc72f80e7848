import { makeLink, whyNoLink } from "../../tests/support/link.ts";
import type { Benchmark, Finding } from "./benchmark.ts";
import { compileC, NO_COMPILER } from "./c_program.ts";
import { isInstalled, outputOf } from "./command_output.ts";
import { inRounds, medians, ratioOf } from "./median.ts";
import { flowRounds, flowSeconds, iperf3Flow, LOOPBACK, type Path, startServer, tineFlow } from "./traffic.ts";

/** As many as the kernel hands down at once by itself. */
const SEGMENTS = 65_535;

/** With it, a server of iperf3 copies no bytes that it receives either; since version 3.19. */
const SKIP_COPY = "--skip-rx-copy";

/** The goodput of one TCP flow. */
export const benchmark: Benchmark = {
  summary: "goodput of one TCP flow on loopback and across a veth pair, beside a loop in C and iperf3",

  async *run({ quick }) {
    await using loop = await compileC("stream");
    yield* measure("loopback", LOOPBACK, loop.path, quick);
    const missing = whyNoLink();
    if (missing !== undefined) {
      yield { what: "a veth pair", figures: `not measured: ${missing}` };
      return;
    }
    await using link = await makeLink({ segments: SEGMENTS });
    const { client, server } = link;
    const path = { host: server.ipv4, atServer: server.inside, atClient: client.inside };
    yield* measure("a veth pair", path, loop.path, quick);
  },
};

/** What was measured: bits a second, and the processors of both ends. */
type Figures = Readonly<Record<"rate" | "cores", number>>;

async function* measure(
  what: string,
  path: Path,
  loop: string | undefined,
  quick: boolean,
): AsyncGenerator<Finding, void, void> {
  const seconds = flowSeconds(quick);
  const hasIperf3 = isInstalled("iperf3", "--version");
  const skipsCopy = hasIperf3 && (await outputOf(["iperf3", "--help"])).stdout.includes(SKIP_COPY);
  const [own, ...peers] = await inRounds<Figures>(
    flowRounds(quick),
    () => ofTine(path, seconds),
    ...loop === undefined ? [] : [() => ofC(loop, path, seconds)],
    ...hasIperf3 ? [() => ofIperf3(path, seconds, skipsCopy ? [SKIP_COPY] : [])] : [],
  );
  const [ofLoop, iperf3] = loop === undefined ? [undefined, peers[0]] : peers;
  const tine = `${text(medians(own))} without a copy of what is received`;
  const beside = (name: string, rounds: readonly Figures[], least: number): Finding => {
    const ratio = ratioOf(own.map(({ rate }) => rate), rounds.map(({ rate }) => rate));
    return {
      what,
      figures: `${tine}, ${name} ${text(medians(rounds))}: ${ratio.text}`,
      target: `${least} x ${name}`,
      reached: ratio.median >= least,
    };
  };
  if (ofLoop === undefined) yield { what, figures: `${tine}; ${NO_COMPILER}` };
  else yield beside("the same loop in C", ofLoop, 0.95);
  if (iperf3 === undefined) yield { what, figures: `${tine}; iperf3 is not installed` };
  // With a copy it is slower for that alone.
  else if (skipsCopy) yield beside("iperf3 without a copy", iperf3, 0.95);
  else yield beside("iperf3 with a copy", iperf3, 1.1);
}

async function ofTine(path: Path, seconds: number): Promise<Figures> {
  const { flow, cpuSeconds } = await tineFlow("tcp", path, [`--duration=${seconds}s`]);
  return { rate: flow.goodputBitsPerSecond, cores: cpuSeconds / seconds };
}

async function ofC(program: string, { host, atServer, atClient }: Path, seconds: number): Promise<Figures> {
  await using server = await startServer([...atServer, program, "server", host], /^listening on/);
  const port = server.line.split(" ")[2];
  const client = await outputOf([...atClient, program, "client", host, port, String(seconds)]);
  const [bytes, elapsed] = client.stdout.split(" ").map(Number);
  return { rate: bytes * 8 / elapsed, cores: (client.cpuSeconds + server.cpuSeconds()) / seconds };
}

async function ofIperf3(path: Path, seconds: number, more: readonly string[]): Promise<Figures> {
  const flow = await iperf3Flow(path, ["--time", String(Math.ceil(seconds)), ...more]);
  const { sum_received: { bits_per_second: rate }, cpu_utilization_percent: cpu } = flow;
  return { rate, cores: (cpu.host_total + cpu.remote_total) / 100 };
}

function text({ rate, cores }: Figures): string {
  return `${(rate / 1e9).toFixed(1)} Gbit/s on ${cores.toFixed(2)} cores`;
}
