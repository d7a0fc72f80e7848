import {
  figureText,
  milliseconds,
  PACKET_FIGURES,
  percent,
  STREAM_FIGURES,
  TRANSACTION_FIGURES,
} from "../../flow/analysis/mod.ts";
import { formatCount } from "../../base/units.ts";
import {
  type Buckets,
  joinedShades,
  type PlotUnit,
  type SampleSeries,
  type Series,
  type Shade,
  type XYPlot,
} from "../plot.ts";
import { listed, lookIn, MAX_SINGLE, type PlotContext, timeAxis, valueAxis } from "./context.ts";
import { crowdSeries } from "./crowd.ts";
import type { FlowEchoes } from "./udp.ts";
import { crowdOf, type FlowIntervals, type IntervalColumn, intervalLine } from "./interval_rows.ts";
import type { FlowKernel } from "./tcp.ts";

/** What plots over time are made from. */
export interface TimeData {
  readonly echoes: readonly FlowEchoes[];
  readonly intervals: readonly FlowIntervals[];
  readonly kernels: readonly FlowKernel[];
  readonly losses: readonly Series[];
}

/** Makes the plots over time of a test, in the order of a page. */
export function timePlots(context: PlotContext, data: TimeData): XYPlot[] {
  const shades = warmUpShades(data.intervals);
  const plots = [
    goodputPlot(context, data),
    rttPlot(context, data),
    latencyPlot(context, data),
    delaysPlot(context, data),
    cwndPlot(context, data),
    latenessPlot(context, data),
  ].filter((plot) => plot !== undefined);
  if (shades.length === 0) return plots;
  return plots.map((plot) => ({
    ...plot,
    shades,
    caption: `${plot.caption} What is shaded is the warm-up of flows, which is in no figure.`,
  }));
}

/** Where flows warm up: of those that do it at the same time, all of it. */
function warmUpShades(intervals: readonly FlowIntervals[]): Shade[] {
  return joinedShades(intervals.flatMap(({ warmUp }) => warmUp === undefined ? [] : [{ ...warmUp, text: "warm-up" }]));
}

function goodputPlot(context: PlotContext, { intervals }: TimeData): XYPlot | undefined {
  const series = intervalSeries(context, intervals, "goodput_bits_per_second", "steps", "least");
  const figures = context.flows.flatMap((measured): [string, number | undefined][] =>
    measured.protocol === "tcp"
      ? [[measured.flow, STREAM_FIGURES.goodputBitsPerSecond.value(measured.figures)]]
      : measured.protocol === "rr"
      ? []
      : measured.figures.senders.map((sender) => [measured.flow, PACKET_FIGURES.goodputBitsPerSecond.value(sender)])
  );
  return overTime(context, {
    id: "goodput",
    title: "Goodput",
    y: ["Goodput", "bit/s"],
    series,
    caption: `Goodput in intervals of ${context.intervalMs} ms. ${
      sentence(figures, (value) => figureText(value, "bit/s"), "mean")
    }`,
  });
}

function rttPlot(context: PlotContext, { echoes, intervals, kernels, losses }: TimeData): XYPlot | undefined {
  const crowd = isCrowd(echoes.length + kernels.length);
  const step = 0.001;
  const series: Series[] = crowd
    ? [
      ...intervalSeries(context, intervals, "rtt_mean_us", "line", "greatest"),
      ...intervals.some(hasAny("rtt_mean_us")) ? [] : intervalSeries(context, intervals, "srtt_us", "line", "greatest"),
    ]
    : [
      ...kernels.filter(({ rtt }) => hasValues(rtt)).map(({ flow, rtt }): Series => ({
        name: `${flow}: smoothed, TCP`,
        flow,
        kind: "line",
        look: lookIn(context, flow),
        data: rtt,
        step: 1,
      })),
      ...echoes.map(({ name, rtt }): Series => ({
        name,
        flow: name,
        kind: "points",
        look: lookIn(context, name),
        data: rtt,
        step,
      })),
      ...losses,
    ];
  const figures = context.flows.flatMap((measured): [string, string][] => {
    if (measured.protocol !== "udp") return [];
    return measured.figures.senders.flatMap(({ rtt }): [string, string][] =>
      rtt === undefined ? [] : [[measured.flow, `median ${ms(rtt.median)}, p99 ${ms(rtt.p99)}, max ${ms(rtt.max)}`]]
    );
  });
  return overTime(context, {
    id: "rtt",
    title: "Round-trip time",
    y: ["RTT", "us"],
    series,
    caption: [
      crowd
        ? "Mean round-trip times of flows by interval: the band from the 5th to the 95th percentile over flows, their mean, and the flow with the greatest mean."
        : echoes.length > 0
        ? "Each echo: bars from the least to the greatest, and the line of their means."
        : "Smoothed round-trip time of the senders' kernels.",
      !crowd && losses.length > 0 && "Marks at the top are packets that were lost.",
      ...crowd ? [] : figures.slice(0, 3).map(([name, text]) => `${name}: ${text}.`),
      bucketsNote(series),
    ].filter((text) => text).join(" "),
  });
}

function latencyPlot(context: PlotContext, { intervals }: TimeData): XYPlot | undefined {
  const { latency, transactionsPerSecond } = TRANSACTION_FIGURES;
  const figures = context.flows.flatMap((measured): string[] => {
    if (measured.protocol !== "rr" || measured.figures.latency === undefined) return [];
    const [median, p99] = [latency.value(measured.figures), latency.value(measured.figures, "p99")];
    const rate = figureText(transactionsPerSecond.value(measured.figures), "1/s");
    return [
      `${measured.flow}: median ${figureText(median, "us")} ms, p99 ${figureText(p99, "us")} ms, ${rate} a second.`,
    ];
  });
  return overTime(context, {
    id: "latency",
    title: "Latency of transactions",
    y: ["Latency", "us"],
    series: intervalSeries(context, intervals, "latency_median_us", "line", "greatest"),
    caption: [
      `Median latency of transactions in intervals of ${context.intervalMs} ms.`,
      ...figures.slice(0, 3),
    ].join(" "),
  });
}

function delaysPlot(context: PlotContext, { echoes, intervals }: TimeData): XYPlot | undefined {
  const intervalUs = context.intervalMs * 1000;
  if (isCrowd(Math.max(echoes.length, intervals.length))) {
    return overTime(context, {
      id: "delays",
      title: "One-way delay",
      y: ["One-way delay to the server", "us"],
      series: intervalSeries(context, intervals, "to_server_mean_us", "line", "greatest"),
      caption: "Mean one-way delays to the server by interval, over flows.",
    });
  }
  const withEchoes = new Set(echoes.map(({ name }) => name));
  const back = (name: string) => {
    const look = lookIn(context, name);
    return { ...look, dash: look.dash + 1 };
  };
  const bounds = echoes.filter(({ boundUs }) => boundUs > 0);
  const series: Series[] = [
    ...bounds.flatMap(({ name, boundUs }): Series[] => {
      const of = intervals.find((intervals) => intervals.name === name);
      if (of === undefined) return [];
      const { x, y } = intervalLine(of, "to_server_mean_us", intervalUs);
      return [{
        name: `${name}: bound`,
        flow: name,
        kind: "band",
        look: lookIn(context, name),
        data: { type: "samples", x, y: y.map((delay) => delay - boundUs), high: y.map((delay) => delay + boundUs) },
      }];
    }),
    ...echoes.flatMap(({ name, toServer, fromServer }): Series[] => [
      {
        name: `${name}: to the server`,
        flow: name,
        kind: "points",
        look: lookIn(context, name),
        data: toServer,
        step: 0.001,
      },
      { name: `${name}: from the server`, flow: name, kind: "points", look: back(name), data: fromServer, step: 0.001 },
    ]),
    // Without echoes there are the means of intervals.
    ...intervals.filter(({ name }) => !withEchoes.has(name)).flatMap((of): Series[] =>
      (["to_server_mean_us", "from_server_mean_us"] as const).map((column): Series => ({
        name: `${of.name}: ${column === "to_server_mean_us" ? "to" : "from"} the server`,
        flow: of.name,
        kind: "line",
        look: column === "to_server_mean_us" ? lookIn(context, of.name) : back(of.name),
        data: intervalLine(of, column, intervalUs),
      }))
    ),
  ].filter(({ data }) => hasValues(data));
  const boundText = bounds.length === 0
    ? "The ends share a clock: delays are exact."
    : `Bands are the bounds of what delays to the server may be off: ${
      listed(bounds.map(({ name, boundUs }) => `${name} ${milliseconds(boundUs)} ms`))
    }.`;
  return overTime(context, {
    id: "delays",
    title: "One-way delay",
    y: ["One-way delay", "us"],
    series,
    caption: `One-way delays, RFC 7679; those from the server are dashed. ${boundText} ${bucketsNote(series)}`.trim(),
  });
}

function cwndPlot(context: PlotContext, { kernels, intervals }: TimeData): XYPlot | undefined {
  const resent = context.flows.flatMap((measured): [string, number | undefined][] =>
    measured.protocol === "tcp" ? [[measured.flow, measured.figures.retransmits]] : []
  );
  const crowd = isCrowd(kernels.length);
  const series: Series[] = crowd
    ? intervalSeries(context, intervals, "cwnd_bytes", "line", "least")
    : kernels.flatMap(({ flow, cwnd, resent }): Series[] => [
      { name: flow, flow, kind: "steps", look: lookIn(context, flow), data: cwnd, step: 1 },
      { name: `${flow}: resent`, flow, kind: "ticks", look: lookIn(context, flow), data: resent, step: 1 },
    ]).filter(({ data }) => hasValues(data));
  return overTime(context, {
    id: "cwnd",
    title: "Congestion window",
    y: ["Congestion window", "byte"],
    series,
    caption: `Congestion windows of the senders' kernels, RFC 5681${
      crowd ? ", over flows" : "; marks at the top are where segments were sent again"
    }. ${sentence(resent, (value) => formatCount(value, "segment"), "sent again")}`,
  });
}

function latenessPlot(context: PlotContext, { echoes }: TimeData): XYPlot | undefined {
  if (isCrowd(echoes.length)) return undefined;
  const series = echoes.filter(({ lateness }) => hasValues(lateness)).map(({ name, lateness }): Series => ({
    name,
    flow: name,
    kind: "points",
    look: lookIn(context, name),
    data: lateness,
    step: 0.001,
  }));
  const late = context.flows.flatMap((measured): [string, number | undefined][] =>
    measured.protocol !== "udp" ? [] : measured.figures.senders.map(({ lateness, lateSends }) => [
      measured.flow,
      lateness && lateness.count > 0 ? lateSends * 100 / lateness.count : undefined,
    ])
  );
  return overTime(context, {
    id: "lateness",
    title: "Lateness of sends",
    y: ["Lateness", "us"],
    series,
    caption:
      "How much later than scheduled packets were handed to the kernel: what is late here is tine or its machine, " +
      `not the network. ${sentence(late, percent, "over 1 ms late")} ${bucketsNote(series)}`.trim(),
  });
}

/** A series a flow from a column of intervals; of many flows, those of a crowd. */
function intervalSeries(
  context: PlotContext,
  intervals: readonly FlowIntervals[],
  column: IntervalColumn,
  kind: "line" | "steps",
  worst: "greatest" | "least",
): Series[] {
  const intervalUs = context.intervalMs * 1000;
  const those = intervals.filter(hasAny(column));
  if (isCrowd(those.length)) return crowdSeries(crowdOf(those, column, intervalUs), intervalUs, worst, kind);
  return those.map((of): Series => ({
    name: of.name,
    flow: of.name,
    kind,
    look: lookIn(context, of.name),
    data: intervalLine(of, column, intervalUs),
  }));
}

function hasAny(column: IntervalColumn): (of: FlowIntervals) => boolean {
  return ({ values }) => values[column].some((value) => !Number.isNaN(value));
}

function isCrowd(series: number): boolean {
  return series > MAX_SINGLE;
}

function overTime(
  context: PlotContext,
  { id, title, y: [name, unit], series, caption }: {
    id: string;
    title: string;
    y: readonly [string, PlotUnit];
    series: readonly Series[];
    caption: string;
  },
): XYPlot | undefined {
  if (series.length === 0) return undefined;
  return { type: "time", id, title, caption, x: timeAxis(context), y: valueAxis(name, unit), series };
}

function hasValues(data: SampleSeries | Buckets): boolean {
  return data.type === "buckets" ? data.counts.length > 0 : data.y.some((value) => !Number.isNaN(value));
}

/** Says figures of flows, of many the extremes. */
function sentence(
  figures: readonly (readonly [name: string, value: number | undefined])[],
  text: (value: number) => string,
  what: string,
): string {
  const known = figures.filter((figure): figure is [string, number] => figure[1] !== undefined);
  if (known.length === 0) return "";
  if (known.length <= 4) return `${upper(what)}: ${known.map(([name, value]) => `${name} ${text(value)}`).join(", ")}.`;
  const sorted = known.toSorted(([, a], [, b]) => a - b);
  const [least, greatest] = [sorted[0], sorted[sorted.length - 1]];
  return `${upper(what)}: from ${text(least[1])} (${least[0]}) to ${text(greatest[1])} (${greatest[0]}).`;
}

function upper(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}

function bucketsNote(series: readonly Series[]): string {
  const buckets = series.find(({ data }) => data.type === "buckets");
  return buckets === undefined
    ? ""
    : "There are more samples than this page has room for: they are in buckets, whose least and greatest values are exact.";
}

function ms(nanos: number | undefined): string {
  return nanos === undefined ? "unknown" : `${milliseconds(nanos / 1000)} ms`;
}
