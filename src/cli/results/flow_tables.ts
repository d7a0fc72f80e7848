import type { MeasuredPackets, MeasuredStream } from "../../result/mod.ts";
import { escape } from "../terminal.ts";
import { packetTables } from "./packet_tables.ts";
import { streamTables } from "./stream_table.ts";

/** More remarks tell nothing new. */
const MOST_REMARKS = 10;

/** What was measured with the flows of a test, for a terminal of 80 columns. */
export function flowTables(flows: readonly (MeasuredStream | MeasuredPackets)[]): string[] {
  const streams = flows.filter((flow) => flow.protocol === "tcp");
  const packets = flows.filter((flow) => flow.protocol === "udp");
  const blocks = [streamTables(streams), packetTables(packets), portableLines(flows), bottleneckLines(flows)];
  return blocks.flatMap((lines) => lines.length === 0 ? [] : ["", ...lines]);
}

/** Which flows were not made by system calls. */
function portableLines(flows: readonly (MeasuredStream | MeasuredPackets)[]): string[] {
  const nodes = new Set(
    flows.flatMap(({ client, server }) =>
      [client, server].flatMap((end) => end?.engine === "portable" ? [escape(end.nodeId)] : [])
    ),
  );
  if (nodes.size === 0) return [];
  return [
    `Without raw sockets on ${[...nodes].join(", ")}: times there are those of the program, not of the`,
    "kernel, and what the kernel knows of flows is missing.",
  ];
}

function bottleneckLines(flows: readonly (MeasuredStream | MeasuredPackets)[]): string[] {
  const remarks = flows.flatMap(({ flow, bottlenecks }) =>
    bottlenecks.map(({ message }) => `- ${escape(flow)}: ${message}`)
  );
  if (remarks.length === 0) return [];
  const more = remarks.length - MOST_REMARKS;
  return [
    "These figures may be limited by tine and its machines rather than by the network:",
    ...remarks.slice(0, MOST_REMARKS),
    ...more > 0 ? [`- ... and ${more} more remarks`] : [],
  ];
}
