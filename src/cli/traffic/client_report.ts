import { messageOf, TineError } from "../../base/errors.ts";
import {
  type Bottleneck,
  type Figures,
  figuresOf,
  type MachineLoad,
  worstBottlenecks,
} from "../../flow/analysis/mod.ts";
import type { FlowInfoEvent, Flows } from "../../flow/flows.ts";
import { formatDuration } from "../../base/units.ts";
import { type Row, span, type Table, tableRows } from "../figures.ts";
import { connectionJson, provenance } from "./provenance.ts";
import type { ClientFlow } from "./run_flows.ts";

/** How flows of a protocol are shown. */
export interface ClientReport<Client, Interval> {
  readonly protocol: "tcp" | "udp";
  /** What objects of an interval have. */
  readonly intervalFigures: Figures<Interval>;
  /** What lines of an interval have. */
  readonly intervalTable: Table<Interval>;
  /** Adds up what several flows did in an interval. */
  sumIntervals(intervals: readonly Interval[]): Interval;
  /** Sums up flows that are over. */
  summarize(clients: readonly Client[], load: MachineLoad): Summary;
}

/** What objects of a protocol have. */
export interface SummaryValues {
  readonly flows: readonly { readonly id: string }[];
  readonly [key: string]: unknown;
}

/** What was measured with flows of a protocol. */
export interface Summary {
  /** What stands behind the server in the first line. */
  readonly setup?: string;
  lines(): string[];
  /** The keys that objects of this protocol have, those of flows among them. */
  json(): SummaryValues;
  /** Where tine and its machines were the limit. */
  readonly bottlenecks: readonly Bottleneck[];
}

/** What flows did in an interval; times are milliseconds since the first of them has started. */
export interface Intervals<Client, Interval> {
  readonly fromMs: number;
  readonly toMs: number;
  readonly seen: readonly (readonly [Client, Interval])[];
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
export function intervalLines<Client extends ClientFlow, Interval>(
  { intervalTable, sumIntervals }: ClientReport<Client, Interval>,
  { fromMs, toMs, seen }: Intervals<Client, Interval>,
): string[] {
  const time = span(fromMs, toMs);
  const timeOf = (client: ClientFlow) => time + (isWarmUp(client, fromMs, toMs) ? ` ${WARM_UP_MARK}` : "");
  const sums = sumsOf(seen, ([{ direction }]) => direction);
  return tableRows(intervalTable, [
    ...seen.map(([client, interval]): Row<Interval> => [[client.label, timeOf(client)], interval]),
    ...sums.map((
      { label, those },
    ): Row<Interval> => [[label, timeOf(those[0][0])], sumIntervals(those.map(([, one]) => one))]),
  ]);
}

/** Marks the time of an interval. */
const WARM_UP_MARK = "w";

/** Whether most of an interval is of the warm-up of a flow: intervals begin before flows are open. */
function isWarmUp({ warmUp }: ClientFlow, fromMs: number, toMs: number): boolean {
  return warmUp !== undefined && (fromMs + toMs) / 2 < warmUp.endMs;
}

/** Returns what the marks of lines mean; undefined without a warm-up. */
export function warmUpLine(clients: readonly ClientFlow[]): string | undefined {
  const ms = clients[0]?.warmUp?.ms;
  return ms === undefined
    ? undefined
    : `warming up for ${formatDuration(ms)}: lines with a ${WARM_UP_MARK} are in no figure of the summary`;
}

/** Returns an interval as objects, one a flow. */
export function intervalJson<Client extends ClientFlow, Interval>(
  report: ClientReport<Client, Interval>,
  { fromMs, toMs, seen }: Intervals<Client, Interval>,
): object[] {
  return seen.map(([client, interval]) => ({
    type: "interval",
    flow: client.label,
    direction: client.direction,
    ...isWarmUp(client, fromMs, toMs) && { warmup: true },
    startSeconds: fromMs / 1000,
    endSeconds: toMs / 1000,
    ...figuresOf(report.intervalFigures, interval),
  }));
}

/** Returns the summary of flows as lines. */
export function summaryLines<Client>(
  { protocol, summarize }: Pick<ClientReport<Client, never>, "protocol" | "summarize">,
  clients: readonly Client[],
  { server, kind, load }: Pick<MeasuredWith, "server" | "kind" | "load">,
): string[] {
  const { setup = "", bottlenecks, ...summary } = summarize(clients, load);
  const title = `${protocol.toUpperCase()}, server ${server}${setup}`;
  return [title, "", ...summary.lines(), ...kindLines(kind), ...bottleneckLines(bottlenecks)];
}

/** Returns the summary of flows as an object. */
export function summaryJson<Client extends ClientFlow>(
  { protocol, summarize }: Pick<ClientReport<Client, never>, "protocol" | "summarize">,
  clients: readonly Client[],
  { server, kind, load, error, started, infos }: MeasuredWith,
): object {
  const { bottlenecks, ...summary } = summarize(clients, load);
  const { flows, ...json } = summary.json();
  const warmupMs = clients[0]?.warmUp?.ms;
  return {
    type: "summary",
    ...provenance(started, new Date()),
    protocol,
    server,
    kind,
    warmupSeconds: warmupMs && warmupMs / 1000,
    complete: clients.every(({ complete }) => complete),
    error: errorJson(error),
    ...json,
    flows: flows.map((flow) => ({ ...flow, ...connectionJson(infos.get(flow.id)) })),
    bottlenecks: bottlenecksJson(bottlenecks),
  };
}

/** Returns the directions in which there are several flows, with the label of their sum. */
export function sumsOf<T>(
  all: readonly T[],
  directionOf: (one: T) => ClientFlow["direction"],
): { readonly label: string; readonly direction: ClientFlow["direction"]; readonly those: readonly T[] }[] {
  return (["upload", "download"] as const).flatMap((direction) => {
    const those = all.filter((one) => directionOf(one) === direction);
    return those.length < 2 ? [] : [{ label: direction === "upload" ? "sum up" : "sum down", direction, those }];
  });
}

/** Returns the remark of a summary about traffic without raw sockets. */
export function kindLines(kind: Flows["kind"]): string[] {
  return kind === "ffi" ? [] : [
    "Without raw sockets, which are not to be had here: times are those of this program, not of the kernel, and what the " +
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
