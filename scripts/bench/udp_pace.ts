import type { Benchmark } from "./benchmark.ts";
import { isInstalled } from "./command_output.ts";
import { inRounds, medians } from "./median.ts";
import { flowRounds, iperf3Flow, LOOPBACK, tineFlow } from "./traffic.ts";

const PACKETS_PER_SECOND = 10_000;
const BYTES = 64;

/** What was measured; lateness in microseconds. */
type Figures = Readonly<Record<"cpuShare" | "late" | "lateP99" | "lost", number>>;

/** What it costs to keep a pace. */
export const benchmark: Benchmark = {
  summary: `CPU time of ${PACKETS_PER_SECOND} packets a second, each sent at its time, on loopback, beside iperf3`,

  async *run({ quick }) {
    const seconds = quick ? 0.2 : 10;
    const hasPeer = isInstalled("iperf3", "--version");
    const measures = [
      () => ofTine(seconds, []),
      () => ofTine(seconds, ["--echo"]),
      ...hasPeer ? [() => ofIperf3(seconds)] : [],
    ];
    const [tine, echo, iperf3] = (await inRounds<Figures>(flowRounds(quick), ...measures)).map(medians);
    const cpuOf = ({ cpuShare }: Figures) => `${(10 * cpuShare).toFixed(2)} s`;
    yield {
      what: "CPU time of both ends in 10 s, with the start of the client",
      figures: cpuOf(tine) +
        (iperf3 === undefined ? ", iperf3 is not installed" : `, iperf3, which sends the packets ` +
          `of a millisecond at once, ${cpuOf(iperf3)}: ${(tine.cpuShare / iperf3.cpuShare).toFixed(2)} x`),
      target: "5 s",
      reached: 10 * tine.cpuShare < 5,
    };
    yield {
      what: "the same with echoes",
      figures: `${cpuOf(echo)}: ${(echo.cpuShare / tine.cpuShare).toFixed(2)} x`,
    };
    for (const [what, of] of [["lateness of sends", tine], ["lateness of sends with echoes", echo]] as const) {
      yield {
        what,
        figures: `median ${of.late.toFixed(1)} us, 99th percentile ${of.lateP99.toFixed(1)} us; ` +
          `${of.lost.toFixed(0)} packets lost or dropped`,
      };
    }
  },
};

async function ofTine(seconds: number, args: readonly string[]): Promise<Figures> {
  const pace = [`--rate=${PACKETS_PER_SECOND}pps`, `--length=${BYTES}`, `--duration=${seconds}s`];
  const { flow, cpuSeconds } = await tineFlow("udp", LOOPBACK, [...pace, ...args]);
  const { sent, received } = flow.toServer;
  return {
    cpuShare: cpuSeconds / seconds,
    late: flow.latenessMedianMicros,
    lateP99: flow.latenessP99Micros,
    lost: sent - received,
  };
}

async function ofIperf3(seconds: number): Promise<Figures> {
  const rate = String(PACKETS_PER_SECOND * BYTES * 8);
  const args = ["--udp", "--length", String(BYTES), "--bitrate", rate, "--time", String(Math.ceil(seconds))];
  const { cpu_utilization_percent: cpu } = await iperf3Flow(LOOPBACK, args);
  // It does not report when its packets were due.
  return { cpuShare: (cpu.host_total + cpu.remote_total) / 100, late: NaN, lateP99: NaN, lost: NaN };
}
