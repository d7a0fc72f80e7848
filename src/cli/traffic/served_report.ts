import { formatCount, grouped } from "../../base/units.ts";
import {
  figuresOf,
  PATH_FIGURES,
  type PathFigures,
  SERVED_PACKET_FIGURES,
  SERVED_STREAM_FIGURES,
  SERVED_TRANSACTION_FIGURES,
  servedPath,
} from "../../flow/analysis/mod.ts";
import type { FlowInfoEvent } from "../../flow/flows.ts";
import type {
  FlowProgress,
  ServedPacketReport,
  ServedStreamReport,
  ServedTransactionReport,
} from "../../flow/report.ts";
import { REFUSAL_REASONS, type ServerTotals } from "../../flow/server_account.ts";
import { figureText, milliseconds, phrase } from "../figures.ts";
import { escape } from "../terminal.ts";
import { connectionJson, startDate } from "./provenance.ts";

/** What a server has at the end of a flow. */
export type ServedReport = ServedStreamReport | ServedPacketReport | ServedTransactionReport;

/** Whether it is a report of a server, of a flow that is over. */
export function isServed(report: FlowProgress): report is ServedReport {
  return report.kind === "servedStream" || report.kind === "servedTransactions" ||
    report.kind === "servedPackets" && report.state !== "running";
}

/** Returns a flow that a server has served as a line. */
export function servedLine({ flow, values: { client, direction } }: FlowInfoEvent, report: ServedReport): string {
  const names = report.kind === "servedStream" ? [client, direction, flow] : [client, flow];
  return `${names.map((name) => escape(String(name))).join(" ")}: ${phrases(report).join(", ")}`;
}

function phrases(report: ServedReport): string[] {
  switch (report.kind) {
    case "servedStream": {
      const { bytes, durationSeconds, goodputBitsPerSecond } = SERVED_STREAM_FIGURES;
      return [
        `${phrase(bytes, report)} in ${figureText(durationSeconds.value(report), "s")} s`,
        phrase(goodputBitsPerSecond, report),
        ...report.complete ? [] : ["did not come to its end"],
      ];
    }
    case "servedTransactions": {
      const { transactions, durationSeconds, transactionsPerSecond } = SERVED_TRANSACTION_FIGURES;
      const { connections, complete } = report;
      return [
        `${phrase(transactions, report)} in ${figureText(durationSeconds.value(report), "s")} s`,
        `${figureText(transactionsPerSecond.value(report), "1/s")} a second`,
        ...connections === 1 ? [] : [`over ${formatCount(connections, "connection")}`],
        ...complete ? [] : ["did not come to its end"],
      ];
    }
    case "servedPackets": {
      const path = servedPath(report);
      return path === undefined ? packetPhrases(report) : groupPhrases(report, path);
    }
  }
}

/** What a line has of packets where there are some. */
const COUNTS = {
  duplicates: "twice",
  reordered: "reordered",
  congestionMarks: "marked: congestion experienced",
  sendErrors: "could not be sent",
  bad: "bad",
  overRate: "over the rate",
  socketDrops: "dropped by this socket",
};

function countsOf(of: { readonly [K in keyof typeof COUNTS]?: number }): string[] {
  const names = Object.keys(COUNTS) as (keyof typeof COUNTS)[];
  return names.flatMap((name) => {
    const { [name]: packets = 0 } = of;
    return packets > 0 ? [`${figureText(packets, "packet")} ${COUNTS[name]}`] : [];
  });
}

function packetPhrases(report: ServedPacketReport): string[] {
  const { received, sent, elapsedNanos, state } = report;
  const time = (elapsedNanos / 1e9).toFixed(2);
  const counts = [
    `received ${formatCount(received, "packet")}`,
    `sent ${figureText(sent, "packet")}`,
    ...countsOf(report),
  ];
  return [`${counts.join(", ")} in ${time} s`, ...state === "unclosed" ? ["ended without a close"] : []];
}

/** What a receiver has got of a flow to its group. */
function groupPhrases({ bad, elapsedNanos, state }: ServedPacketReport, path: PathFigures): string[] {
  const { received = 0, sent, lost, jitterNanos } = path;
  const share = PATH_FIGURES.lostPercent.value(path);
  const time = (elapsedNanos / 1e9).toFixed(2);
  return [
    `received ${formatCount(received, "packet")} of ${figureText(sent, "packet")} in ${time} s`,
    `${figureText(lost, "packet")} lost${share ? ` (${figureText(share, "%")})` : ""}`,
    ...countsOf({ ...path, bad }),
    delayText(path),
    ...jitterNanos === undefined ? [] : [`jitter ${milliseconds(jitterNanos / 1000)} ms`],
    ...state === "unclosed" ? ["its end was not received"] : [],
  ];
}

function delayText(path: PathFigures): string {
  const { oneWayDelay, oneWayDelayBoundMicros } = PATH_FIGURES;
  const [min, mean, max] = (["min", "mean", "max"] as const).map((part) => oneWayDelay.value(path, part));
  if (min === undefined) return "one-way delay unknown";
  const bound = oneWayDelayBoundMicros.value(path);
  const text = [min, mean, max].map((micros) => milliseconds(micros!)).join(" / ");
  return `one-way delay ${text} ms (min, mean, max${bound ? `, off by ${milliseconds(bound)} at most` : ""})`;
}

/** Returns a flow that a server has served, and that is over now, as an object. */
export function servedJson(info: FlowInfoEvent, report: ServedReport, ended = new Date()): object {
  const { flow: id, values: { direction, cca } } = info;
  const object = (protocol: string, own: object) => ({
    ...{ type: "flow", protocol, id, started: startDate(info).toISOString(), ended: ended.toISOString() },
    ...connectionJson(info),
    ...own,
  });
  switch (report.kind) {
    case "servedStream": {
      const { complete } = report;
      return object("tcp", { direction, cca, complete, ...figuresOf(SERVED_STREAM_FIGURES, report) });
    }
    case "servedTransactions": {
      const { complete, connections } = report;
      return object("tcp", { complete, connections, ...figuresOf(SERVED_TRANSACTION_FIGURES, report) });
    }
    case "servedPackets": {
      const path = servedPath(report), complete = report.state === "closed";
      const toServer = path && { toServer: figuresOf(PATH_FIGURES, path) };
      return object("udp", { complete, ...figuresOf(SERVED_PACKET_FIGURES, report), ...toServer });
    }
  }
}

/** Returns what a server has served until now as a line. */
export function statsLine(totals: ServerTotals): string {
  const { flowsActive, flows, flowsIncomplete, packetsOverRate, refusals } = totals;
  const some = (number: number, what: string) => number > 0 ? [`${grouped(number)} ${what}`] : [];
  const moved = (bytes: number, packets: number) =>
    figureText(bytes, "byte") + (packets > 0 ? ` in ${formatCount(packets, "packet")}` : "");
  const reasons = REFUSAL_REASONS.filter((reason) => refusals[reason] > 0);
  const refused = reasons.reduce((sum, reason) => sum + refusals[reason], 0);
  return [
    `${formatCount(flowsActive, "flow")} now`,
    `${grouped(flows)} in total`,
    ...some(flowsIncomplete, "without an end"),
    `received ${moved(totals.bytesIn, totals.packetsIn)}`,
    `sent ${moved(totals.bytesOut, totals.packetsOut)}`,
    ...some(packetsOverRate, "over the rate"),
    `refused ${grouped(refused)}` +
    (refused > 0 ? ` (${reasons.map((reason) => `${reason} ${grouped(refusals[reason])}`).join(", ")})` : ""),
  ].join(", ");
}

/** Returns what a server has served until now as an object. */
export function statsJson(totals: ServerTotals, at = new Date()): object {
  const { flowsActive, flows, flowsIncomplete, bytesIn, bytesOut, packetsIn, packetsOut, packetsOverRate } = totals;
  return {
    type: "stats",
    at: at.toISOString(),
    flowsActive,
    flows,
    flowsIncomplete,
    bytesReceived: bytesIn,
    bytesSent: bytesOut,
    packetsReceived: packetsIn,
    packetsSent: packetsOut,
    overRate: packetsOverRate,
    refusals: totals.refusals,
  };
}
