import {
  type Figure,
  type FigureColumn as ListColumn,
  figureColumns,
  type Figures,
  PACKET_FIGURES,
  PATH_FIGURES,
  type SpreadPart,
  STREAM_FIGURES,
  TRANSACTION_FIGURES,
} from "../../flow/analysis/mod.ts";
import { type Html, html } from "../html.ts";
import type { Look } from "../plot.ts";
import { flowName, MAX_SINGLE, type MeasuredFlow } from "../plots/context.ts";
import type { MeasuredPackets, MeasuredStream, MeasuredTransactions } from "../../result/mod.ts";
import { figureData, figureRows, type PageColumn, pageColumn } from "./figure_table.ts";

/** The figures of a sender of a UDP flow. */
type Packets = MeasuredPackets["figures"]["senders"][number];
type Streams = MeasuredStream["figures"];
type Transactions = MeasuredTransactions["figures"];

/** A row of a table of flows. */
interface FlowRow<T> {
  readonly measured: MeasuredFlow;
  readonly name: string;
  readonly of: T;
  /** The name of the run, where several are shown. */
  readonly run?: string;
  readonly look?: Look;
}

function path(
  head: string,
  way: "toServer" | "fromServer",
  { unit, definition, value }: Figure<NonNullable<Packets["toServer"]>>,
  part?: SpreadPart,
  group?: string,
): PageColumn<Packets> {
  return { head, group, unit, definition, value: ({ [way]: of }) => of && value(of, part) };
}

const { bytes, goodputBitsPerSecond, completionSeconds, retransmits, congestionMarks, rtt, cwnd } = STREAM_FIGURES;
const RTT = "Round-trip time, ms";
const STREAM_COLUMNS: readonly PageColumn<Streams>[] = [
  pageColumn("goodput", goodputBitsPerSecond),
  pageColumn("received", bytes),
  pageColumn("done, s", completionSeconds),
  pageColumn("resent", retransmits),
  pageColumn("median", rtt, "median", RTT),
  pageColumn("p99", rtt, "p99", RTT),
  pageColumn("max", rtt, "max", RTT),
  pageColumn("median", cwnd, "median", "cwnd"),
  pageColumn("max", cwnd, "max", "cwnd"),
];

/** Returns the columns of TCP flows: without ECN there are no marks. */
function streamColumns(rows: readonly FlowRow<Streams>[]): readonly PageColumn<Streams>[] {
  const marks = rows.some(({ of }) => of.ecn) ? [pageColumn("CE", congestionMarks)] : [];
  return STREAM_COLUMNS.flatMap((column) => column.head === "resent" ? [column, ...marks] : [column]);
}

const { sent, lostPercent, oneWayDelay } = PATH_FIGURES;
const LOST = "Lost";
const DELAY = "One-way delay, ms";
const PACKET_COLUMNS: readonly PageColumn<Packets>[] = [
  {
    ...path("sent", "toServer", sent),
    value: ({ toServer, fromServer }) => {
      const path = toServer ?? fromServer;
      return path && sent.value(path);
    },
  },
  pageColumn("min", PACKET_FIGURES.rtt, "min", RTT),
  pageColumn("median", PACKET_FIGURES.rtt, "median", RTT),
  pageColumn("p99", PACKET_FIGURES.rtt, "p99", RTT),
  pageColumn("max", PACKET_FIGURES.rtt, "max", RTT),
  path("there", "toServer", lostPercent, undefined, LOST),
  path("back", "fromServer", lostPercent, undefined, LOST),
  path("there", "toServer", oneWayDelay, "median", DELAY),
  path("back", "fromServer", oneWayDelay, "median", DELAY),
];

const EXCHANGES = "Requests and responses";
const LATENCY = "Latency, ms";
const TRANSACTION_COLUMNS: readonly PageColumn<Transactions>[] = [
  pageColumn("transactions", TRANSACTION_FIGURES.transactions),
  pageColumn("per second", TRANSACTION_FIGURES.transactionsPerSecond),
  pageColumn("mean", TRANSACTION_FIGURES.latency, "mean", LATENCY),
  pageColumn("median", TRANSACTION_FIGURES.latency, "median", LATENCY),
  pageColumn("p90", TRANSACTION_FIGURES.latency, "p90", LATENCY),
  pageColumn("p99", TRANSACTION_FIGURES.latency, "p99", LATENCY),
  pageColumn("p99.9", TRANSACTION_FIGURES.latency, "p999", LATENCY),
  pageColumn("max", TRANSACTION_FIGURES.latency, "max", LATENCY),
  pageColumn("median", TRANSACTION_FIGURES.connect, "median", "Connect, ms"),
  pageColumn("unanswered", TRANSACTION_FIGURES.unansweredPercent),
];

/** Flows of one run, of which there may be several. */
export interface FlowsOfRun {
  /** The name of the run, where several are shown. */
  readonly run?: string;
  readonly flows: readonly MeasuredFlow[];
  readonly looks: ReadonlyMap<string, Look>;
}

/**
 * Returns the figures of flows as tables: one of TCP flows, one of UDP senders, and one of all their figures.
 *
 * @param full whether all figures are listed too
 */
export function flowsTables(runs: readonly FlowsOfRun[], full = true): Html {
  const streams = runs.flatMap(({ run, flows, looks }): FlowRow<Streams>[] =>
    flows.flatMap((measured) =>
      measured.protocol === "tcp"
        ? [{ measured, name: measured.flow, of: measured.figures, run, look: looks.get(measured.flow) }]
        : []
    )
  );
  const packets = runs.flatMap(({ run, flows, looks }): FlowRow<Packets>[] =>
    flows.flatMap((measured) => {
      if (measured.protocol !== "udp") return [];
      const { senders } = measured.figures;
      return senders.map((of) => {
        const name = flowName(measured.flow, of.sender, senders.length > 1);
        return { measured, name, of, run, look: looks.get(name) };
      });
    })
  );
  const exchanges = runs.flatMap(({ run, flows, looks }): FlowRow<Transactions>[] =>
    flows.flatMap((measured) =>
      measured.protocol === "rr"
        ? [{ measured, name: measured.flow, of: measured.figures, run, look: looks.get(measured.flow) }]
        : []
    )
  );
  // What is compared stands one below the other.
  for (const rows of [streams, packets, exchanges]) {
    const order = new Map<string, number>();
    for (const { name } of rows) if (!order.has(name)) order.set(name, order.size);
    if (runs.length > 1) rows.sort((a, b) => order.get(a.name)! - order.get(b.name)!);
  }
  if (streams.length + packets.length + exchanges.length === 0) {
    return html`<p class="nothing">No flow has recorded anything.</p>`;
  }
  return html`
    ${streams.length > 0 && table("TCP flows", streamColumns(streams), streams)}
    ${packets.length > 0 && table("UDP flows", PACKET_COLUMNS, packets)}
    ${exchanges.length > 0 && table(EXCHANGES, TRANSACTION_COLUMNS, exchanges)}
    ${full ? allFigures(streams, packets, exchanges) : EXPORT_NOTE}
  `;
}

function table<T>(caption: string, columns: readonly PageColumn<T>[], rows: readonly FlowRow<T>[]): Html {
  const severalRuns = rows.some(({ run }) => run !== undefined);
  const cut = rows.filter(({ measured }) => !measured.complete).length;
  return html`
    ${figureRows({
      caption,
      names: ["flow", ...severalRuns ? ["run"] : [], ""],
      columns,
      rows: rows.map(({ measured, name, of, run, look }) => ({
        flow: legendName(name, run),
        look,
        names: [
          html`${name}${!measured.complete && html`<abbr title="did not come to its end">*</abbr>`}`,
          ...severalRuns ? [run ?? ""] : [],
          html`<span class="kind">${describe(measured, of)}</span>`,
        ],
        of,
      })),
    })}
    ${cut > 0 && html`<p class="note">* did not come to its end: counts of the other end may be missing.</p>`}
  `;
}

/** Returns how legends name a flow, beside those of other runs where there are some. */
function legendName(name: string, run: string | undefined): string {
  return run === undefined ? name : `${name} (${run})`;
}

/** What a flow is, in a word or two. */
function describe(measured: MeasuredFlow, of: unknown): string {
  if (measured.protocol === "tcp") {
    const { direction, cca } = measured;
    return [direction === undefined ? "" : direction === "upload" ? "up" : "down", cca ?? ""].filter((text) => text)
      .join(", ");
  }
  if (measured.protocol === "rr") {
    const { transport, figures, requestBytes, responseBytes } = measured;
    const lengths = requestBytes === undefined ? "" : `, ${requestBytes} / ${responseBytes} B`;
    return `${transport.toUpperCase()} ${figures.perConnection ? "CRR" : "RR"}${lengths}`;
  }
  const { toServer, rtt } = of as Packets;
  return rtt !== undefined ? "echo" : toServer === undefined ? "down" : "up";
}

const EXPORT_NOTE =
  html`<p class="note">All figures of all flows: <code>tine export --table flows --format csv</code></p>`;

/** Each figure of each flow, with its key in JSON and its definition; of many flows they are left to exports. */
function allFigures(
  streams: readonly FlowRow<Streams>[],
  packets: readonly FlowRow<Packets>[],
  exchanges: readonly FlowRow<Transactions>[],
): Html {
  if (streams.length + packets.length + exchanges.length > MAX_SINGLE) return EXPORT_NOTE;
  const within = (way: "toServer" | "fromServer") =>
    figureColumns(PATH_FIGURES as Figures<NonNullable<Packets["toServer"]>>).map((
      { key, title, unit, definition, value },
    ): ListColumn<Packets> => ({
      key: `${way}.${key}`,
      title: `${title}, ${way === "toServer" ? "there" : "back"}`,
      unit,
      definition,
      value: ({ [way]: of }) => of && value(of),
    }));
  return html`
    <details class="all-figures">
    <summary>All figures, with their definitions</summary>
    ${streams.length > 0 && figureList("TCP flows", figureColumns<Streams>(STREAM_FIGURES), streams)}
    ${packets.length > 0 && figureList(
      "UDP flows",
      [...figureColumns<Packets>(PACKET_FIGURES), ...within("toServer"), ...within("fromServer")],
      packets,
    )}
    ${exchanges.length > 0 && figureList(EXCHANGES, figureColumns<Transactions>(TRANSACTION_FIGURES), exchanges)}
    </details>
  `;
}

function figureList<T>(title: string, columns: readonly ListColumn<T>[], rows: readonly FlowRow<T>[]): Html {
  const known = columns.filter(({ value }) => rows.some(({ of }) => value(of) !== undefined));
  // Parts of a distribution, and both directions, have one definition.
  const defined = new Set<string>();
  const once = (definition: string) => {
    if (defined.has(definition)) return undefined;
    defined.add(definition);
    return definition;
  };
  return html`
    <div class="table" tabindex="0" role="group" aria-label="All figures, ${title}">
      <table class="figures">
        <caption>${title}</caption>
        <thead>
          <tr><th scope="col">figure</th><th scope="col">key</th>${rows.map(({ name, run }) =>
            html`<th scope="col" class="num" data-flow="${legendName(name, run)}">${legendName(name, run)}</th>`
          )}<th scope="col">definition</th></tr>
        </thead>
        <tbody>
    ${known.map(({ key, title, unit, definition, value }) =>
      html`
        <tr
          data-figure="${key}"><th scope="row">${title}${unitNote(unit)}</th><td><code>${key}</code></td>${rows.map(
            ({ name, of, run }) => {
              const figure = value(of), flow = legendName(name, run);
              return figure === undefined
                ? html`<td class="num none" data-flow="${flow}">–</td>`
                : html`<td class="num" data-flow="${flow}">${figureData(figure, unit)}</td>`;
            },
          )}<td class="definition">${once(definition)}</td></tr>
      `
    )}
        </tbody>
      </table>
    </div>
  `;
}

function unitNote(unit: string): string {
  return unit === "us" ? ", ms" : unit === "s" ? ", s" : "";
}
