import { grouped } from "../../base/units.ts";
import {
  type Bottleneck,
  figuresOf,
  LOAD_FIGURES,
  LOAD_SUMMARY_FIGURES,
  type LoadFigures,
  type LoadPhases,
  type MachineLoad,
  packetBottlenecks,
  streamBottlenecks,
  sumStreams,
} from "../../flow/analysis/mod.ts";
import type { Flows } from "../../flow/flows.ts";
import { milliseconds, type PrintedTable, spread, tableHead, tableRows, titled } from "../figures.ts";
import { escape } from "../terminal.ts";
import {
  bottleneckLines,
  bottlenecksJson,
  errorJson,
  kindLines,
  type MeasuredWith,
  summaryHead,
} from "./client_report.ts";
import { InterruptibleOutput } from "../interrupts.ts";
import type { PacketClientConfig } from "../../flow/config.ts";
import { delay } from "../../base/time.ts";
import { TineError } from "../../base/errors.ts";
import { earlyInterrupt, EXIT_INTERRUPTED } from "./client_command.ts";
import { watchMachine } from "./machine_load.ts";
import type { ClientFlow } from "./client_flow.ts";
import { PacketFlow } from "./packet_flow.ts";
import { runFlows } from "./run_flows.ts";
import { StreamFlow } from "./stream_flow.ts";

/**
 * Measures latency under load by hand, and prints each phase when it is over.
 *
 * @returns the exit code
 * @throws what a phase failed with, after the summary
 */
export async function runUnderLoad(
  flows: Flows,
  { json, ...options }: Omit<UnderLoadOptions, "signal" | "log"> & { readonly json: boolean },
): Promise<number> {
  using output = new InterruptibleOutput(EXIT_INTERRUPTED);
  const started = new Date();
  const phases: PhaseFigures[] = [];
  let error: unknown;
  const log = (text: string) => console.error(`tine udp client: ${escape(text)}`);
  for await (const phase of underLoad(flows, { ...options, signal: output.signal, log })) {
    error ??= phase.error;
    // Nothing was measured: then there is nothing to print.
    if (phase.error !== undefined && phase.packets === undefined) break;
    if (phases.length === 0 && !json) output.lines(tableHead(PHASE_TABLE));
    phases.push(phase);
    if (json) output.json(phaseJson(phase));
    else output.lines(phaseLines(phase));
  }
  if (json) output.json(underLoadJson(phases, { server: options.server, kind: flows.kind, error, started }));
  else if (phases.length > 0) output.lines(underLoadLines(phases, flows.kind));
  await output.flush();
  if (output.interrupted && phases.length === 0 && !json) log(earlyInterrupt(options.server));
  if (output.interrupted) return EXIT_INTERRUPTED;
  if (error !== undefined) throw error;
  return 0;
}

const { rtt, lostPercent, roundTripsPerMinute, uploadGoodputBitsPerSecond, downloadGoodputBitsPerSecond } =
  LOAD_FIGURES;
const PHASE_TABLE: PrintedTable<LoadFigures> = {
  names: ["path"],
  columns: [
    ...spread(rtt, "min", "median", "p99", "max"),
    ...titled(lostPercent, roundTripsPerMinute, uploadGoodputBitsPerSecond, downloadGoodputBitsPerSecond),
  ],
  widths: [8, 7, 7, 7, 7, 6, 9, 11, 11],
};

/** Returns a phase as a line. */
export function phaseLines(figures: PhaseFigures): string[] {
  return tableRows(PHASE_TABLE, [[[figures.phase], figures]]);
}

/** Returns a phase as an object. */
export function phaseJson(figures: PhaseFigures): object {
  const { phase, error } = figures;
  return { type: "phase", phase, complete: error === undefined, ...figuresOf(LOAD_FIGURES, figures) };
}

/** Returns what follows from all phases as lines. */
export function underLoadLines(phases: readonly PhaseFigures[], kind: MeasuredWith["kind"]): string[] {
  const whole = wholePhases(phases);
  const added = LOAD_SUMMARY_FIGURES.addedRttMedianMicros.value(whole);
  const trips = LOAD_SUMMARY_FIGURES.roundTripsPerMinute.value(whole);
  const lines = phases.filter(({ error }) => error !== undefined).map(({ phase }) =>
    `The phase ${phase} was not whole: nothing is concluded from it.`
  );
  if (added !== undefined) lines.push(`The load adds ${milliseconds(added)} ms to the median round trip.`);
  if (trips !== undefined) {
    const perMinute = grouped(Math.round(trips));
    lines.push(`Responsiveness under load: ${perMinute} round trips per minute in the worst phase.`);
  }
  const bottlenecks = bottleneckLines(phases.flatMap(({ bottlenecks }) => bottlenecks));
  return [...lines.length === 0 ? [] : ["", ...lines], ...kindLines(kind), ...bottlenecks];
}

/** Returns what follows from all phases as an object. */
export function underLoadJson(
  phases: readonly PhaseFigures[],
  { error, ...how }: Pick<MeasuredWith, "server" | "kind" | "error" | "started">,
): object {
  return {
    ...summaryHead("udp", how),
    complete: phases.length === PHASES.length && phases.every(({ error }) => error === undefined),
    error: errorJson(error),
    ...figuresOf(LOAD_SUMMARY_FIGURES, wholePhases(phases)),
    phases: phases.map(phaseJson),
    bottlenecks: bottlenecksJson(phases.flatMap(({ bottlenecks }) => bottlenecks)),
  };
}

/** The phases that came to their end. */
function wholePhases(phases: readonly PhaseFigures[]): LoadPhases {
  const whole = phases.filter(({ error }) => error === undefined);
  return {
    idle: whole.find(({ phase }) => phase === "idle"),
    loaded: whole.filter(({ phase }) => phase !== "idle"),
  };
}

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
  readonly client: Pick<
    PacketClientConfig,
    "dscp" | "ecn" | "fragment" | "payload" | "maxPacketSize" | "protocol" | "bind" | "cpu" | "priority"
  >;
  readonly key?: Uint8Array;
  readonly signal: AbortSignal;
  /** Begins to watch the machine that measures. Default: {@linkcode watchMachine} */
  readonly watch?: () => () => MachineLoad;
  log(text: string): void;
}

/** What was measured in a phase. */
export interface PhaseFigures extends LoadFigures {
  readonly phase: Phase;
  readonly load: MachineLoad;
  /** Where tine was the limit of what the packets measure, or of the load. */
  readonly bottlenecks: readonly Bottleneck[];
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
  const opened = Promise.withResolvers<void>(), loadIsThere = Promise.withResolvers<void>();
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
    sendAfter: loadIsThere.promise,
  });
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const failing = async (error: Promise<{ error?: unknown }>) => {
    const result = await error;
    if (result.error !== undefined) failed.abort(result.error);
    return result;
  };
  // The probe opens before the load: in the queue that this makes, that may take longer than the load lasts.
  const probed = failing(runFlows(flows, [probe], { key, signal: both, log, onAllOpen: opened.resolve }));
  await Promise.race([opened.promise, probed]);
  const open = Promise.withResolvers<void>();
  const loaded = both.aborted
    ? undefined
    : failing(runFlows(flows, streams, { key, signal: both, log, onAllOpen: open.resolve }));
  // Nothing is measured before the load is there. The reason of an abort is part of what is returned.
  if (streams.length > 0 && !both.aborted) {
    await Promise.race([open.promise, loaded]);
    await delay(options.rampMs, both).catch(() => {});
  }
  const machineLoad = (options.watch ?? watchMachine)();
  const isMeasured = !both.aborted;
  if (isMeasured) loadIsThere.resolve();
  const results = await Promise.all([loaded, probed]);
  const load = machineLoad();
  const packets = isMeasured ? probe.figures().senders[0] : undefined;
  return {
    phase,
    packets,
    uploadBitsPerSecond: goodput(streams, "upload"),
    downloadBitsPerSecond: goodput(streams, "download"),
    load,
    bottlenecks: packets === undefined ? [] : [...packetBottlenecks(packets, load), ...loadBottlenecks(streams)],
    error: signal.aborted
      ? signal.reason
      : failed.signal.reason ?? results.find((result) => result?.error)?.error ?? incomplete([probe, ...streams]),
  };
}

/** The error of a flow that has not come to its end, though nothing has failed. */
function incomplete(clients: readonly ClientFlow[]): TineError | undefined {
  const cut = clients.find(({ complete }) => !complete);
  return cut && new TineError("incomplete-flow", `flow ${cut.id} did not come to its end`);
}

/** Where tine was the limit of the load; how busy this machine was counts with the packets. */
function loadBottlenecks(streams: readonly StreamFlow[]): Bottleneck[] {
  return streams.flatMap((stream) => streamBottlenecks(stream.figures(), {})).map((bottleneck) => ({
    ...bottleneck,
    message: `of the load, ${bottleneck.message}`,
  }));
}

function streamProtocol(protocol: PacketClientConfig["protocol"]): "tcp4" | "tcp6" | undefined {
  if (protocol === undefined || protocol === "udp") return undefined;
  return protocol === "udp4" ? "tcp4" : "tcp6";
}

/** The TCP flows of a phase. */
function loadOf(phase: Phase, { server, durationMs, rampMs, parallel, cca, client }: UnderLoadOptions): StreamFlow[] {
  const directions = ["upload", "download"] as const;
  return directions.filter((direction) => phase === direction || phase === "both").flatMap((direction) =>
    Array.from({ length: parallel }, (_, i) =>
      new StreamFlow({
        label: `${direction === "upload" ? "up" : "down"}${i + 1}`,
        direction,
        server,
        intervalMs: Infinity,
        dial: { protocol: streamProtocol(client.protocol), bind: client.bind },
        transfer: { duration: rampMs + durationMs, cca, payload: client.payload },
      }))
  );
}

/** Of all flows in a direction, over their common time; undefined if no flow has carried anything. */
function goodput(streams: readonly StreamFlow[], direction: "upload" | "download"): number | undefined {
  const those = streams.filter((stream) => stream.direction === direction);
  return sumStreams(those).goodputBitsPerSecond || undefined;
}
