import type { FlowInfoEvent } from "../../flow/flows.ts";
import { byteAmount } from "../../base/size.ts";
import { count, grouped } from "../../base/count.ts";
import { escape } from "../terminal.ts";
import { bitRate, seconds } from "./figure_text.ts";
import { rounded } from "./json_figures.ts";

/** What a server has at the end of a flow. */
type Values = Readonly<Record<string, number>>;

/** A flow that a server has served, as a line. */
export function servedLine(info: FlowInfoEvent, values: Values): string {
  const client = escape(String(info.values.client));
  if (info.type === "streamInfo") {
    const { bytes = 0, durationNanos = 0, goodputBitsPerSecond = 0, unclosed = 0 } = values;
    return `${client} ${escape(String(info.values.direction))} ${escape(info.flow)}: ` +
      `${byteAmount(bytes)} in ${seconds(durationNanos)} s, ${bitRate(goodputBitsPerSecond)}` +
      (unclosed > 0 ? ", did not come to its end" : "");
  }
  const { received = 0, sent = 0, sendErrors = 0, duplicates = 0, bad = 0, congestionMarks = 0 } = values;
  const { socketDrops = 0, elapsedNanos = 0, unclosed = 0 } = values;
  const more = [
    ...duplicates > 0 ? [`${grouped(duplicates)} twice`] : [],
    ...congestionMarks > 0 ? [`${grouped(congestionMarks)} marked: congestion experienced`] : [],
    ...sendErrors > 0 ? [`${grouped(sendErrors)} could not be sent`] : [],
    ...bad > 0 ? [`${grouped(bad)} bad`] : [],
    ...socketDrops > 0 ? [`${grouped(socketDrops)} dropped by this socket`] : [],
  ];
  return `${client} ${escape(info.flow)}: received ${count(received, "packet")}, sent ${grouped(sent)}` +
    `${more.map((text) => `, ${text}`).join("")} in ${(elapsedNanos / 1e9).toFixed(2)} s` +
    (unclosed > 0 ? ", ended without a close" : "");
}

/** A flow that a server has served, as an object. */
export function servedJson(info: FlowInfoEvent, values: Values): object {
  const { client } = info.values;
  if (info.type === "streamInfo") {
    const { bytes, durationNanos = 0, goodputBitsPerSecond, retransmits, unclosed = 0 } = values;
    return {
      type: "flow",
      protocol: "tcp",
      id: info.flow,
      client,
      direction: info.values.direction,
      complete: unclosed === 0,
      bytes,
      durationSeconds: durationNanos / 1e9,
      goodputBitsPerSecond: rounded(goodputBitsPerSecond),
      retransmits,
    };
  }
  const { received, sent, sendErrors, duplicates, bad, socketDrops, bytesReceived, bytesSent, elapsedNanos = 0 } =
    values;
  return {
    type: "flow",
    protocol: "udp",
    id: info.flow,
    client,
    complete: values.complete === 1,
    received,
    sent,
    sendErrors,
    duplicates,
    bad,
    socketDrops,
    congestionMarks: values.congestionMarks,
    bytesReceived,
    bytesSent,
    durationSeconds: elapsedNanos / 1e9,
  };
}
