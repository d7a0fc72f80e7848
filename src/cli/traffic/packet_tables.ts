import { count, grouped } from "../../base/units.ts";
import { tableLines } from "../../base/text.ts";
import {
  type Figure,
  type OffsetEstimate,
  PACKET_FIGURES,
  type PacketFigures,
  PATH_FIGURES,
  type PathFigures,
  SPREAD_PARTS,
} from "../../flow/analysis/mod.ts";
import { bitRate, column, figureText, milliseconds, percent, type Table, tableOf } from "../figures.ts";

/** A UDP flow, or one of its senders, as its tables show it. */
export interface ShownPackets {
  readonly label: string;
  /** The server has reported its counts. */
  readonly complete: boolean;
  /** Packets that either end received, and that were not of the flow or not signed as they should be. */
  readonly bad?: { readonly here: number; readonly server: number };
  readonly figures: PacketFigures;
  readonly clockOffset?: OffsetEstimate;
}

const lostShare = column("", PATH_FIGURES.lostPercent);
const PATHS: Table<PathFigures> = {
  names: ["packets"],
  columns: [
    column("sent", PATH_FIGURES.sent),
    column("received", PATH_FIGURES.received),
    column("lost", PATH_FIGURES.lost),
    { head: "", text: (of) => PATH_FIGURES.lostPercent.value(of) === undefined ? "" : lostShare.text(of) },
    column("duplicates", PATH_FIGURES.duplicates),
    column("reordered", PATH_FIGURES.reordered),
    column("dropped", PATH_FIGURES.socketDrops),
  ],
};

/** Returns what was measured with packets as tables: times, and how they fared in each direction. */
export function packetTables({ label, complete, bad, figures, clockOffset }: ShownPackets): string[] {
  const { toServer, fromServer, sendBitsPerSecond, goodputBitsPerSecond, incoherent } = figures;
  const paths = [
    ...toServer === undefined ? [] : [["to server", toServer] as const],
    ...fromServer === undefined ? [] : [["from server", fromServer] as const],
  ];
  const sent = (toServer ?? fromServer)?.sent;
  const rates = [
    ...sent === undefined ? [] : [count(sent, "packet")],
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
  lines.push("", ...tableOf(PATHS, paths.map(([way, path]) => [[way], path])));
  for (const [way, path] of paths) lines.push(...placeLines(way, path), ...markLines(way, path));
  if (!complete) lines.push("the server has not reported its counts: the flow did not come to its end");
  const { here = 0, server = 0 } = bad ?? {};
  if (here > 0) lines.push(badLine(here, "from the server"));
  if (server > 0) lines.push(badLine(server, "to the server"));
  if (incoherent > 0) lines.push(`${count(incoherent, "sample")} made no sense and were left out`);
  return lines;
}

const TIME_HEADS = ["milliseconds", ...SPREAD_PARTS.map((part) => part === "p999" ? "p99.9" : part)];

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
  return `${count(packets, "packet")} that came ${way} did not count: not of this flow, or not signed with its key`;
}

/** Where packets came out of order, how they did. */
function placeLines(way: string, { early, late }: PathFigures): string[] {
  if (early === undefined || late === undefined) {
    return [`${way}: how many came before or after their place is not known: more were under way than are kept`];
  }
  return early + late === 0 ? [] : [`${way}: ${grouped(early)} came before their place, ${grouped(late)} after it`];
}

/** How many packets routers have marked on their way. */
function markLines(way: string, { congestionMarks = 0, received = 0 }: PathFigures): string[] {
  if (congestionMarks === 0) return [];
  const share = percent(congestionMarks / received * 100);
  return [`${way}: ${count(congestionMarks, "packet")} (${share}) arrived marked: congestion experienced`];
}
