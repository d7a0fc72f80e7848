import type { FlowInfoEvent } from "../../flow/flows.ts";
import type { FlowProgress, ServedPacketReport, ServedStreamReport } from "../../flow/report.ts";
import { byteAmount } from "../../base/size.ts";
import { count, grouped } from "../../base/count.ts";
import { escape } from "../terminal.ts";
import { rounded } from "../../flow/analysis/mod.ts";
import { bitRate, seconds } from "../figures.ts";

/** What a server has at the end of a flow. */
export type ServedReport = ServedStreamReport | ServedPacketReport;

/** Whether it is a report of a server, of a flow that is over. */
export function isServed(report: FlowProgress): report is ServedReport {
  return report.kind === "servedStream" || report.kind === "servedPackets" && report.state !== "running";
}

/** A flow that a server has served, as a line. */
export function servedLine(info: FlowInfoEvent, report: ServedReport): string {
  const client = escape(String(info.values.client));
  if (report.kind === "servedStream") {
    const { bytes, durationNanos, goodputBitsPerSecond, complete } = report;
    return `${client} ${escape(String(info.values.direction))} ${escape(info.flow)}: ` +
      `${byteAmount(bytes)} in ${seconds(durationNanos / 1e9)} s, ${bitRate(goodputBitsPerSecond)}` +
      (complete ? "" : ", did not come to its end");
  }
  const { received, sent, sendErrors, duplicates, bad, congestionMarks = 0, socketDrops, elapsedNanos } = report;
  const more = [
    ...duplicates > 0 ? [`${grouped(duplicates)} twice`] : [],
    ...congestionMarks > 0 ? [`${grouped(congestionMarks)} marked: congestion experienced`] : [],
    ...sendErrors > 0 ? [`${grouped(sendErrors)} could not be sent`] : [],
    ...bad > 0 ? [`${grouped(bad)} bad`] : [],
    ...socketDrops > 0 ? [`${grouped(socketDrops)} dropped by this socket`] : [],
  ];
  return `${client} ${escape(info.flow)}: received ${count(received, "packet")}, sent ${grouped(sent)}` +
    `${more.map((text) => `, ${text}`).join("")} in ${(elapsedNanos / 1e9).toFixed(2)} s` +
    (report.state === "unclosed" ? ", ended without a close" : "");
}

/** A flow that a server has served, as an object. */
export function servedJson(info: FlowInfoEvent, report: ServedReport): object {
  const { client } = info.values;
  if (report.kind === "servedStream") {
    const { bytes, durationNanos, goodputBitsPerSecond, retransmits, complete } = report;
    return {
      type: "flow",
      protocol: "tcp",
      id: info.flow,
      client,
      direction: info.values.direction,
      complete,
      bytes,
      durationSeconds: durationNanos / 1e9,
      goodputBitsPerSecond: goodputBitsPerSecond && rounded(goodputBitsPerSecond, "bit/s"),
      retransmits,
    };
  }
  const { received, sent, sendErrors, duplicates, bad, socketDrops, bytesReceived, bytesSent, elapsedNanos } = report;
  return {
    type: "flow",
    protocol: "udp",
    id: info.flow,
    client,
    complete: report.state === "closed",
    received,
    sent,
    sendErrors,
    duplicates,
    bad,
    socketDrops,
    congestionMarks: report.congestionMarks,
    bytesReceived,
    bytesSent,
    durationSeconds: elapsedNanos / 1e9,
  };
}
