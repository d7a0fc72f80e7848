import { figuresOf, STREAM_FIGURES } from "../../flow/analysis/mod.ts";
import type { MeasuredPackets, MeasuredStream } from "../../result/mod.ts";
import { packetFiguresJson } from "../traffic/packet_json.ts";

/** A flow as objects under keys that carry their unit: one, or of a UDP flow one for each sender. */
export function flowJson(measured: MeasuredStream | MeasuredPackets): object[] {
  const { protocol, flow, complete, client, server } = measured;
  const bottlenecks = measured.bottlenecks.map(({ code, message }) => ({ code, message }));
  const common = { type: "flow", protocol, flow, complete, client, server };
  if (measured.protocol === "tcp") {
    const { direction, cca, figures } = measured;
    return [{ ...common, direction, cca, ...figuresOf(STREAM_FIGURES, figures), bottlenecks }];
  }
  const { senders, clockOffset } = measured.figures;
  return senders.map((figures) => ({
    ...common,
    sender: figures.sender,
    direction: figures.there === undefined ? "download" : "upload",
    ...packetFiguresJson(figures, clockOffset),
    bottlenecks,
  }));
}
