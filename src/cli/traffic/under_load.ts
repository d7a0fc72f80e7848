import type { PacketClientConfig } from "../../flow/config.ts";
import type { Flows } from "../../flow/flows.ts";
import { delay } from "../../node/delay.ts";
import { type MachineLoad, packetBottlenecks, type PacketFigures } from "../../result/analysis/mod.ts";
import { BusiestThread } from "./busiest_thread.ts";
import { PacketFlow } from "./packet_flow.ts";
import { runFlows } from "./run_flows.ts";
import { StreamFlow } from "./stream_flow.ts";

/** What loads the path. */
export const PHASES = ["idle", "upload", "download", "both"] as const;
/** One of them. */
export type Phase = typeof PHASES[number];

/** How latency under load is measured. */
export interface UnderLoadOptions {
  /** The server, which serves TCP at the same address: `HOST:PORT`. */
  readonly server: string;
  /** Of each phase, in milliseconds. */
  readonly durationMs: number;
  /** For how long the load runs before latency is measured, in milliseconds. */
  readonly rampMs: number;
  /** Between the packets that measure, in milliseconds. */
  readonly waitMs: number;
  /** Their length, in bytes; undefined: the header alone. */
  readonly lengthBytes?: number;
  /** TCP flows in each direction. */
  readonly parallel: number;
  /** The senders' congestion control. */
  readonly cca?: string;
  readonly client: Pick<PacketClientConfig, "dscp" | "ecn" | "maxPacketSize">;
  readonly key?: Uint8Array;
  readonly signal: AbortSignal;
  log(text: string): void;
}

/** What was measured in a phase. */
export interface PhaseFigures {
  readonly phase: Phase;
  /** Of the packets that measure latency; undefined if none was sent. */
  readonly packets?: PacketFigures;
  /** Of all TCP flows in that direction, as their receivers counted it. */
  readonly uploadBitsPerSecond?: number;
  readonly downloadBitsPerSecond?: number;
  readonly load: MachineLoad;
  /** Where tine was the limit of what the packets measure. */
  readonly bottlenecks: ReturnType<typeof packetBottlenecks>;
  /** What ended it before its time. */
  readonly error?: unknown;
}

/** Measures the latency of a path idle, then under TCP uploads, downloads, and both; ends with a phase that fails. */
export async function* underLoad(flows: Flows, options: UnderLoadOptions): AsyncGenerator<PhaseFigures, void, void> {
  for (const phase of PHASES) {
    const figures = await measurePhase(flows, phase, options);
    yield figures;
    if (figures.error !== undefined) return;
  }
}

async function measurePhase(flows: Flows, phase: Phase, options: UnderLoadOptions): Promise<PhaseFigures> {
  const { server, durationMs, waitMs, lengthBytes, client, key, signal, log } = options;
  const streams = loadOf(phase, options);
  const probe = new PacketFlow({
    label: "probe",
    server,
    intervalMs: Infinity,
    client,
    sender: {
      wait: [waitMs],
      length: lengthBytes === undefined ? undefined : [lengthBytes],
      duration: durationMs,
      echo: true,
    },
  });
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const failing = async (error: Promise<{ error?: unknown }>) => {
    const result = await error;
    if (result.error !== undefined) failed.abort(result.error);
    return result;
  };
  const loaded = failing(runFlows(flows, streams, { key, signal: both, log }));
  // What aborts it is told with the rest.
  if (streams.length > 0) await delay(options.rampMs, both).catch(() => {});
  const thread = new BusiestThread();
  const probed = failing(runFlows(flows, [probe], { key, signal: both, log }));
  const results = await Promise.all([loaded, probed]);
  const load = { busiestThread: thread.share };
  const packets = probe.figures()?.figures;
  return {
    phase,
    packets,
    uploadBitsPerSecond: goodput(streams, "upload"),
    downloadBitsPerSecond: goodput(streams, "download"),
    load,
    bottlenecks: packets === undefined ? [] : packetBottlenecks(packets, load),
    error: signal.aborted ? signal.reason : failed.signal.reason ?? results.find(({ error }) => error)?.error,
  };
}

/** The TCP flows of a phase. */
function loadOf(phase: Phase, { server, durationMs, rampMs, parallel, cca }: UnderLoadOptions): StreamFlow[] {
  const directions = ["upload", "download"] as const;
  return directions.filter((direction) => phase === direction || phase === "both").flatMap((direction) =>
    Array.from({ length: parallel }, (_, i) =>
      new StreamFlow({
        label: `${direction === "upload" ? "up" : "down"}${i + 1}`,
        direction,
        server,
        intervalMs: Infinity,
        transfer: { duration: rampMs + durationMs, cca },
      }))
  );
}

function goodput(streams: readonly StreamFlow[], direction: "upload" | "download"): number | undefined {
  const those = streams.filter((stream) => stream.direction === direction);
  if (those.length === 0) return undefined;
  return those.reduce((sum, stream) => sum + stream.figures().goodputBitsPerSecond, 0);
}
