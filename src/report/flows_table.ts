import {
  type Figure,
  figureText,
  type FigureUnit,
  PACKET_FIGURES,
  PATH_FIGURES,
  rounded,
  type SpreadPart,
  STREAM_FIGURES,
} from "../flow/analysis/mod.ts";
import type { MeasuredPackets, MeasuredStream } from "../result/mod.ts";
import { type Html, html } from "./html.ts";
import type { Look } from "./plot.ts";

type PacketSender = MeasuredPackets["figures"]["senders"][number];

/** A column of figures. */
interface FigureHead<T> {
  readonly head: string;
  readonly unit: FigureUnit;
  readonly definition: string;
  value(of: T): number | boolean | undefined;
}

function column<T>(head: string, { unit, definition, value }: Figure<T>, part?: SpreadPart): FigureHead<T> {
  return { head, unit, definition, value: (of) => value(of, part) };
}

function path(
  head: string,
  way: "toServer" | "fromServer",
  { unit, definition, value }: Figure<NonNullable<PacketSender["toServer"]>>,
  part?: SpreadPart,
): FigureHead<PacketSender> {
  return { head, unit, definition, value: ({ [way]: of }) => of && value(of, part) };
}

const { bytes, goodputBitsPerSecond, completionSeconds, retransmits, rtt, cwnd } = STREAM_FIGURES;
const STREAMS: readonly FigureHead<MeasuredStream["figures"]>[] = [
  column("received", bytes),
  column("goodput", goodputBitsPerSecond),
  column("completion", completionSeconds),
  column("resent", retransmits),
  column("RTT median", rtt),
  column("p99", rtt, "p99"),
  column("max", rtt, "max"),
  column("cwnd", cwnd),
];
const PACKETS: readonly FigureHead<PacketSender>[] = [
  column("RTT min", PACKET_FIGURES.rtt, "min"),
  column("median", PACKET_FIGURES.rtt),
  column("p99", PACKET_FIGURES.rtt, "p99"),
  column("max", PACKET_FIGURES.rtt, "max"),
  path("sent", "toServer", PATH_FIGURES.sent),
  path("lost there", "toServer", PATH_FIGURES.lostPercent),
  path("lost back", "fromServer", PATH_FIGURES.lostPercent),
  path("jitter", "toServer", PATH_FIGURES.jitterMicros),
];

/** Returns the figures of flows as tables: one of TCP flows, one of UDP senders. */
export function flowsTables(
  flows: readonly (MeasuredStream | MeasuredPackets)[],
  looks: ReadonlyMap<string, Look>,
): Html {
  const streams = flows.filter((flow) => flow.protocol === "tcp");
  const packets = flows.filter((flow) => flow.protocol === "udp");
  return html`${
    streams.length > 0 &&
    table("TCP flows", STREAMS, streams.map(({ flow, figures }) => ({ flow, name: flow, of: figures })), looks)
  }${
    packets.length > 0 && table(
      "UDP flows",
      PACKETS,
      packets.flatMap(({ flow, figures: { senders } }) =>
        senders.map((of) => ({ flow, name: senders.length > 1 ? `${flow}/${of.sender}` : flow, of }))
      ),
      looks,
    )
  }`;
}

function table<T>(
  title: string,
  heads: readonly FigureHead<T>[],
  rows: readonly { flow: string; name: string; of: T }[],
  looks: ReadonlyMap<string, Look>,
): Html {
  return html`
    <div class="table">
      <table class="flows sortable">
        <caption>${title}</caption>
        <thead>
          <tr><th scope="col">flow</th>${heads.map(({ head, definition }) =>
            html`<th scope="col" class="num"><dfn title="${definition}">${head}</dfn></th>`
          )}</tr>
        </thead>
        <tbody>${rows.map(({ flow, name, of }) =>
          html`
            <tr data-flow="${flow}"><th scope="row">${swatch(looks.get(flow))}${name}</th>${heads.map((head) =>
              cell(head.value(of), head.unit)
            )}</tr>
          `
        )}</tbody>
      </table>
    </div>
  `;
}

function swatch(look: Look | undefined): Html {
  return html`${look && html`<span class="swatch c${look.color}"></span>`}`;
}

/** A figure, and what programs read of it: its value as JSON has it. */
export function cell(value: number | boolean | undefined, unit: FigureUnit): Html {
  if (value === undefined) return html`<td class="num none">–</td>`;
  const exact = typeof value === "number" ? rounded(value, unit) : value;
  return html`<td class="num"><data value="${String(exact)}">${figureText(value, unit)}${
    unit === "us" && " ms"
  }</data></td>`;
}
