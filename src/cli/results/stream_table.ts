import { quantilesOf } from "../../flow/analysis/mod.ts";
import type { MeasuredStream } from "../../result/mod.ts";
import { byteAmount } from "../../base/size.ts";
import { count, grouped } from "../../base/count.ts";
import { groupFlows } from "../flow_groups.ts";
import { escape } from "../terminal.ts";
import { bitRate, milliseconds, seconds } from "../traffic/figure_text.ts";
import { lastLines, medianOrLast } from "../traffic/last_sample.ts";
import { tableLines } from "../../base/text_table.ts";

/** Of more flows of a kind than this, tables tell the distribution of those with similar ids. */
const MOST_ROWS = 24;
const UNKNOWN = "-";
/** For 80 columns. */
const COMPLETION = "completion: from connecting until all is known to be there, key proof left out";

/** TCP flows as tables: one for each direction and congestion control. */
export function streamTables(flows: readonly MeasuredStream[]): string[] {
  const tables: string[][] = [];
  for (const [title, those] of Map.groupBy(flows, titleOf)) {
    const { single, crowds } = groupFlows(those, MOST_ROWS);
    if (single.length > 0) tables.push(flowTable(title, single));
    for (const [stem, crowd] of crowds) tables.push(distributionTable(`${title}, ${escape(stem)}`, crowd));
  }
  return tables.flatMap((lines, i) => i === 0 ? lines : ["", ...lines]);
}

/** Short enough for 80 columns: `TCP down, cubic`. */
function titleOf({ direction, cca }: MeasuredStream): string {
  const way = direction === undefined ? "" : direction === "upload" ? " up" : " down";
  return `TCP${way}${cca === undefined ? "" : `, ${escape(cca)}`}`;
}

function flowTable(title: string, flows: readonly MeasuredStream[]): string[] {
  const rows = flows.map(({ flow, figures, complete }) => [
    escape(flow) + (complete ? "" : "*"),
    byteAmount(figures.bytes),
    bitRate(figures.goodputBitsPerSecond),
    seconds(figures.completionNanos ?? figures.durationNanos),
    figures.retransmits === undefined ? UNKNOWN : grouped(figures.retransmits),
    medianOrLast(figures.rtt, figures.lastRttNanos, milliseconds),
    optional(figures.rtt?.p99, milliseconds),
    medianOrLast(figures.cwndBytes, figures.lastCwndBytes, byteAmount),
  ]);
  const head = [title, "received", "goodput", "done s", "resent", "RTT ms", "p99 ms", "cwnd"];
  return [...tableLines([head, ...rows]), ...lastLines(rows), ...incompleteLines(flows)];
}

/** Many flows are short ones: what counts is how long they took. */
function distributionTable(title: string, flows: readonly MeasuredStream[]): string[] {
  const rows = ([
    ["completion ms", flows.map(({ figures }) => figures.completionNanos), milliseconds],
    ["key proof ms", flows.map(({ figures }) => figures.keyProofNanos), milliseconds],
    ["goodput", flows.map(({ figures }) => figures.goodputBitsPerSecond), bitRate],
    ["received", flows.map(({ figures }) => figures.bytes), (bytes: number) => byteAmount(Math.round(bytes))],
    ["RTT ms", flows.map(({ figures: { rtt, lastRttNanos } }) => rtt?.median ?? lastRttNanos), milliseconds],
    ["resent", flows.map(({ figures }) => figures.retransmits), (n: number) => String(Number(n.toFixed(2)))],
  ] as const).flatMap(([name, values, write]) => {
    const quantiles = quantilesOf(values.flatMap((value) => value ?? []));
    if (quantiles === undefined) return [];
    const { min, mean, median, p99, max } = quantiles;
    return [[name, ...[min, mean, median, p99, max].map(write)]];
  });
  const total = flows.reduce((sum, { figures }) => sum + figures.bytes, 0);
  return [
    `${title}: ${count(flows.length, "flow")}, ${byteAmount(total)}`,
    ...tableLines([["of flows", "min", "mean", "median", "p99", "max"], ...rows]),
    ...flows.some(({ figures }) => figures.completionNanos !== undefined) ? [COMPLETION] : [],
    ...incompleteLines(flows),
  ];
}

function incompleteLines(flows: readonly MeasuredStream[]): string[] {
  const cut = flows.filter(({ complete }) => !complete).length;
  if (cut === 0) return [];
  const rest = flows.some(({ complete, figures }) => !complete && !figures.receiverCounted)
    ? "; bytes are those sent where the receiver told nothing"
    : "";
  return [`* ${count(cut, "flow")} did not come to ${cut === 1 ? "its" : "their"} end${rest}`];
}

function optional(value: number | undefined, write: (value: number) => string): string {
  return value === undefined ? UNKNOWN : write(value);
}
