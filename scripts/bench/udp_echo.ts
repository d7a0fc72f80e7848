import { quantilesOf } from "../../src/flow/analysis/mod.ts";
import type { Benchmark } from "./benchmark.ts";
import { isInstalled, outputOf } from "./command_output.ts";
import { inRounds, medians } from "./median.ts";
import { flowRounds, freePort, LOOPBACK, startServer, tineFlow } from "./traffic.ts";

const WAIT_MS = 1;
const BYTES = 64;

/** What was measured with echoes; times in microseconds, those with the time at the server as programs see them. */
type Figures = Readonly<
  Record<"median" | "p99" | "withServerMedian" | "late" | "missedPercent" | "lostPercent", number>
>;

/** Round trips of packets that are sent on schedule. */
export const benchmark: Benchmark = {
  summary: "round trips and punctuality of a packet each millisecond on loopback, beside irtt",

  async *run({ quick }) {
    const ms = quick ? 500 : 5000;
    const hasPeer = isInstalled("irtt", "version");
    const measures = [() => ofTine(ms), ...hasPeer ? [() => ofIrtt(ms)] : []];
    const [tine, irtt] = (await inRounds<Figures>(flowRounds(quick), ...measures)).map(medians);
    const beside = (text: (of: Figures) => string) =>
      `${text(tine)}, ${irtt === undefined ? "irtt is not installed" : `irtt ${text(irtt)}`}`;
    const ratioOf = (key: "median" | "withServerMedian") => irtt && tine[key] / irtt[key];
    const inWords = (ratio: number | undefined) => ratio === undefined ? "" : `: ${ratio.toFixed(2)} x at the median`;
    const ratio = ratioOf("median");
    yield {
      what: "RTT as each defines it, without the time at the server",
      figures: beside(({ median, p99 }) => `median ${us(median)}, 99th percentile ${us(p99)}`) + inWords(ratio),
      ...ratio !== undefined && { target: "0.5 x irtt's at the median", reached: ratio <= 0.5 },
    };
    yield {
      what: "RTT and the time at the server",
      figures: beside(({ withServerMedian }) => us(withServerMedian)) + inWords(ratioOf("withServerMedian")) +
        "; of tine, both medians added",
    };
    yield {
      what: "lateness of sends, 99th percentile",
      figures: us(tine.late),
      target: "under 150 us",
      reached: tine.late < 150,
    };
    yield {
      what: "sends missed, packets lost",
      figures: beside((of) => `${of.missedPercent.toFixed(1)}% and ${of.lostPercent.toFixed(1)}%`),
    };
  },
};

async function ofTine(ms: number): Promise<Figures> {
  const args = [`--wait=${WAIT_MS}ms`, `--duration=${ms}ms`, `--length=${BYTES}`];
  const { flow } = await tineFlow("udp", LOOPBACK, args);
  const { sent } = flow.toServer;
  return {
    median: flow.rttMedianMicros,
    p99: flow.rttP99Micros,
    withServerMedian: flow.rttMedianMicros + flow.serverTimeMedianMicros,
    late: flow.latenessP99Micros,
    missedPercent: flow.unsent / (sent + flow.unsent) * 100,
    lostPercent: (1 - flow.fromServer.received / sent) * 100,
  };
}

/**
 * A round trip as irtt reports it, in nanoseconds. Both ends stamp a packet when the program has it: what passes until it
 * is woken counts as the network's, and as the server's with tine.
 */
interface IrttTrip {
  /** Without the time at the server; absent if the packet was lost. */
  readonly delay: { readonly rtt?: number };
  readonly timestamps: {
    readonly client: {
      readonly send: { readonly monotonic: number };
      readonly receive?: { readonly monotonic?: number };
    };
  };
}

async function ofIrtt(ms: number): Promise<Figures> {
  const address = `${LOOPBACK.host}:${freePort()}`;
  await using _ = await startServer(["irtt", "server", "-i", "0", "-b", address], /starting IPv4 listener/);
  const args = ["-i", `${WAIT_MS}ms`, "-d", `${ms}ms`, "-l", String(BYTES), "-Q", "-o", "-"];
  const { stats, round_trips } = JSON.parse((await outputOf(["irtt", "client", ...args, address])).stdout);
  const trips = round_trips as readonly IrttTrip[];
  const rtts = trips.flatMap(({ delay: { rtt } }) => rtt ?? []);
  const withServer = trips.flatMap(({ timestamps: { client: { send, receive } } }) =>
    receive?.monotonic === undefined ? [] : [receive.monotonic - send.monotonic]
  );
  const { median, p99 } = quantilesOf(rtts)!;
  return {
    median: median / 1000,
    p99: p99 / 1000,
    withServerMedian: quantilesOf(withServer)!.median / 1000,
    // It passes over what it missed, and does not report how late the rest was.
    late: NaN,
    missedPercent: stats.timer_miss_percent,
    lostPercent: stats.packet_loss_percent,
  };
}

function us(micros: number): string {
  return `${micros.toFixed(1)} us`;
}
