import type { Benchmark, Finding } from "./benchmark.ts";
import { compileC, NO_COMPILER } from "./c_program.ts";
import { isInstalled, outputOf } from "./command_output.ts";
import { inRounds, medians, ratioOf } from "./median.ts";
import { thousands } from "./throughput.ts";
import { flowRounds, flowSeconds, iperf3Flow, LOOPBACK, tineFlow } from "./traffic.ts";

/** Of sockets, as tine sets it: as much as the system allows. */
const BUFFER = "4M";
const KEY = { TINE_KEY: crypto.randomUUID() };

/** What was measured with packets. */
type Figures = Readonly<Record<"received" | "lostPercent" | "cores", number>>;

/** How many packets a second arrive at the other end. */
export const benchmark: Benchmark = {
  summary: "UDP packets received a second on loopback, plain, signed and in bursts, beside a loop in C and iperf3",

  async *run({ quick }) {
    const hasIperf3 = isInstalled("iperf3", "--version");
    await using loop = await compileC("packets");
    for (const bytes of quick ? [1400] : [64, 1400]) {
      // A signed header is 72 bytes long.
      const signedBytes = Math.max(bytes, 72);
      const [plain, ofLoop] = await inRounds<Figures>(
        quick ? 1 : 5,
        () => ofTine(bytes, quick),
        ...loop.path === undefined ? [] : [() => ofC(loop.path!, bytes, quick)],
      );
      const [signed, bursts, ofPeer] = await inRounds<Figures>(
        flowRounds(quick),
        () => ofTine(signedBytes, quick, [], KEY),
        () => ofTine(bytes, quick, ["--gso"]),
        ...hasIperf3 ? [() => ofIperf3(bytes, quick)] : [],
      );
      const iperf3 = ofPeer && medians(ofPeer);
      yield { what: `${bytes} bytes`, ...besideLoop(plain, ofLoop) };
      // Without the loop in C, iperf3 is the measure.
      yield { what: `${bytes} bytes`, ...besideIperf3(medians(plain), iperf3, ofLoop === undefined ? 1.3 : undefined) };
      yield { what: `${bytes} bytes with GSO`, ...besideIperf3(medians(bursts), iperf3, 4) };
      const share = medians(signed).received / medians(plain).received;
      yield {
        what: `${signedBytes} bytes, signed`,
        figures: `${text(medians(signed))}: ${share.toFixed(2)} x plain`,
        target: "0.6 x plain",
        reached: share >= 0.6,
      };
    }
  },
};

/** The same calls made in C are what the kernel allows. */
function besideLoop(rounds: readonly Figures[], ofLoop: readonly Figures[] | undefined): Omit<Finding, "what"> {
  const own = text(medians(rounds));
  if (ofLoop === undefined) return { figures: `${own}; ${NO_COMPILER}` };
  const ratio = ratioOf(rounds.map(({ received }) => received), ofLoop.map(({ received }) => received));
  return {
    figures: `${own}, the same loop in C ${text(medians(ofLoop))}: ${ratio.text}`,
    target: "0.95 x the loop in C",
    reached: ratio.median >= 0.95,
  };
}

/** @param least what is to be reached, in times iperf3 */
function besideIperf3(own: Figures, iperf3: Figures | undefined, least?: number): Omit<Finding, "what"> {
  if (iperf3 === undefined) return { figures: `${text(own)}; iperf3 is not installed` };
  const ratio = own.received / iperf3.received;
  const figures = `${text(own)}, iperf3 ${text(iperf3)}: ${ratio.toFixed(2)} x`;
  return { figures, ...least !== undefined && { target: `${least} x iperf3`, reached: ratio >= least } };
}

async function ofTine(bytes: number, quick: boolean, more: string[] = [], env = {}): Promise<Figures> {
  const seconds = flowSeconds(quick);
  const args = ["--rate=max", `--length=${bytes}`, `--duration=${seconds}s`, ...more];
  const { flow: { toServer: { sent, received } }, cpuSeconds } = await tineFlow("udp", LOOPBACK, args, env);
  return figuresOf(sent, received, cpuSeconds, seconds);
}

async function ofC(path: string, bytes: number, quick: boolean): Promise<Figures> {
  const seconds = flowSeconds(quick);
  const { stdout } = await outputOf([path, String(bytes), String(seconds)]);
  const [sent, received, cpuSeconds] = stdout.split(" ").map(Number);
  return figuresOf(sent, received, cpuSeconds, seconds);
}

function figuresOf(sent: number, received: number, cpuSeconds: number, seconds: number): Figures {
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
