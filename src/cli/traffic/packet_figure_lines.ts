import type { OffsetEstimate, PacketFigures, PathFigures, Spread } from "../../flow/analysis/mod.ts";
import { count, grouped } from "../../base/count.ts";
import { bitRate, milliseconds, percent } from "./figure_text.ts";
import { tableLines } from "../../base/text_table.ts";

const UNKNOWN = "-";

/** What a flow, or one of its senders, is shown with. */
export interface ShownPackets {
  readonly label: string;
  /** It is from the server to the client. */
  readonly reverse: boolean;
  /** The server has told its counts. */
  readonly complete: boolean;
  /** Packets that either end got, and that were none of the flow's or not signed as they should be. */
  readonly bad?: { readonly here: number; readonly server: number };
}

/** What was measured with packets as tables: times, and how they fared in each direction. */
export function packetFigureLines(
  flow: ShownPackets,
  figures: PacketFigures,
  clockOffset: OffsetEstimate | undefined,
): string[] {
  const { there, back, rtt, serverTime, lateness, sendBitsPerSecond, goodputBitsPerSecond, incoherent } = figures;
  const sending = flow.reverse ? back?.sent : there?.sent;
  const rates = [
    ...sending === undefined ? [] : [count(sending, "packet")],
    ...sendBitsPerSecond === undefined ? [] : [`sent at ${bitRate(sendBitsPerSecond)}`],
    ...goodputBitsPerSecond === undefined ? [] : [`received at ${bitRate(goodputBitsPerSecond)}`],
  ];
  const lines = [[`${flow.label}:`, rates.join(", ")].join(" ").trimEnd()];
  const times: (readonly [name: string, quantiles: Spread | undefined])[] = [
    ["RTT", rtt],
    ["at the server", serverTime],
    ["one-way to server", there?.oneWayDelay],
    ["one-way from server", back?.oneWayDelay],
    ["IPDV to server", there?.ipdv],
    ["IPDV from server", back?.ipdv],
    ["lateness of sends", lateness],
  ];
  const rows = times.flatMap(([name, quantiles]) => quantiles === undefined ? [] : [quantileRow(name, quantiles)]);
  if (rows.length > 0) {
    const head = ["milliseconds", "min", "mean", "median", "p99", "p99.9", "max"];
    lines.push("", ...tableLines([head, ...rows], [20, 7, 7, 7, 7, 7, 7]));
    lines.push(...clockLines(there ?? back, clockOffset));
  }
  const head = ["packets", "sent", "received", "lost", "", "duplicates", "reordered", "dropped"];
  const paths = [
    ...there === undefined ? [] : [pathRow("to server", there)],
    ...back === undefined ? [] : [pathRow("from server", back)],
  ];
  lines.push("", ...tableLines([head, ...paths]));
  if (there !== undefined) lines.push(...placeLines("to server", there), ...markLines("to server", there));
  if (back !== undefined) lines.push(...placeLines("from server", back), ...markLines("from server", back));
  if (!flow.complete) lines.push("the server has not told its counts: the flow did not come to its end");
  const { here = 0, server = 0 } = flow.bad ?? {};
  if (here > 0) lines.push(badLine(here, "from the server"));
  if (server > 0) lines.push(badLine(server, "to the server"));
  if (incoherent > 0) lines.push(`${count(incoherent, "sample")} made no sense and were left out`);
  return lines;
}

/** How far one-way delays can be trusted. */
function clockLines(path: PathFigures | undefined, clockOffset: OffsetEstimate | undefined): string[] {
  const bound = path?.oneWayDelayBoundNanos;
  if (bound === undefined || bound === 0) return [];
  const drift = clockOffset?.drifted ? "; the clocks drifted apart or were set" : "";
  return [`one-way delays are estimates, off by ${milliseconds(bound)} ms at most: the clocks are not shared${drift}`];
}

function badLine(packets: number, way: string): string {
  return `${count(packets, "packet")} that came ${way} did not count: not of this flow, or not signed with its key`;
}

function quantileRow(name: string, { min, mean, median, p99, p999, max }: Spread): string[] {
  const known = (nanos: number | undefined) => nanos === undefined ? UNKNOWN : milliseconds(nanos);
  return [name, ...[min, mean, median, p99, p999, max].map(known)];
}

function pathRow(name: string, path: PathFigures): string[] {
  const { sent, received, lost, duplicates, reordered, socketDrops, unsettled = 0 } = path;
  return [
    name,
    ...[sent, received, lost].map((packets) => packets === undefined ? UNKNOWN : grouped(packets)),
    lost === undefined || sent === undefined ? "" : percent(lost, sent - unsettled),
    ...[duplicates, reordered, socketDrops].map(grouped),
  ];
}

/** Where there is disorder, how it looks. */
function placeLines(name: string, { early, late }: PathFigures): string[] {
  if (early === undefined || late === undefined) {
    return [`${name}: how many came before or after their place is not known: more were under way than are kept`];
  }
  return early + late === 0 ? [] : [`${name}: ${grouped(early)} came before their place, ${grouped(late)} after it`];
}

/** How many packets routers have marked on their way. */
function markLines(name: string, { congestionMarks = 0, received = 0 }: PathFigures): string[] {
  if (congestionMarks === 0) return [];
  return [
    `${name}: ${count(congestionMarks, "packet")} (${percent(congestionMarks, received)}) arrived marked: ` +
    "congestion experienced",
  ];
}
