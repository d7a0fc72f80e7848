import type { Benchmark } from "./benchmark.ts";
import { isInstalled } from "./command_output.ts";
import { inRounds, medians } from "./median.ts";
import { thousands } from "./throughput.ts";
import { flowRounds, flowSeconds, iperf3Flow, LOOPBACK, tineFlow } from "./traffic.ts";

/** Of sockets, as tine sets it: as much as the system allows. */
const BUFFER = "4M";
const KEY = { TINE_KEY: crypto.randomUUID() };

/** What was measured with packets. */
type Figures = Readonly<Record<"received" | "lostPercent" | "cores", number>>;

/** How many packets a second arrive at the other end. */
export const benchmark: Benchmark = {
  summary: "UDP packets received a second on loopback, plain, signed and in bursts (GSO), beside iperf3",

  async *run({ quick }) {
    const rounds = flowRounds(quick);
    const hasPeer = isInstalled("iperf3", "--version");
    for (const bytes of quick ? [1400] : [64, 1400]) {
      // A signed header is 72 bytes long.
      const signedBytes = Math.max(bytes, 72);
      const measures = [
        () => ofTine(bytes, quick),
        () => ofTine(signedBytes, quick, [], KEY),
        () => ofTine(bytes, quick, ["--gso"]),
        ...hasPeer ? [() => ofIperf3(bytes, quick)] : [],
      ];
      const [plain, signed, bursts, iperf3] = (await inRounds<Figures>(rounds, ...measures)).map(medians);
      const versus = (own: Figures, least: number) => {
        if (iperf3 === undefined) return { figures: `${text(own)}; iperf3 is not installed` };
        const ratio = own.received / iperf3.received;
        const figures = `${text(own)}, iperf3 ${text(iperf3)}: ${ratio.toFixed(2)} x`;
        return { figures, target: `${least} x iperf3`, reached: ratio >= least };
      };
      yield { what: `${bytes} bytes`, ...versus(plain, 1.3) };
      yield { what: `${bytes} bytes with GSO`, ...versus(bursts, 4) };
      const share = signed.received / plain.received;
      yield {
        what: `${signedBytes} bytes, signed`,
        figures: `${text(signed)}: ${share.toFixed(2)} x plain`,
        target: "0.6 x plain",
        reached: share >= 0.6,
      };
    }
  },
};

async function ofTine(bytes: number, quick: boolean, more: string[] = [], env = {}): Promise<Figures> {
  const seconds = flowSeconds(quick);
  const args = ["--rate=max", `--length=${bytes}`, `--duration=${seconds}s`, ...more];
  const { flow: { toServer: { sent, received } }, cpuSeconds } = await tineFlow("udp", LOOPBACK, args, env);
  return { received: received / seconds, lostPercent: (1 - received / sent) * 100, cores: cpuSeconds / seconds };
}

async function ofIperf3(bytes: number, quick: boolean): Promise<Figures> {
  const args = ["--udp", "--bitrate=0", "--length", String(bytes), "--window", BUFFER];
  const { sum_received, cpu_utilization_percent: cpu } = await iperf3Flow(LOOPBACK, [
    ...args,
    "--time",
    String(Math.ceil(flowSeconds(quick))),
  ]);
  const { packets, lost_packets, seconds } = sum_received;
  return {
    received: (packets - lost_packets) / seconds,
    lostPercent: lost_packets / packets * 100,
    cores: (cpu.host_total + cpu.remote_total) / 100,
  };
}

function text({ received, lostPercent, cores }: Figures): string {
  return `${thousands(received)}/s, ${lostPercent.toFixed(1)}% lost, on ${cores.toFixed(2)} cores`;
}
