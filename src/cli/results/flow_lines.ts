import {
  PACKET_FIGURES,
  PATH_FIGURES,
  quantilesOf,
  STREAM_FIGURES,
  TRANSACTION_FIGURES,
} from "../../flow/analysis/mod.ts";
import type { Measured, MeasuredPackets, MeasuredStream, MeasuredTransactions } from "../../result/mod.ts";
import { figureText, groupFlows, milliseconds, percent, type Row, type Table, tableRows, UNKNOWN } from "../figures.ts";
import { escape } from "../terminal.ts";
import { warmUpLines } from "./flow_tables.ts";

/** Of more flows of a test than this, those with similar ids share a line. */
const MAX_ROWS = 12;

/**
 * What a line shows: of requests and responses their rate and latency; of TCP the segments sent again; of UDP what was lost in percent, there, or from the server where
 * nothing goes there, and then back.
 */
const SHOWN = [
  "goodputBitsPerSecond",
  "transactionsPerSecond",
  "rttMicros",
  "rttP99Micros",
  "resent",
  "lost",
  "lostBack",
] as const;

/** What a line shows of a flow, or of several as the median over them. */
type FlowLine = { readonly flow: string } & { readonly [K in typeof SHOWN[number]]?: number };

/** The columns are as wide in each test, so that a run is read down the page. */
const LINES: Table<FlowLine> = {
  names: [""],
  columns: [
    { head: "", text: rateText },
    {
      head: "",
      text: ({ rttMicros, transactionsPerSecond }) =>
        rttMicros === undefined
          ? ""
          : `${transactionsPerSecond === undefined ? "RTT " : ""}${milliseconds(rttMicros)} ms`,
    },
    { head: "", text: ({ rttP99Micros }) => rttP99Micros === undefined ? "" : `p99 ${milliseconds(rttP99Micros)}` },
    { head: "", text: endText },
  ],
  widths: [19, 11, 12, 9, 0],
};

function rateText({ transactionsPerSecond, goodputBitsPerSecond }: FlowLine): string {
  if (transactionsPerSecond !== undefined) return `${figureText(transactionsPerSecond, "1/s")} tr./s`;
  return figureText(goodputBitsPerSecond, "bit/s");
}

function endText({ resent, lost, lostBack }: FlowLine): string {
  if (resent !== undefined) return `${figureText(resent, "segment")} resent`;
  if (lost === undefined && lostBack === undefined) return "";
  const [there, back] = [lost, lostBack].map((share) => share === undefined ? UNKNOWN : percent(share));
  return lostBack === undefined ? `${there} lost` : `${there} / ${back} lost`;
}

/**
 * Returns the flows of a test, a line each: goodput, median RTT and its 99th percentile, and what was sent again or
 * lost, there and back. Of many flows, those with similar ids share a line that has the medians over them.
 */
export function flowLines(flows: readonly Measured[]): string[] {
  const rows = [
    ...rowsOf(flows.filter((flow) => flow.protocol === "tcp").map(streamLine)),
    ...rowsOf(flows.filter((flow) => flow.protocol === "udp").flatMap(packetLines)),
    ...rowsOf(flows.filter((flow) => flow.protocol === "rr").map(transactionLine)),
  ];
  return rows.length === 0 ? [] : [...tableRows(LINES, rows), ...warmUpLines(flows)];
}

function rowsOf(lines: readonly FlowLine[]): Row<FlowLine>[] {
  const { single, crowds } = groupFlows(lines, MAX_ROWS);
  return [
    ...single.map((line): Row<FlowLine> => [[escape(line.flow)], line]),
    ...Array.from(crowds, ([stem, crowd]): Row<FlowLine> => {
      return [[`${escape(stem)} (median of ${crowd.length})`], medianLine(stem, crowd)];
    }),
  ];
}

function streamLine({ flow, figures }: MeasuredStream): FlowLine {
  const { goodputBitsPerSecond, rtt, rttLastMicros, retransmits } = STREAM_FIGURES;
  return {
    flow,
    goodputBitsPerSecond: goodputBitsPerSecond.value(figures),
    rttMicros: rtt.value(figures) ?? rttLastMicros.value(figures),
    rttP99Micros: rtt.value(figures, "p99"),
    resent: retransmits.value(figures),
  };
}

function transactionLine({ flow, figures }: MeasuredTransactions): FlowLine {
  const { transactionsPerSecond, latency, unansweredPercent } = TRANSACTION_FIGURES;
  return {
    flow,
    transactionsPerSecond: transactionsPerSecond.value(figures),
    rttMicros: latency.value(figures),
    rttP99Micros: latency.value(figures, "p99"),
    lost: unansweredPercent.value(figures),
  };
}

function packetLines({ flow, figures: { senders } }: MeasuredPackets): FlowLine[] {
  const { rtt } = PACKET_FIGURES, { lostPercent } = PATH_FIGURES;
  return senders.map((figures): FlowLine => {
    const { sender, toServer, fromServer, goodputBitsPerSecond, sendBitsPerSecond } = figures;
    const paths = [toServer, fromServer].filter((path) => path !== undefined);
    const [lost, lostBack] = paths.map((path) => lostPercent.value(path));
    return {
      flow: senders.length > 1 ? `${flow}/${sender}` : flow,
      goodputBitsPerSecond: goodputBitsPerSecond ?? sendBitsPerSecond,
      rttMicros: rtt.value(figures),
      rttP99Micros: rtt.value(figures, "p99"),
      lost,
      lostBack,
    };
  });
}

function medianLine(flow: string, lines: readonly FlowLine[]): FlowLine {
  const medians = SHOWN.map((key) => [key, quantilesOf(lines.flatMap(({ [key]: value }) => value ?? []))?.median]);
  return { flow, ...Object.fromEntries(medians) };
}
