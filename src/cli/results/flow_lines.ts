import {
  PACKET_FIGURES,
  type PacketFigures,
  PATH_FIGURES,
  quantilesOf,
  STREAM_FIGURES,
  type StreamFigures,
  TRANSACTION_FIGURES,
  type TransactionFigures,
} from "../../flow/analysis/mod.ts";
import { tableLines } from "../../base/text.ts";
import type { Measured } from "../../result/mod.ts";
import { figureText, groupFlows, milliseconds, percent, UNKNOWN } from "../figures.ts";
import { escape } from "../terminal.ts";
import { sendersOf, warmUpLines } from "./flow_tables.ts";

/** Of more flows of a test than this, those with similar ids share a line. */
const MAX_ROWS = 12;
/** The columns are as wide in each test, so that a run is read down the page. */
const WIDTHS = [19, 11, 12, 9, 0];

/** Values of a cell, as far as they are known. */
type Values = readonly (number | undefined)[];

/** A cell of a line: of several flows, it has the median over them of each of its values. */
interface Cell<T> {
  values(of: T): Values;
  text(values: Values): string;
}

/** A cell of one value; empty where that is not known. */
function cell<T>(value: (of: T) => number | undefined, text: (value: number) => string): Cell<T> {
  return { values: (of) => [value(of)], text: ([known]) => known === undefined ? "" : text(known) };
}

const bitRate = ([rate]: Values) => figureText(rate, "bit/s");
const rtt = (micros: number) => `RTT ${milliseconds(micros)} ms`;
const p99 = (micros: number) => `p99 ${milliseconds(micros)}`;
const share = (value: number | undefined) => value === undefined ? UNKNOWN : percent(value);

const { goodputBitsPerSecond, rttLastMicros, retransmits } = STREAM_FIGURES;
const STREAM_LINE: readonly Cell<StreamFigures>[] = [
  { values: (of) => [goodputBitsPerSecond.value(of)], text: bitRate },
  cell((of) => STREAM_FIGURES.rtt.value(of) ?? rttLastMicros.value(of), rtt),
  cell((of) => STREAM_FIGURES.rtt.value(of, "p99"), p99),
  cell(retransmits.value, (segments) => `${figureText(segments, "segment")} resent`),
];

const { transactionsPerSecond, latency, unansweredPercent } = TRANSACTION_FIGURES;
const TRANSACTION_LINE: readonly Cell<TransactionFigures>[] = [
  cell(transactionsPerSecond.value, (rate) => `${figureText(rate, "1/s")} tr./s`),
  cell((of) => latency.value(of), (micros) => `${milliseconds(micros)} ms`),
  cell((of) => latency.value(of, "p99"), p99),
  cell(unansweredPercent.value, (lost) => `${percent(lost)} lost`),
];

const PACKET_LINE: readonly Cell<PacketFigures>[] = [
  { values: (of) => [of.goodputBitsPerSecond ?? of.sendBitsPerSecond], text: bitRate },
  cell((of) => PACKET_FIGURES.rtt.value(of), rtt),
  cell((of) => PACKET_FIGURES.rtt.value(of, "p99"), p99),
  {
    // There, or from the server where nothing goes there, and then back.
    values({ toServer, fromServer }) {
      const [there, back] = [toServer, fromServer].flatMap((path) => path ?? []).map(PATH_FIGURES.lostPercent.value);
      return [there, back];
    },
    text([there, back]) {
      if (there === undefined && back === undefined) return "";
      return back === undefined ? `${share(there)} lost` : `${share(there)} / ${share(back)} lost`;
    },
  },
];

/**
 * Returns the flows of a test, a line each: goodput, median RTT and its 99th percentile, and what was sent again or
 * lost, there and back; of requests and responses their rate and latency. Of many flows, those with similar ids share a
 * line that has the medians over them.
 */
export function flowLines(flows: readonly Measured[]): string[] {
  const streams = flows.filter((flow) => flow.protocol === "tcp");
  const packets = flows.filter((flow) => flow.protocol === "udp");
  const exchanges = flows.filter((flow) => flow.protocol === "rr");
  const rows = [
    ...rowsOf(streams, STREAM_LINE),
    ...rowsOf(sendersOf(packets), PACKET_LINE),
    ...rowsOf(exchanges, TRANSACTION_LINE),
  ];
  return rows.length === 0 ? [] : [...tableLines(rows, WIDTHS), ...warmUpLines(flows)];
}

function rowsOf<T>(flows: readonly { readonly flow: string; readonly figures: T }[], line: readonly Cell<T>[]) {
  const { single, crowds } = groupFlows(flows, MAX_ROWS);
  return [
    ...single.map(({ flow, figures }) => [escape(flow), ...line.map(({ values, text }) => text(values(figures)))]),
    ...Array.from(crowds, ([stem, crowd]) => [
      `${escape(stem)} (median of ${crowd.length})`,
      ...line.map(({ values, text }) => text(mediansOf(crowd.map(({ figures }) => values(figures))))),
    ]),
  ];
}

/** The medians over flows of each of their values. */
function mediansOf(flows: readonly Values[]): Values {
  return flows[0].map((_, i) => quantilesOf(flows.flatMap(({ [i]: value }) => value ?? []))?.median);
}
