import type { FlowInfo } from "../../node/item.ts";
import {
  type Bottleneck,
  PacketAnalysis,
  packetBottlenecks,
  type PacketFlowFigures,
  SHARED_CLOCK,
  StreamAnalysis,
  streamBottlenecks,
  type StreamFigures,
} from "../../flow/analysis/mod.ts";
import { RecordFile } from "../read_records.ts";
import { type FlowIndex, type IndexedFlow, indexFlows } from "./flow_index.ts";
import { mergedChunks } from "./merged_chunks.ts";
import { packetTotals } from "./packet_totals.ts";

/** An end of a flow, as it described itself. */
export interface FlowEnd {
  readonly nodeId: string;
  readonly address?: string;
  /** How it made traffic: `ffi` by system calls, `portable` over Deno's API. */
  readonly engine?: string;
}

/** What is common to all flows of a test. */
interface MeasuredFlow {
  readonly flow: string;
  /** Whether it came to its end, so that both ends have told their counts. */
  readonly complete: boolean;
  /** The ends; absent if one told nothing, such as a server that is not part of the test. */
  readonly client?: FlowEnd;
  readonly server?: FlowEnd;
  /** Where tine was the limit rather than the network. */
  readonly bottlenecks: readonly Bottleneck[];
}

/** What was measured with a TCP flow. */
export interface MeasuredStream extends MeasuredFlow {
  readonly protocol: "tcp";
  readonly direction?: "upload" | "download";
  /** The sender's congestion control, as its kernel named it. */
  readonly cca?: string;
  readonly figures: StreamFigures;
}

/** What was measured with a UDP flow. */
export interface MeasuredPackets extends MeasuredFlow {
  readonly protocol: "udp";
  readonly figures: PacketFlowFigures;
}

/**
 * Figures of each flow of a test, made from its records, in the order in which flows began. Memory is that of one flow
 * at a time, and stays the same however many samples there are.
 *
 * @param folder of the test
 * @throws {TineError} `no-results`, if nothing was recorded; `bad-results`, `bad-item`, `bad-records`, if it is damaged
 *
 * @example
 * ```ts ignore
 * import { readFlows } from "./read_flows.ts";
 *
 * for await (const flow of readFlows("results/latest/name=hello")) {
 *   if (flow.protocol === "tcp") console.log(flow.flow, flow.figures.goodputBitsPerSecond);
 * }
 * ```
 */
export async function* readFlows(folder: string): AsyncGenerator<MeasuredStream | MeasuredPackets, void, void> {
  const index = await indexFlows(folder);
  using file = await RecordFile.open(folder);
  for (const flow of index.flows.values()) yield await measureFlow(file, flow, index);
}

async function measureFlow(
  file: RecordFile,
  flow: IndexedFlow,
  { bootIds }: FlowIndex,
): Promise<MeasuredStream | MeasuredPackets> {
  const { client, server, values } = flow;
  const streams = new StreamAnalysis();
  const packets = new PacketAnalysis();
  const shift = client === undefined || server === undefined ? 0 : Number(server.tinit - client.tinit);
  packets.serverShift = shift;
  let hasPackets = (client ?? server)?.type === "packetInfo" || "sent" in values;
  for await (const chunk of mergedChunks(file, flow, shift)) {
    if (chunk.kind !== "packetIO") streams.add(chunk);
    else {
      packets.add(chunk);
      hasPackets = true;
    }
  }
  const common = { flow: flow.flow, client: endOf(client, "client"), server: endOf(server, "server") };
  if (hasPackets) {
    if (haveOneClock(client, server, bootIds)) packets.clocks = SHARED_CLOCK;
    const figures = packets.figures(packetTotals(values));
    const bottlenecks = figures.senders.flatMap((sender) => packetBottlenecks(sender, {}));
    return { ...common, protocol: "udp", complete: values.complete === 1, figures, bottlenecks };
  }
  const complete = "fctNanos" in values;
  const figures = streams.figures(complete ? values : {});
  const paced = (client ?? server)?.values.pacedBitsPerSecond !== undefined;
  const bottlenecks = streamBottlenecks(figures, {}, paced);
  return { ...common, protocol: "tcp", complete, ...streamSetup(client, server), figures, bottlenecks };
}

function endOf(info: FlowInfo | undefined, end: "client" | "server"): FlowEnd | undefined {
  if (info === undefined) return undefined;
  const { [end]: address, engine } = info.values;
  return { nodeId: info.nodeId, address: textOrNothing(address), engine: textOrNothing(engine) };
}

function haveOneClock(
  client: FlowInfo | undefined,
  server: FlowInfo | undefined,
  bootIds: ReadonlyMap<string, string>,
): boolean {
  // It has compared clocks with a server that need not be part of the test.
  if (client?.values.sharesClock === true) return true;
  if (client === undefined || server === undefined) return false;
  const bootId = bootIds.get(client.nodeId);
  // What has no boot id shares nothing, save with itself.
  return client.nodeId === server.nodeId ||
    (bootId !== undefined && bootId !== "" && bootId === bootIds.get(server.nodeId));
}

function streamSetup(client: FlowInfo | undefined, server: FlowInfo | undefined) {
  const told = (client ?? server)?.values.direction;
  const direction = told === "upload" || told === "download" ? told : undefined;
  const sender = direction === "upload" ? client : direction === "download" ? server : undefined;
  return { direction, cca: textOrNothing(sender?.values.cca) } as const;
}

function textOrNothing(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
