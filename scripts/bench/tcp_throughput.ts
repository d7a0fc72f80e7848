import { makeLink, whyNoLink } from "../../tests/support/link.ts";
import type { Benchmark, Finding } from "./benchmark.ts";
import { isInstalled, outputOf } from "./command_output.ts";
import { inRounds, medians } from "./median.ts";
import { flowRounds, flowSeconds, iperf3Flow, LOOPBACK, type Path, tineFlow } from "./traffic.ts";

/** As many as the kernel hands down at once by itself. */
const SEGMENTS = 65_535;

/** With it, a server of iperf3 copies no bytes that it receives either; since version 3.19. */
const SKIP_COPY = "--skip-rx-copy";

/** The goodput of one TCP flow. */
export const benchmark: Benchmark = {
  summary: "goodput of one TCP flow on loopback and across a veth pair, beside iperf3",

  async *run({ quick }) {
    yield await measure("loopback", LOOPBACK, quick);
    const missing = whyNoLink();
    if (missing !== undefined) {
      yield { what: "a veth pair", figures: `not measured: ${missing}` };
      return;
    }
    await using link = await makeLink({ segments: SEGMENTS });
    const { client, server } = link;
    const path = { host: server.ipv4, atServer: server.inside, atClient: client.inside };
    yield await measure("a veth pair", path, quick);
  },
};

async function measure(what: string, path: Path, quick: boolean): Promise<Finding> {
  const seconds = flowSeconds(quick);
  const ofTine = async () => {
    const { flow, cpuSeconds } = await tineFlow("tcp", path, [`--duration=${seconds}s`]);
    return { rate: flow.goodputBitsPerSecond, cores: cpuSeconds / seconds };
  };
  if (!isInstalled("iperf3", "--version")) {
    const [own] = await inRounds(flowRounds(quick), ofTine);
    return { what, figures: `${text(medians(own))}; iperf3 is not installed` };
  }
  const skipsCopy = (await outputOf(["iperf3", "--help"])).stdout.includes(SKIP_COPY);
  const args = ["--time", String(Math.ceil(seconds)), ...skipsCopy ? [SKIP_COPY] : []];
  const ofIperf3 = async () => {
    const { sum_received: { bits_per_second: rate }, cpu_utilization_percent: cpu } = await iperf3Flow(path, args);
    return { rate, cores: (cpu.host_total + cpu.remote_total) / 100 };
  };
  const [tine, iperf3] = (await inRounds(flowRounds(quick), ofTine, ofIperf3)).map(medians);
  const ratio = tine.rate / iperf3.rate;
  return {
    what,
    figures: `${text(tine)} without a copy of what is received, ` +
      `iperf3 ${skipsCopy ? "likewise" : "with one"} ${text(iperf3)}: ${ratio.toFixed(2)} x`,
    target: "1.1 x iperf3",
    reached: ratio >= 1.1,
  };
}

function text({ rate, cores }: Readonly<Record<"rate" | "cores", number>>): string {
  return `${(rate / 1e9).toFixed(1)} Gbit/s on ${cores.toFixed(2)} cores`;
}
