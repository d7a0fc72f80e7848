import { formatCount, formatDuration } from "../../base/units.ts";
import { tableLines } from "../../base/text.ts";
import {
  figuresOf,
  PACKET_FIGURES,
  type PacketFigures,
  PATH_FIGURES,
  quantilesOf,
  STREAM_FIGURES,
  type StreamFigures,
  sumTransactionFigures,
  TRANSACTION_FIGURES,
  type TransactionFigures,
  worstBottlenecks,
} from "../../flow/analysis/mod.ts";
import type { Measured, MeasuredPackets, MeasuredStream, MeasuredTransactions } from "../../result/mod.ts";
import {
  column,
  figureText,
  groupFlows,
  type PrintedColumn,
  type PrintedRow,
  type PrintedTable,
  separated,
  spread,
  tableOf,
} from "../figures.ts";
import { escape } from "../terminal.ts";
import { BOTTLENECKS } from "../traffic/client_report.ts";
import { streamColumns } from "../traffic/stream_report.ts";
import { transactionTable } from "../traffic/transaction_report.ts";
import { packetFiguresJson, packetTables, type ShownPackets } from "../traffic/packet_report.ts";

/** Of more TCP flows of a kind than this, tables have the distribution of those with similar ids. */
const MAX_STREAM_ROWS = 24;
/** With more senders of UDP flows than this, each has a line instead of tables. */
const MAX_PACKET_TABLES = 4;
/** More lines than this are for programs: `--json` has all of them. */
const MAX_PACKET_ROWS = 100;
/** Names of flows in a line. */
const MAX_NAMES = 8;
/** For 80 columns. */
const COMPLETION = "completion: from connecting until all is known to be there, key proof left out";

/** Returns what was measured with the flows of a test as tables, for a terminal of 80 columns. */
export function flowTables(flows: readonly Measured[]): string[] {
  const streams = flows.filter((flow) => flow.protocol === "tcp");
  const packets = flows.filter((flow) => flow.protocol === "udp");
  const exchanges = flows.filter((flow) => flow.protocol === "rr");
  const blocks = [
    streamTables(streams),
    senderTables(packets),
    transactionTables(exchanges),
    warmUpLines(flows),
    portableLines(flows),
    bottleneckLines(flows),
  ];
  return blocks.flatMap((lines) => lines.length === 0 ? [] : ["", ...lines]);
}

/**
 * Returns a flow as objects under keys that carry their unit: one, or of a UDP flow one for each sender.
 *
 * @param test the id of its test
 */
export function flowJson(measured: Measured, test: Readonly<Record<string, string>>): object[] {
  const { protocol, flow, complete, warmupNanos, client, server, bottlenecks } = measured;
  const warmupMicros = warmupNanos && warmupNanos / 1000;
  const object = (own: object) => ({
    ...{ type: "flow", test, protocol, flow, complete, warmupMicros, client, server, ...own },
    bottlenecks: bottlenecks.map(({ code, message }) => ({ code, message })),
  });
  switch (measured.protocol) {
    case "tcp": {
      const { direction, cca, figures } = measured;
      return [object({ direction, cca, ...figuresOf(STREAM_FIGURES, figures) })];
    }
    case "rr": {
      const { transport, requestBytes, responseBytes, figures } = measured;
      return [object({ transport, requestBytes, responseBytes, ...figuresOf(TRANSACTION_FIGURES, figures) })];
    }
    case "udp": {
      const { senders, clockOffset } = measured.figures;
      return senders.map((figures) => {
        const direction = figures.toServer === undefined ? "download" : "upload";
        return object({ sender: figures.sender, direction, ...packetFiguresJson(figures, clockOffset) });
      });
    }
  }
}

/** TCP flows as tables: one for each direction and congestion control. */
function streamTables(flows: readonly MeasuredStream[]): string[] {
  const tables: string[][] = [];
  for (const [title, those] of Map.groupBy(flows, titleOf)) {
    const { single, crowds } = groupFlows(those, MAX_STREAM_ROWS);
    if (single.length > 0) tables.push(streamTable(title, single));
    for (const [stem, crowd] of crowds) tables.push(crowdTable(`${title}, ${escape(stem)}`, crowd));
  }
  return separated(tables);
}

/** Short enough for 80 columns: `TCP down, cubic`. */
function titleOf({ direction, cca }: MeasuredStream): string {
  const way = direction === undefined ? "" : direction === "upload" ? " up" : " down";
  return `TCP${way}${cca === undefined ? "" : `, ${escape(cca)}`}`;
}

const { completionSeconds, durationSeconds } = STREAM_FIGURES;
const DONE: PrintedColumn<StreamFigures> = {
  ...column("done s", completionSeconds),
  value: (of) => completionSeconds.value(of) ?? durationSeconds.value(of),
};

function streamTable(title: string, flows: readonly MeasuredStream[]): string[] {
  const { received, goodput, resent, marks, rtt, rttP99, cwnd } = streamColumns;
  // Without ECN there are no marks.
  const ofEcn = flows.some(({ figures }) => figures.ecn) ? [marks] : [];
  const columns = [received, goodput, DONE, resent, ...ofEcn, rtt, rttP99, cwnd];
  return [...tableOf({ names: [title], columns }, flows.map(rowOf)), ...cutLines(flows, rest(flows))];
}

/** What counts of crowds: many flows are short ones, and then it is how long they took. */
const CROWD_COLUMNS: readonly PrintedColumn<StreamFigures>[] = [
  { head: "completion ms", unit: "us", value: ({ completionNanos: nanos }) => nanos && nanos / 1000 },
  { head: "key proof ms", unit: "us", value: ({ keyProofNanos: nanos }) => nanos && nanos / 1000 },
  streamColumns.goodput,
  streamColumns.received,
  streamColumns.rtt,
  streamColumns.resent,
];

function crowdTable(title: string, flows: readonly MeasuredStream[]): string[] {
  const rows = CROWD_COLUMNS.flatMap(({ head, unit, value }) => {
    const quantiles = quantilesOf(flows.flatMap(({ figures }) => value(figures) ?? []).map(Number));
    if (quantiles === undefined) return [];
    const { min, mean, median, p99, max } = quantiles;
    return [[head, ...[min, mean, median, p99, max].map((value) => figureText(value, unit))]];
  });
  const total = flows.reduce((sum, { figures }) => sum + figures.bytes, 0);
  return [
    `${title}: ${formatCount(flows.length, "flow")}, ${figureText(total, "byte")}`,
    ...tableLines([["of flows", "min", "mean", "median", "p99", "max"], ...rows]),
    ...flows.some(({ figures }) => figures.completionNanos !== undefined) ? [COMPLETION] : [],
    ...cutLines(flows, rest(flows)),
  ];
}

/** What is different about flows that did not come to their end. */
function rest(flows: readonly MeasuredStream[]): string {
  const isSent = flows.some(({ complete, figures }) => !complete && !figures.receiverCounted);
  return isSent ? "; bytes are those acknowledged where the receiver has not reported" : "";
}

function cutLines(flows: readonly Measured[], rest = ""): string[] {
  const cut = flows.filter(({ complete }) => !complete).length;
  return cut === 0 ? [] : [`* ${formatCount(cut, "flow")} did not come to ${cut === 1 ? "its" : "their"} end${rest}`];
}

/** The row of a flow, which has a mark where it did not come to its end. */
function rowOf<T>(
  { flow, complete, figures }: { readonly flow: string; readonly complete: boolean; readonly figures: T },
): PrintedRow<T> {
  return [[escape(flow) + (complete ? "" : "*")], figures];
}

/** Requests and responses as tables: one for each kind and lengths. */
function transactionTables(flows: readonly MeasuredTransactions[]): string[] {
  const byKind = Map.groupBy(flows, ({ transport, requestBytes, responseBytes, figures }) => {
    const lengths = requestBytes === undefined ? "" : `, ${requestBytes} / ${responseBytes} B`;
    return `${transport.toUpperCase()} ${figures.perConnection ? "CRR" : "RR"}${lengths}`;
  });
  return separated(Array.from(byKind, ([title, those]) => {
    const { single, crowds } = groupFlows(those, MAX_STREAM_ROWS);
    const rows = [
      ...single.map(rowOf),
      ...Array.from(crowds, ([stem, crowd]): PrintedRow<TransactionFigures> => [
        [`${escape(stem)} (${crowd.length} flows)`],
        sumTransactionFigures(crowd.map(({ figures }) => figures)),
      ]),
    ];
    return [
      ...transactionTable(title, those.map(({ figures }) => figures), rows),
      ...crowds.size > 0 ? ["of several flows: all transactions by the longest time, medians of latencies"] : [],
      ...cutLines(those),
    ];
  }));
}

/** UDP flows as tables: times, and how packets fared in each direction; with many senders, a line each. */
function senderTables(flows: readonly MeasuredPackets[]): string[] {
  const senders = sendersOf(flows);
  const lines = senders.length > MAX_PACKET_TABLES
    ? senderLines(senders)
    : separated(senders.map(({ title, ...shown }) => packetTables({ ...shown, label: `UDP ${escape(title)}` })));
  const silent = flows.filter(({ figures, warmupNanos }) => figures.senders.length === 0 && warmupNanos === undefined);
  if (silent.length > 0) lines.push(`${formatCount(silent.length, "UDP flow")} sent and received nothing`);
  return lines;
}

/** A sender of a UDP flow. */
interface Sender extends Pick<ShownPackets, "complete" | "figures" | "clockOffset"> {
  /** Names the flow, and the sender unless it is the only one: `voip`, `voip/1`. */
  readonly flow: string;
  /** The same with more words: `voip, sender 1`. */
  readonly title: string;
}

/** Returns the senders of UDP flows: most have one. */
export function sendersOf(flows: readonly MeasuredPackets[]): Sender[] {
  return flows.flatMap(({ flow, complete, figures: { senders, clockOffset } }) =>
    senders.map((figures) => {
      const common = { complete, figures, clockOffset };
      if (senders.length === 1) return { flow, title: flow, ...common };
      return { flow: `${flow}/${figures.sender}`, title: `${flow}, sender ${figures.sender}`, ...common };
    })
  );
}

const { rtt, lateness } = PACKET_FIGURES, { lostPercent } = PATH_FIGURES;
const SENDERS: PrintedTable<PacketFigures> = {
  names: ["UDP"],
  columns: [
    ...spread(rtt, "median", "p99", "max"),
    { head: "sent", unit: "packet", value: ({ toServer, fromServer }) => (toServer ?? fromServer)?.sent },
    { head: "lost there", unit: "%", value: ({ toServer }) => toServer && lostPercent.value(toServer) },
    { head: "back", unit: "%", value: ({ fromServer }) => fromServer && lostPercent.value(fromServer) },
    column("late p99", lateness, "p99"),
  ],
};

/** A line each. */
function senderLines(senders: readonly Sender[]): string[] {
  const lines = tableOf(SENDERS, senders.slice(0, MAX_PACKET_ROWS).map(rowOf));
  if (senders.length > MAX_PACKET_ROWS) lines.push(`... and ${senders.length - MAX_PACKET_ROWS} more`);
  if (senders.some(({ complete }) => !complete)) {
    lines.push("* did not come to its end: the server has not reported its counts");
  }
  return lines;
}

/** Returns which figures are those after a warm-up, and which flows have none for that. */
export function warmUpLines(flows: readonly Measured[]): string[] {
  const warmed = Map.groupBy(flows.filter(({ warmupNanos }) => warmupNanos), ({ warmupNanos = 0 }) => warmupNanos);
  const lines = Array.from(warmed, ([nanos, those]) => {
    const names = those.length === flows.length ? "" : `: ${namesOf(those)}`;
    return `after a warm-up of ${formatDuration(nanos / 1e6)}${names}`;
  });
  const short = flows.filter((flow) =>
    flow.warmupNanos !== undefined &&
    (flow.protocol === "udp" ? flow.figures.senders.length === 0 : flow.figures.unmeasured === true)
  );
  if (short.length > 0) {
    lines.push(`ended before the warm-up was over, and without figures for that: ${namesOf(short)}`);
  }
  return lines;
}

function namesOf(flows: readonly { readonly flow: string }[]): string {
  const names = flows.slice(0, MAX_NAMES).map(({ flow }) => escape(flow)).join(", ");
  return flows.length > MAX_NAMES ? `${names} and ${flows.length - MAX_NAMES} more` : names;
}

/** Which flows were not made by system calls. */
function portableLines(flows: readonly Measured[]): string[] {
  const nodes = new Set(
    flows.flatMap(({ client, server }) =>
      [client, server].flatMap((end) => end?.engine === "portable" ? [escape(end.nodeId)] : [])
    ),
  );
  if (nodes.size === 0) return [];
  return [
    `Without raw sockets on ${[...nodes].join(", ")}: times there are those of the program, not of the`,
    "kernel, and what the kernel knows of flows is missing.",
  ];
}

/** The worst case of each kind. */
function bottleneckLines(flows: readonly Measured[]): string[] {
  const found = flows.flatMap(({ flow, bottlenecks }) => bottlenecks.map((bottleneck) => ({ flow, ...bottleneck })));
  if (found.length === 0) return [];
  const remarks = worstBottlenecks(found).map(({ flow, message, otherFlows }) => {
    const less = otherFlows > 0 ? `; less so ${formatCount(otherFlows, "other flow")}` : "";
    return `- ${escape(flow)}: ${escape(message)}${less}`;
  });
  return [BOTTLENECKS, ...remarks];
}
