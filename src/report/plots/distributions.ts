import { formatCount } from "../../base/units.ts";
import { type Distribution, milliseconds, STREAM_FIGURES } from "../../flow/analysis/mod.ts";
import type { BoxPlot, Plot, Series, XYPlot } from "../plot.ts";
import { listed, lookIn, MAX_SINGLE, type PlotContext } from "./context.ts";
import type { FlowEchoes } from "./udp.ts";

/** Fewer TCP flows say nothing of how long flows take by their size. */
const MIN_COMPLETIONS = 10;
/** Points of a distribution function. */
const MAX_POINTS = 512;

/** Makes the plots of distributions. */
export function distributionPlots(context: PlotContext, echoes: readonly FlowEchoes[]): Plot[] {
  return [cdfPlot(context, echoes), boxPlot(context, echoes), ...completionPlots(context)]
    .filter((plot) => plot !== undefined);
}

/** The distribution functions of round-trip times: of many flows, that of all together, and the worst. */
function cdfPlot(context: PlotContext, echoes: readonly FlowEchoes[]): XYPlot | undefined {
  if (echoes.length === 0) return undefined;
  const shown = worstFirst(echoes);
  const most = Math.max(...shown.map(({ distribution }) => distribution.count));
  return {
    type: "xy",
    id: "rtt-cdf",
    title: "Distribution of round-trip times",
    caption: `Share of echoes whose round-trip time is at most that on the x axis; the y axis stretches the tail. ${
      shown.slice(0, 4).map(({ name, distribution }) =>
        `${name}: 99% within ${milliseconds(distribution.quantile(0.99) / 1000)} ms`
      ).join(", ")
    }.${leftOut(echoes, shown)}`,
    x: { title: "RTT", unit: "us", scale: "log" },
    y: { title: "Share of echoes", unit: "share", scale: "tail", min: 0, max: 1 - 1 / most },
    series: shown.map(({ name, distribution }): Series => ({
      name,
      flow: name,
      kind: "steps",
      look: lookIn(context, name),
      data: { type: "samples", ...cdfOf(distribution) },
    })),
  };
}

/** Points of a distribution function: values in microseconds, and the share of all that are at most these. */
function cdfOf(distribution: Distribution): { x: Float64Array; y: Float64Array } {
  const bins = [...distribution.bins()];
  const total = distribution.count;
  const x: number[] = [distribution.min / 1000], y: number[] = [0];
  let seen = 0, last = 0;
  for (const [i, [value, times]] of bins.entries()) {
    seen += times;
    const share = seen / total;
    // Evenly in the body, and where the scale stretches it evenly in the tail.
    const place = -Math.log10(Math.max(1 - share, 1e-9));
    if (bins.length > MAX_POINTS && i < bins.length - 1 && share - last < 2 / MAX_POINTS && place - tail(last) < 0.01) {
      continue;
    }
    last = share;
    x.push(value / 1000);
    y.push(share);
  }
  return { x: Float64Array.from(x), y: Float64Array.from(y) };
}

function tail(share: number): number {
  return -Math.log10(Math.max(1 - share, 1e-9));
}

function boxPlot(context: PlotContext, echoes: readonly FlowEchoes[]): BoxPlot | undefined {
  if (echoes.length === 0) return undefined;
  const shown = worstFirst(echoes);
  const micros = (nanos: number) => nanos / 1000;
  return {
    type: "box",
    id: "box",
    title: "Round-trip times by flow",
    caption:
      "Boxes from the first to the third quartile with the median in them, whiskers from the least value to the " +
      `99th percentile, a dot for the greatest value and a ring for the mean.${leftOut(echoes, shown)}`,
    y: { title: "RTT", unit: "us", scale: "log" },
    boxes: shown.map(({ name, distribution }) => {
      const { min, mean, median, p99, max } = distribution.quantiles()!;
      return {
        name,
        flow: name,
        look: lookIn(context, name),
        min: micros(min),
        q1: micros(distribution.quantile(0.25)),
        median: micros(median),
        q3: micros(distribution.quantile(0.75)),
        p99: micros(p99),
        max: micros(max),
        mean: micros(mean),
      };
    }),
  };
}

/** All flows in their order, or of many those with the greatest 99th percentile. */
function worstFirst(echoes: readonly FlowEchoes[]): readonly FlowEchoes[] {
  const known = echoes.filter(({ distribution }) => distribution.count > 0);
  if (known.length <= MAX_SINGLE) return known;
  return known.map((of) => ({ of, p99: of.distribution.quantile(0.99) })).sort((a, b) => b.p99 - a.p99)
    .slice(0, MAX_SINGLE / 2).map(({ of }) => of);
}

function leftOut(all: readonly FlowEchoes[], shown: readonly FlowEchoes[]): string {
  return shown.length === all.length
    ? ""
    : ` Of ${all.length} flows these are the ${shown.length} with the greatest 99th percentile.`;
}

/** How long TCP flows took, by their size and over all. */
function completionPlots(context: PlotContext): (XYPlot | undefined)[] {
  const flows = context.flows.flatMap((measured) => {
    if (measured.protocol !== "tcp") return [];
    const seconds = STREAM_FIGURES.completionSeconds.value(measured.figures);
    return seconds === undefined || measured.warmupNanos !== undefined
      ? []
      : [{ flow: measured.flow, seconds, bytes: measured.figures.bytes }];
  });
  if (flows.length < MIN_COMPLETIONS) return [];
  const stems = [...Map.groupBy(flows, ({ flow }) => flow.replace(/[.-]?\d+$/, ""))];
  const groups = stems.length <= MAX_SINGLE ? stems : [["all flows", flows] as const];
  const bySize = new Set(flows.map(({ bytes }) => bytes)).size > 1;
  const look = (i: number) => ({ color: i % 8, dash: Math.floor(i / 8) % 5 });
  const names = listed(groups.map(([stem, those]) => `${stem} ${formatCount(those.length, "flow")}`));
  return [
    bySize
      ? {
        type: "xy",
        id: "completion-size",
        title: "Completion time by size",
        caption: `Flow completion time of each TCP flow by the bytes that it carried: ${names}.`,
        x: { title: "Size", unit: "byte", scale: "log" },
        y: { title: "Completion time", unit: "s", scale: "log" },
        series: groups.map(([stem, those], i): Series => {
          const sorted = those.toSorted((a, b) => a.bytes - b.bytes);
          return {
            name: stem,
            kind: "dots",
            look: look(i),
            data: {
              type: "samples",
              x: Float64Array.from(sorted, ({ bytes }) => bytes),
              y: Float64Array.from(sorted, ({ seconds }) => seconds),
            },
          };
        }),
      }
      : undefined,
    {
      type: "xy",
      id: "completion-cdf",
      title: "Distribution of completion times",
      caption: `Share of TCP flows that were complete within the time on the x axis: ${names}.`,
      x: { title: "Completion time", unit: "s", scale: "log" },
      y: { title: "Share of flows", unit: "share", scale: "tail", min: 0, max: 1 - 1 / flows.length },
      series: groups.map(([stem, those], i): Series => {
        const sorted = those.map(({ seconds }) => seconds).sort((a, b) => a - b);
        return {
          name: stem,
          kind: "steps",
          look: look(i),
          data: {
            type: "samples",
            x: Float64Array.from([sorted[0], ...sorted]),
            y: Float64Array.from([0, ...sorted.map((_, i) => (i + 1) / sorted.length)]),
          },
        };
      }),
    },
  ];
}
