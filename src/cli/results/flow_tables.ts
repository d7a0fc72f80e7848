import type { MeasuredPackets, MeasuredStream } from "../../result/mod.ts";
import { count } from "../../base/count.ts";
import { escape } from "../terminal.ts";
import { packetTables } from "./packet_tables.ts";
import { streamTables } from "./stream_table.ts";

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

/** The worst case of each kind. */
function bottleneckLines(flows: readonly (MeasuredStream | MeasuredPackets)[]): string[] {
  const found = flows.flatMap(({ flow, bottlenecks }) => bottlenecks.map((bottleneck) => ({ flow, ...bottleneck })));
  if (found.length === 0) return [];
  const remarks = Array.from(Map.groupBy(found, ({ code }) => code).values(), (alike) => {
    const worst = alike.reduce((worst, one) => one.size > worst.size ? one : worst);
    const others = new Set(alike.map(({ flow }) => flow)).size - 1;
    return `- ${escape(worst.flow)}: ${worst.message}${others > 0 ? `; less so ${count(others, "other flow")}` : ""}`;
  });
  return ["These figures may be limited by tine and its machines rather than by the network:", ...remarks];
}
