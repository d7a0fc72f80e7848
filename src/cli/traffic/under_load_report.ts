import { figuresOf, LOAD_FIGURES } from "../../flow/analysis/mod.ts";
import { bottleneckLines, bottlenecksJson } from "./bottleneck_report.ts";
import { bitRate, milliseconds, percent } from "./figure_text.ts";
import { errorJson, rounded } from "./json_figures.ts";
import { grouped } from "../../base/count.ts";
import { kindLines, type MeasuredWith } from "./measured_with.ts";
import { tableLines } from "../../base/text_table.ts";
import { type PhaseFigures, PHASES } from "./under_load.ts";

const HEAD = ["path", "RTT min", "median", "p99", "max ms", "lost", "trips/min", "upload", "download"];
const WIDTHS = [8, 7, 7, 7, 7, 6, 9, 11, 11];
const UNKNOWN = "-";

/** The heading of the lines of phases. */
export function phaseHead(): string[] {
  return tableLines([HEAD], WIDTHS);
}

/** A phase as a line. */
export function phaseLines(figures: PhaseFigures): string[] {
  const { phase, packets, uploadBitsPerSecond, downloadBitsPerSecond } = figures;
  const rtt = packets?.rtt;
  const lost = LOAD_FIGURES.lostPercent.value(figures);
  const row = [
    phase,
    ...[rtt?.min, rtt?.median, rtt?.p99, rtt?.max].map((nanos) => nanos === undefined ? UNKNOWN : milliseconds(nanos)),
    lost === undefined ? UNKNOWN : percent(lost, 100),
    packets?.roundTripsPerMinute === undefined ? UNKNOWN : grouped(Math.round(packets.roundTripsPerMinute)),
    ...[uploadBitsPerSecond, downloadBitsPerSecond].map((rate) => rate === undefined ? UNKNOWN : bitRate(rate)),
  ];
  return tableLines([row], WIDTHS);
}

/** What follows from all phases, as lines. */
export function underLoadLines(phases: readonly PhaseFigures[], kind: MeasuredWith["kind"]): string[] {
  const added = addedNanos(phases);
  const least = leastRoundTrips(phases);
  const cut = phases.filter(({ error }) => error !== undefined).map(({ phase }) =>
    `The phase ${phase} was not whole: nothing is concluded from it.`
  );
  const lines = [
    ...cut,
    ...added === undefined ? [] : [`The load adds ${milliseconds(added)} ms to the median round trip.`],
    ...least === undefined
      ? []
      : [`Responsiveness under load: ${grouped(Math.round(least))} round trips per minute in the worst phase.`],
  ];
  const bottlenecks = bottleneckLines(phases.flatMap(({ bottlenecks }) => bottlenecks));
  return [...lines.length === 0 ? [] : ["", ...lines], ...kindLines(kind), ...bottlenecks];
}

/** A phase as an object. */
export function phaseJson(figures: PhaseFigures): object {
  const { phase, error } = figures;
  return { type: "phase", phase, complete: error === undefined, ...figuresOf(LOAD_FIGURES, figures) };
}

/** What follows from all phases, as an object. */
export function underLoadJson(
  phases: readonly PhaseFigures[],
  { server, kind, error }: Pick<MeasuredWith, "server" | "kind" | "error">,
): object {
  const added = addedNanos(phases);
  return {
    type: "summary",
    protocol: "udp",
    server,
    kind,
    complete: phases.length === PHASES.length && phases.every(({ error }) => error === undefined),
    error: errorJson(error),
    addedRttMedianMicros: added === undefined ? undefined : Math.round(added) / 1000,
    roundTripsPerMinute: rounded(leastRoundTrips(phases)),
    phases: phases.map(phaseJson),
    bottlenecks: bottlenecksJson(phases.flatMap(({ bottlenecks }) => bottlenecks)),
  };
}

/** How much longer the median round trip takes in the worst phase under load than idle. */
function addedNanos(phases: readonly PhaseFigures[]): number | undefined {
  const whole = phases.filter(({ error }) => error === undefined);
  const idle = whole.find(({ phase }) => phase === "idle")?.packets?.rtt?.median;
  const loaded = whole.flatMap(({ phase, packets }) =>
    phase === "idle" || packets?.rtt === undefined ? [] : [packets.rtt.median]
  );
  return idle === undefined || loaded.length === 0 ? undefined : Math.max(...loaded) - idle;
}

/** The round trips per minute of the worst phase under load. */
function leastRoundTrips(phases: readonly PhaseFigures[]): number | undefined {
  const loaded = phases.flatMap(({ phase, packets, error }) =>
    phase === "idle" || error !== undefined ? [] : packets?.roundTripsPerMinute ?? []
  );
  return loaded.length === 0 ? undefined : Math.min(...loaded);
}
