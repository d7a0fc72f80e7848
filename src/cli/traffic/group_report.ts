import {
  figuresOf,
  type PacketFlowFigures,
  type PacketInterval,
  PATH_FIGURES,
  type PathFigures,
  receptionPath,
} from "../../flow/analysis/mod.ts";
import type { ReceiverReport } from "../../flow/report.ts";
import { column, type PrintedTable, separated, tableOf } from "../figures.ts";
import type { ClientReport, FlowResult } from "./client_report.ts";
import type { PacketFlow } from "./packet_flow.ts";
import { PACKET_REPORT, packetTables, pathColumns } from "./packet_report.ts";

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

const { oneWayDelay, oneWayDelayBoundMicros, ipdv, jitterMicros } = PATH_FIGURES;
const TIMES: PrintedTable<PathFigures> = {
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
    ...tableOf({ names: ["receiver"], columns: pathColumns }, rows),
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
