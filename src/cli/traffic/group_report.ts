import {
  figuresOf,
  type PacketFlowFigures,
  type PacketInterval,
  PATH_FIGURES,
  type PathFigures,
  receptionPath,
} from "../../flow/analysis/mod.ts";
import type { ReceiverReport, ServedPacketReport } from "../../flow/report.ts";
import { count } from "../../base/units.ts";
import { column, figureText, milliseconds, separated, type Table, tableOf } from "../figures.ts";
import { escape } from "../terminal.ts";
import type { ClientReport, FlowResult } from "./client_report.ts";
import type { PacketFlow } from "./packet_flow.ts";
import { PACKET_REPORT, packetTables } from "./packet_report.ts";

/** How `tine udp client` shows flows to a group. */
export const GROUP_REPORT: ClientReport<PacketFlow, PacketInterval, PacketFlowFigures> = {
  ...PACKET_REPORT,
  lines: (all) => separated(all.map(flowLines)),
  flowJson: (one) => ({
    ...PACKET_REPORT.flowJson(one),
    receivers: one.flow.receivers.map((receiver) => ({
      address: receiver.address,
      complete: receiver.complete,
      ...figuresOf(PATH_FIGURES, pathOf(receiver)),
    })),
  }),
};

const {
  lost,
  lostPercent,
  duplicates,
  reordered,
  socketDrops,
  oneWayDelay,
  oneWayDelayBoundMicros,
  ipdv,
  jitterMicros,
} = PATH_FIGURES;

const COUNTS: Table<PathFigures> = {
  names: ["receiver"],
  columns: [
    column("sent", PATH_FIGURES.sent),
    column("received", PATH_FIGURES.received),
    column("lost", lost),
    column("", lostPercent),
    column("duplicates", duplicates),
    column("reordered", reordered),
    column("dropped", socketDrops),
  ],
};

const TIMES: Table<PathFigures> = {
  names: ["milliseconds"],
  columns: [
    column("delay min", oneWayDelay, "min"),
    column("mean", oneWayDelay, "mean"),
    column("max", oneWayDelay, "max"),
    column("off by", oneWayDelayBoundMicros),
    column("IPDV mean", ipdv, "mean"),
    column("max", ipdv, "max"),
    column("jitter", jitterMicros),
  ],
};

function flowLines(
  { flow: { label, complete, receivers, warmUp }, figures: { senders: [figures] } }: FlowResult<
    PacketFlow,
    PacketFlowFigures
  >,
) {
  if (figures === undefined) return [`${label}: no packet was sent${warmUp ? " after the warm-up" : ""}`];
  const own = packetTables({ label, complete: true, figures });
  const ended = complete ? [] : ["the end of the flow was not announced: it did not come to its end"];
  if (receivers.length === 0) {
    return [
      ...own,
      ...ended,
      "no receiver has reported, which takes a key at both ends; each prints what it has received",
    ];
  }
  const rows = receivers.map((receiver) => [[receiver.address], pathOf(receiver)] as const);
  const silent = receivers.filter(({ complete }) => !complete).map(({ address }) => address);
  return [
    ...own,
    "",
    ...tableOf(COUNTS, rows),
    "",
    ...tableOf(TIMES, rows),
    ...rows.some(([, { oneWayDelay }]) => oneWayDelay === undefined)
      ? ["one-way delays are unknown where no receiver's report has bounded how far its clock is apart"]
      : [],
    ...silent.length === 0 ? [] : [`not reported at the end: ${silent.join(", ")}`],
    ...ended,
  ];
}

/** A flow by hand has one sender. */
function pathOf({ senders: [reception] }: ReceiverReport): PathFigures {
  return receptionPath(reception ?? { expected: 0, received: 0, duplicates: 0, socketDrops: 0 });
}

/**
 * Returns what a receiver has got of a flow to its group as a line.
 *
 * @param name the sender and its flow
 */
export function groupLine(name: string, report: ServedPacketReport, path: PathFigures): string {
  const { bad, elapsedNanos, state } = report, { congestionMarks = 0, socketDrops } = path;
  const some = (packets: number, what: string) => packets > 0 ? [`${figureText(packets, "packet")} ${what}`] : [];
  return [
    `${escape(name)}: received ${count(path.received ?? 0, "packet")} of ${figureText(path.sent, "packet")} in ${
      (elapsedNanos / 1e9).toFixed(2)
    } s`,
    `${figureText(path.lost, "packet")} lost${share(path)}`,
    ...some(path.duplicates, "twice"),
    ...some(path.reordered, "reordered"),
    ...some(congestionMarks, "marked: congestion experienced"),
    ...some(bad, "bad"),
    ...some(socketDrops, "dropped by this socket"),
    delayText(path),
    ...path.jitterNanos === undefined ? [] : [`jitter ${milliseconds(path.jitterNanos / 1000)} ms`],
    ...state === "unclosed" ? ["its end was not heard"] : [],
  ].join(", ");
}

function share(path: PathFigures): string {
  const percent = lostPercent.value(path);
  return percent ? ` (${figureText(percent, "%")})` : "";
}

function delayText(path: PathFigures): string {
  const [min, mean, max] = (["min", "mean", "max"] as const).map((part) => oneWayDelay.value(path, part));
  if (min === undefined) return "one-way delay unknown";
  const bound = oneWayDelayBoundMicros.value(path);
  const text = [min, mean, max].map((micros) => milliseconds(micros!)).join(" / ");
  return `one-way delay ${text} ms (min, mean, max${bound ? `, off by ${milliseconds(bound)} at most` : ""})`;
}
