import { grouped } from "../../base/units.ts";
import { figuresOf, LOAD_FIGURES, type LoadFigures, rounded } from "../../flow/analysis/mod.ts";
import type { Flows } from "../../flow/flows.ts";
import { column, milliseconds, type Table, tableHead, tableRows } from "../figures.ts";
import { escape } from "../terminal.ts";
import { bottleneckLines, bottlenecksJson, errorJson, kindLines, type MeasuredWith } from "./client_report.ts";
import { InterruptibleOutput } from "./interruptible_output.ts";
import { type PhaseFigures, PHASES, underLoad, type UnderLoadOptions } from "./under_load.ts";

const EXIT_INTERRUPTED = 130;

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
  if (json) output.json(underLoadJson(phases, { server: options.server, kind: flows.kind, error }));
  else if (phases.length > 0) output.lines(underLoadLines(phases, flows.kind));
  await output.flush();
  if (output.interrupted) return EXIT_INTERRUPTED;
  if (error !== undefined) throw error;
  return 0;
}

const { rtt, lostPercent, roundTripsPerMinute, uploadGoodputBitsPerSecond, downloadGoodputBitsPerSecond } =
  LOAD_FIGURES;
const PHASE_TABLE: Table<LoadFigures> = {
  names: ["path"],
  columns: [
    column("RTT min", rtt, "min"),
    column("median", rtt, "median"),
    column("p99", rtt, "p99"),
    column("max ms", rtt, "max"),
    column("lost", lostPercent),
    column("trips/min", roundTripsPerMinute),
    column("upload", uploadGoodputBitsPerSecond),
    column("download", downloadGoodputBitsPerSecond),
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
  const { addedMicros, roundTripsPerMinute } = conclusions(phases);
  const lines = phases.filter(({ error }) => error !== undefined).map(({ phase }) =>
    `The phase ${phase} was not whole: nothing is concluded from it.`
  );
  if (addedMicros !== undefined) lines.push(`The load adds ${milliseconds(addedMicros)} ms to the median round trip.`);
  if (roundTripsPerMinute !== undefined) {
    const trips = grouped(Math.round(roundTripsPerMinute));
    lines.push(`Responsiveness under load: ${trips} round trips per minute in the worst phase.`);
  }
  const bottlenecks = bottleneckLines(phases.flatMap(({ bottlenecks }) => bottlenecks));
  return [...lines.length === 0 ? [] : ["", ...lines], ...kindLines(kind), ...bottlenecks];
}

/** Returns what follows from all phases as an object. */
export function underLoadJson(
  phases: readonly PhaseFigures[],
  { server, kind, error }: Pick<MeasuredWith, "server" | "kind" | "error">,
): object {
  const { addedMicros, roundTripsPerMinute } = conclusions(phases);
  return {
    type: "summary",
    protocol: "udp",
    server,
    kind,
    complete: phases.length === PHASES.length && phases.every(({ error }) => error === undefined),
    error: errorJson(error),
    addedRttMedianMicros: addedMicros && rounded(addedMicros, "us"),
    roundTripsPerMinute: roundTripsPerMinute && rounded(roundTripsPerMinute, "1/minute"),
    phases: phases.map(phaseJson),
    bottlenecks: bottlenecksJson(phases.flatMap(({ bottlenecks }) => bottlenecks)),
  };
}

/**
 * Compares the worst phase under load with the idle path, of phases that came to their end.
 *
 * @returns by how much the median round trip is longer, in microseconds, and how many round trips fit a minute
 */
function conclusions(phases: readonly PhaseFigures[]): { addedMicros?: number; roundTripsPerMinute?: number } {
  const whole = phases.filter(({ error }) => error === undefined);
  const loaded = whole.filter(({ phase }) => phase !== "idle");
  const idleMicros = whole.filter(({ phase }) => phase === "idle").map((phase) => rtt.value(phase))[0];
  const micros = loaded.flatMap((phase) => rtt.value(phase) ?? []);
  const trips = loaded.flatMap((phase) => roundTripsPerMinute.value(phase) ?? []);
  return {
    addedMicros: idleMicros === undefined || micros.length === 0 ? undefined : Math.max(...micros) - idleMicros,
    roundTripsPerMinute: trips.length === 0 ? undefined : Math.min(...trips),
  };
}
