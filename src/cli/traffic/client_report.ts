import { messageOf, TineError } from "../../base/errors.ts";
import {
  type Bottleneck,
  type Figures as FigureList,
  figuresOf,
  type MachineLoad,
  worstBottlenecks,
} from "../../flow/analysis/mod.ts";
import type { FlowInfoEvent, Flows } from "../../flow/flows.ts";
import { formatDuration } from "../../base/units.ts";
import { type PrintedRow, type PrintedTable, span, tableRows } from "../figures.ts";
import type { ClientFlow, Direction } from "./client_flow.ts";
import { connectionJson, provenance } from "./provenance.ts";

/** A flow that is over, and what was measured with it. */
export interface FlowResult<Client, Figures> {
  readonly flow: Client;
  readonly figures: Figures;
}

/** How flows of a kind are shown. */
export interface ClientReport<Client extends ClientFlow<Interval, Figures>, Interval, Figures> {
  readonly protocol: "tcp" | "udp";
  /** What objects of an interval have. */
  readonly intervalFigures: FigureList<Interval>;
  /** What lines of an interval have. */
  readonly intervalTable: PrintedTable<Interval>;
  /** Adds up what several flows did in an interval. */
  sumIntervals(intervals: readonly Interval[]): Interval;
  /** Returns what stands behind the server in the first line of a summary, each with a comma before it. */
  setup(all: readonly FlowResult<Client, Figures>[]): readonly string[];
  /** Returns the tables of a summary as lines. */
  lines(all: readonly FlowResult<Client, Figures>[]): string[];
  /** Returns the keys of a flow in a summary, except its names and its connection. */
  flowJson(one: FlowResult<Client, Figures>): object;
  /** Returns the keys of all flows together in a summary. */
  totalsJson(all: readonly FlowResult<Client, Figures>[]): object;
  /** Returns where tine and its machines were the limit of a flow. */
  bottlenecks(one: FlowResult<Client, Figures>, load: MachineLoad): readonly Bottleneck[];
}

/** What flows did in an interval; times are milliseconds since the first of them has started. */
export interface Intervals<Client, Interval> {
  readonly fromMs: number;
  readonly toMs: number;
  readonly seen: readonly { readonly flow: Client; readonly interval: Interval }[];
}

/** What a measurement was made with. */
export interface MeasuredWith {
  /** The server: `HOST:PORT`. */
  readonly server: string;
  /** How traffic was made. */
  readonly kind: Flows["kind"];
  /** How busy this machine was. */
  readonly load: MachineLoad;
  /** Why it did not come to its end. */
  readonly error?: unknown;
  /** When it began. */
  readonly started: Date;
  /** How flows were opened, by their ids. */
  readonly infos: ReadonlyMap<string, FlowInfoEvent>;
}

/** Returns an interval as lines: one a flow, and their sum where there are several in a direction. */
export function intervalLines<Client extends ClientFlow<Interval, Figures>, Interval, Figures>(
  { intervalTable, sumIntervals }: ClientReport<Client, Interval, Figures>,
  { fromMs, toMs, seen }: Intervals<Client, Interval>,
): string[] {
  const time = span(fromMs, toMs);
  const row = (label: string, flow: ClientFlow, interval: Interval): PrintedRow<Interval> => [
    [label, isWarmUp(flow, fromMs, toMs) ? `${time} ${WARM_UP_MARK}` : time],
    interval,
  ];
  return tableRows(intervalTable, [
    ...seen.map(({ flow, interval }) => row(flow.label, flow, interval)),
    ...sumsOf(seen).map(({ label, those }) =>
      row(label, those[0].flow, sumIntervals(those.map((one) => one.interval)))
    ),
  ]);
}

/** Marks the time of an interval. */
const WARM_UP_MARK = "w";

/** Whether most of an interval is of the warm-up of a flow: intervals begin before flows are open. */
function isWarmUp({ warmUp }: ClientFlow, fromMs: number, toMs: number): boolean {
  return warmUp !== undefined && (fromMs + toMs) / 2 < warmUp.endMs;
}

/** Returns what the marks of lines mean; nothing without a warm-up. */
export function warmUpLegend([{ warmUp }]: readonly ClientFlow[]): string[] {
  if (warmUp === undefined) return [];
  const time = formatDuration(warmUp.ms);
  return [`warming up for ${time}: lines with a ${WARM_UP_MARK} are in no figure of the summary`];
}

/** Returns an interval as objects, one a flow. */
export function intervalJson<Client extends ClientFlow<Interval, Figures>, Interval, Figures>(
  { intervalFigures }: ClientReport<Client, Interval, Figures>,
  { fromMs, toMs, seen }: Intervals<Client, Interval>,
): object[] {
  return seen.map(({ flow, interval }) => ({
    type: "interval",
    flow: flow.label,
    direction: flow.direction,
    ...isWarmUp(flow, fromMs, toMs) && { warmup: true },
    startSeconds: fromMs / 1000,
    endSeconds: toMs / 1000,
    ...figuresOf(intervalFigures, interval),
  }));
}

/** Returns the summary of flows as lines. */
export function summaryLines<Client extends ClientFlow<Interval, Figures>, Interval, Figures>(
  report: ClientReport<Client, Interval, Figures>,
  clients: readonly Client[],
  { server, kind, load }: Pick<MeasuredWith, "server" | "kind" | "load">,
): string[] {
  const all = clients.map((flow): FlowResult<Client, Figures> => ({ flow, figures: flow.figures() }));
  const { warmUp } = clients[0];
  const title = [
    `${report.protocol.toUpperCase()}, server ${server}`,
    ...report.setup(all),
    ...warmUp === undefined ? [] : [`after a warm-up of ${formatDuration(warmUp.ms)}`],
  ];
  const bottlenecks = all.flatMap((one) => report.bottlenecks(one, load));
  return [title.join(", "), "", ...report.lines(all), ...kindLines(kind), ...bottleneckLines(bottlenecks)];
}

/** Returns the summary of flows as an object. */
export function summaryJson<Client extends ClientFlow<Interval, Figures>, Interval, Figures>(
  report: ClientReport<Client, Interval, Figures>,
  clients: readonly Client[],
  { infos, load, ...how }: MeasuredWith,
): object {
  const all = clients.map((flow): FlowResult<Client, Figures> => ({ flow, figures: flow.figures() }));
  const warmupMs = clients[0].warmUp?.ms;
  return {
    ...summaryHead(report.protocol, how),
    warmupSeconds: warmupMs && warmupMs / 1000,
    complete: clients.every(({ complete }) => complete),
    error: errorJson(how.error),
    ...report.totalsJson(all),
    flows: all.map((one) => ({
      flow: one.flow.label,
      id: one.flow.id,
      ...report.flowJson(one),
      ...connectionJson(infos.get(one.flow.id)),
    })),
    bottlenecks: bottlenecksJson(all.flatMap((one) => report.bottlenecks(one, load))),
  };
}

/** Returns what summaries of all kinds begin with, as objects. */
export function summaryHead(
  protocol: "tcp" | "udp",
  { server, kind, started }: Pick<MeasuredWith, "server" | "kind" | "started">,
): object {
  return { type: "summary", ...provenance(started, new Date()), protocol, server, kind };
}

/** Returns the directions in which there are several flows, with the label of their sum. */
export function sumsOf<T extends { readonly flow: ClientFlow }>(
  all: readonly T[],
): { readonly label: string; readonly direction: Direction; readonly those: readonly T[] }[] {
  return (["upload", "download"] as const).flatMap((direction) => {
    const those = all.filter(({ flow }) => flow.direction === direction);
    return those.length < 2 ? [] : [{ label: direction === "upload" ? "sum up" : "sum down", direction, those }];
  });
}

/** Returns the remark of a summary about traffic without raw sockets. */
export function kindLines(kind: Flows["kind"]): string[] {
  return kind === "ffi" ? [] : [
    "Without raw sockets, which are not available here: times are those of this program, not of the kernel, and what the " +
    "kernel knows of flows is missing.",
  ];
}

/** Returns the remarks of a summary where the network is not all that was measured. */
export function bottleneckLines(bottlenecks: readonly Bottleneck[]): string[] {
  if (bottlenecks.length === 0) return [];
  return ["", BOTTLENECKS, ...worstBottlenecks(bottlenecks).map(({ message }) => `- ${message}`)];
}

/** The line above bottlenecks. */
export const BOTTLENECKS = "These figures may be limited by tine and its machines, not by the network:";

/** Returns the same as objects. */
export function bottlenecksJson(bottlenecks: readonly Bottleneck[]): object[] {
  return worstBottlenecks(bottlenecks).map(({ code, message }) => ({ code, message }));
}

/** Returns why something failed; undefined if it did not. */
export function errorJson(error: unknown): object | undefined {
  if (error === undefined) return undefined;
  return { code: error instanceof TineError ? error.code : "failed", message: messageOf(error) };
}
