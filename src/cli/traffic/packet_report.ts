import {
  CLOCK_FIGURES,
  type Figure,
  figuresOf,
  type OffsetEstimate,
  PACKET_FIGURES,
  PACKET_INTERVAL_FIGURES,
  packetBottlenecks,
  type PacketFigures,
  type PacketFlowFigures,
  type PacketInterval,
  partTitle,
  PATH_FIGURES,
  type PathFigures,
  REFUSED_FIGURES,
  SPREAD_PARTS,
  sumPacketIntervals,
  sumPackets,
} from "../../flow/analysis/mod.ts";
import {
  bitRate,
  column,
  figureText,
  milliseconds,
  percent,
  type PrintedColumn,
  separated,
  spread,
  tableOf,
  titled,
} from "../figures.ts";
import type { PacketReport } from "../../flow/report.ts";
import { type ClientReport, type FlowResult, sumsOf } from "./client_report.ts";
import type { PacketFlow } from "./packet_flow.ts";
import { formatCount, grouped } from "../../base/units.ts";
import { tableLines } from "../../base/text.ts";

const { sent, received, sendBitsPerSecond, receiveBitsPerSecond, rtt } = PACKET_INTERVAL_FIGURES;

/** How `tine udp client` shows UDP flows. */
export const PACKET_REPORT: ClientReport<PacketFlow, PacketInterval, PacketFlowFigures> = {
  protocol: "udp",
  intervalFigures: PACKET_INTERVAL_FIGURES,
  intervalTable: {
    names: ["flow", "seconds"],
    columns: [
      ...titled(sent, received, sendBitsPerSecond, receiveBitsPerSecond),
      ...spread(rtt, "min", "median", "max"),
    ],
    widths: [8, 11, 9, 9, 11, 11, 7, 7, 7],
  },

  sumIntervals: sumPacketIntervals,

  setup: () => [],

  lines(all) {
    const flows = all.map(
      ({ flow: { label, complete, refused, warmUp, reflector }, figures: { senders: [figures], clockOffset } }) => {
        if (figures !== undefined) return packetTables({ label, complete, refused, figures, clockOffset, reflector });
        return [`${label}: no packet was sent or received${warmUp ? " after the warm-up" : ""}`];
      },
    );
    const sums = sumsOf(all).map(({ label, those }) => {
      return packetTables({ label, complete: those.every(({ flow }) => flow.complete), figures: sum(those) });
    });
    return separated([...flows, ...sums]);
  },

  flowJson: ({ flow: { direction, complete, refused }, figures: { senders: [figures], clockOffset } }) => ({
    direction,
    complete,
    ...figuresOf(REFUSED_FIGURES, refused),
    ...figures && packetFiguresJson(figures, clockOffset),
  }),

  totalsJson: (all) => ({
    totals: Array.from(Map.groupBy(all, ({ flow }) => flow.direction), ([direction, those]) => ({
      direction,
      flows: those.length,
      complete: those.every(({ flow }) => flow.complete),
      ...packetFiguresJson(sum(those)),
    })),
  }),

  bottlenecks: ({ figures: { senders: [figures] } }, load) =>
    figures === undefined ? [] : packetBottlenecks(figures, load),
};

/** All flows in a direction. */
function sum(those: readonly FlowResult<PacketFlow, PacketFlowFigures>[]): PacketFigures {
  const flows = those.map(({ flow: { passed }, figures: { senders: [figures] } }) => ({ passed, figures }));
  return sumPackets(flows, those[0].flow.direction === "download");
}

/** Returns what was measured with a sender, under keys that carry their unit. */
export function packetFiguresJson(figures: PacketFigures, clockOffset?: OffsetEstimate): object {
  const { toServer, fromServer } = figures;
  return {
    ...figuresOf(PACKET_FIGURES, figures),
    ...clockOffset && figuresOf(CLOCK_FIGURES, clockOffset),
    toServer: toServer && figuresOf(PATH_FIGURES, toServer),
    fromServer: fromServer && figuresOf(PATH_FIGURES, fromServer),
  };
}

/** A UDP flow, or one of its senders, as its tables show it. */
export interface ShownPackets {
  readonly label: string;
  /** The server has reported its counts. */
  readonly complete: boolean;
  /** Packets that either end received, and that were not of the flow or not signed as they should be. */
  readonly refused?: Pick<PacketReport, "bad" | "serverBad">;
  readonly figures: PacketFigures;
  readonly clockOffset?: OffsetEstimate;
  /** What is known of a reflector of STAMP, as a line. */
  readonly reflector?: string;
}

/** How packets fared in a direction. */
export const pathColumns: readonly PrintedColumn<PathFigures>[] = [
  ...titled(PATH_FIGURES.sent, PATH_FIGURES.received, PATH_FIGURES.lost),
  { ...column("", PATH_FIGURES.lostPercent), absent: "" },
  ...titled(PATH_FIGURES.duplicates, PATH_FIGURES.reordered, PATH_FIGURES.socketDrops),
];

/** Returns what was measured with packets as tables: times, and how they fared in each direction. */
export function packetTables({ label, complete, refused, figures, clockOffset, reflector }: ShownPackets): string[] {
  const { toServer, fromServer, sendBitsPerSecond, goodputBitsPerSecond, incoherent } = figures;
  const paths = [
    ...toServer === undefined ? [] : [["to server", toServer] as const],
    ...fromServer === undefined ? [] : [["from server", fromServer] as const],
  ];
  const sent = (toServer ?? fromServer)?.sent;
  const rates = [
    ...sent === undefined ? [] : [formatCount(sent, "packet")],
    ...sendBitsPerSecond === undefined ? [] : [`sent at ${bitRate(sendBitsPerSecond)}`],
    ...goodputBitsPerSecond === undefined ? [] : [`received at ${bitRate(goodputBitsPerSecond)}`],
  ];
  const { rtt, serverTime, lateness } = PACKET_FIGURES, { oneWayDelay, ipdv } = PATH_FIGURES;
  const times = [
    ...timeRow(rtt.title, rtt, figures),
    ...timeRow(serverTime.title, serverTime, figures),
    ...paths.flatMap(([way, path]) => timeRow(`one-way ${way}`, oneWayDelay, path)),
    ...paths.flatMap(([way, path]) => timeRow(`${ipdv.title} ${way}`, ipdv, path)),
    ...timeRow(lateness.title, lateness, figures),
  ];
  const lines = [`${label}: ${rates.join(", ")}`.trimEnd()];
  if (times.length > 0) {
    lines.push(
      "",
      ...tableLines([TIME_HEADS, ...times], [20, 7, 7, 7, 7, 7, 7]),
      ...clockLines(toServer ?? fromServer, clockOffset),
    );
  }
  lines.push("", ...tableOf({ names: ["packets"], columns: pathColumns }, paths.map(([way, path]) => [[way], path])));
  lines.push(...paths.flatMap(([way, path]) => remarks(way, path)), ...mtuLines(paths));
  if (reflector !== undefined) lines.push(reflector);
  const { unanswered } = figures;
  if (unanswered !== undefined && sent) {
    const share = percent(unanswered / sent * 100);
    lines.push(`${formatCount(unanswered, "packet")} (${share}) without a reply, lost in a direction that is unknown`);
  }
  if (!complete) lines.push("the server has not reported its counts: the flow did not come to its end");
  const { bad = 0, serverBad = 0 } = refused ?? {};
  if (bad > 0) lines.push(badLine(bad, "from the server"));
  if (serverBad > 0) lines.push(badLine(serverBad, "to the server"));
  if (incoherent > 0) lines.push(`${formatCount(incoherent, "sample")} made no sense and were left out`);
  return lines;
}

const TIME_HEADS = ["milliseconds", ...SPREAD_PARTS.map(partTitle)];

/** The row of a distribution of times; empty where nothing was measured. */
function timeRow<T>(name: string, figure: Figure<T>, of: T): string[][] {
  if (figure.value(of, "min") === undefined) return [];
  return [[name, ...SPREAD_PARTS.map((part) => figureText(figure.value(of, part), figure.unit))]];
}

/** How far one-way delays can be trusted. */
function clockLines(path: PathFigures | undefined, clockOffset: OffsetEstimate | undefined): string[] {
  const bound = path && PATH_FIGURES.oneWayDelayBoundMicros.value(path);
  if (bound === undefined || bound === 0) return [];
  const drift = clockOffset?.drifted ? "; the clocks drifted apart or were set" : "";
  return [`one-way delays are estimates, off by ${milliseconds(bound)} ms at most: the clocks are not shared${drift}`];
}

function badLine(packets: number, way: string): string {
  return `${
    formatCount(packets, "packet")
  } that came ${way} did not count: not of this flow, or not signed with its key`;
}

/** What the table has no column for: how packets came out of order, and how many routers have marked. */
function remarks(way: string, { early, late, congestionMarks = 0, received = 0 }: PathFigures): string[] {
  const lines: string[] = [];
  if (early === undefined || late === undefined) {
    lines.push(`${way}: how many came before or after their place is not known`);
  } else if (early + late > 0) {
    lines.push(`${way}: ${grouped(early)} came before their place, ${grouped(late)} after it`);
  }
  if (congestionMarks > 0) {
    const share = percent(congestionMarks / received * 100);
    lines.push(`${way}: ${formatCount(congestionMarks, "packet")} (${share}) arrived marked: congestion experienced`);
  }
  return lines;
}

/** The path MTU of each direction, where it is known. */
function mtuLines(paths: readonly (readonly [way: string, path: PathFigures])[]): string[] {
  const { pathMtuBytes } = PATH_FIGURES;
  const known = paths.flatMap(([way, path]) => {
    const mtu = pathMtuBytes.value(path);
    return mtu === undefined ? [] : [`${grouped(mtu)} ${way}`];
  });
  return known.length === 0 ? [] : [`${pathMtuBytes.title} in bytes: ${known.join(", ")}`];
}
