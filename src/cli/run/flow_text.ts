import { quantilesOf } from "../../flow/analysis/mod.ts";
import { byteAmount, count, elapsed, grouped } from "../../base/units.ts";
import { groupFlows } from "../flow_groups.ts";
import { escape } from "../terminal.ts";
import { bitRate, milliseconds } from "../figures.ts";
import type { FlowState, PacketState, StreamState } from "./flow_tracker.ts";

/** Of more flows than this, those with similar ids are summed up. */
const MAX_LINES = 16;

/** Returns what a flow does: `bulk: 49.2 Mbit/s, 12.3 MB, RTT 0.12 ms, 3 resent`. */
export function flowLine(state: FlowState): string {
  return `${escape(state.flow)}: ${flowFigures(state)}`;
}

/** Returns the same without the name of the flow. */
export function flowFigures(state: FlowState): string {
  return state.protocol === "tcp" ? streamText(state) : packetText(state);
}

/** Returns the flows of a test that has ended, a line each, or where they are many, sums. */
export function flowEndLines(flows: Iterable<FlowState>): string[] {
  const { single, crowds } = groupFlows([...flows], MAX_LINES);
  return [...single.map(flowLine), ...crowds.entries().flatMap(([stem, crowd]) => sumLines(escape(stem), crowd))];
}

function sumLines(stem: string, flows: readonly FlowState[]): string[] {
  const streams = flows.filter((state) => state.protocol === "tcp");
  const packets = flows.filter((state) => state.protocol === "udp");
  return [
    ...streams.length === 0 ? [] : [`${stem}: ${streamSum(streams)}`],
    ...packets.length === 0 ? [] : [`${stem}: ${packetSum(packets)}`],
  ];
}

function streamText(state: StreamState): string {
  const { bytes, goodputBitsPerSecond, rttMicros, retransmits, completionNanos, ended } = state;
  const took = completionNanos === undefined ? "" : ` in ${elapsed(completionNanos / 1e6)}`;
  return [
    bitRate(goodputBitsPerSecond),
    `${byteAmount(bytes)}${took}${ended ? "" : " so far"}`,
    ...rttMicros === undefined || rttMicros <= 0 ? [] : [`RTT ${milliseconds(rttMicros)} ms`],
    ...retransmits === undefined || retransmits < 0 ? [] : [`${grouped(retransmits)} resent`],
  ].join(", ");
}

function packetText(state: PacketState): string {
  const { packets, lost, dropped, bitsPerSecond, rttMicros, rttMinMicros, rttMeanMicros, rttMaxMicros, ended } = state;
  const times = ended ? [rttMinMicros, rttMeanMicros, rttMaxMicros] : [rttMicros];
  const known = times.filter((micros) => micros !== undefined);
  const what = known.length === 3 ? " (min, mean, max)" : "";
  return [
    ...bitsPerSecond === undefined ? [] : [bitRate(bitsPerSecond)],
    count(packets, "packet"),
    lossText({ lost, dropped }),
    ...known.length === 0 ? [] : [`RTT ${known.map((micros) => milliseconds(micros)).join(" / ")} ms${what}`],
  ].join(", ");
}

function streamSum(streams: readonly StreamState[]): string {
  const ended = streams.filter(({ ended }) => ended).length;
  const rest = ended === streams.length ? "" : `, ${grouped(ended)} of them to their end`;
  const times = quantilesOf(streams.flatMap(({ completionNanos }) => completionNanos ?? []));
  const span = times === undefined
    ? ""
    : `; they took ${
      [times.min, times.median, times.max].map((nanos) => milliseconds(nanos / 1000)).join(" / ")
    } ms (min, median, max)`;
  return `${count(streams.length, "TCP flow")}${rest}: ${byteAmount(sum(streams, ({ bytes }) => bytes))}, ` +
    `${grouped(sum(streams, ({ retransmits }) => Math.max(0, retransmits ?? 0)))} resent${span}`;
}

function packetSum(flows: readonly PacketState[]): string {
  return `${count(flows.length, "UDP flow")}: ${count(sum(flows, ({ packets }) => packets), "packet")}, ` +
    lossText({ lost: sum(flows, ({ lost }) => lost), dropped: sum(flows, ({ dropped }) => dropped) });
}

/** Losses as the tables of results have them: `3 lost, 12 dropped by a socket`. */
function lossText({ lost, dropped }: Pick<PacketState, "lost" | "dropped">): string {
  return `${grouped(lost)} lost${dropped > 0 ? `, ${grouped(dropped)} dropped by a socket` : ""}`;
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
