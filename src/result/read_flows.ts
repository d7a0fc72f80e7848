import type { FlowInfo } from "../node/item.ts";
import {
  type Bottleneck,
  PacketAnalysis,
  packetBottlenecks,
  type PacketFlowFigures,
  SHARED_CLOCK,
  StreamAnalysis,
  streamBottlenecks,
  type StreamFigures,
  TransactionAnalysis,
  transactionBottlenecks,
  type TransactionFigures,
} from "../flow/analysis/mod.ts";
import {
  type FlowIndex,
  haveOneClock,
  type IndexedFlow,
  indexFlows,
  mergedChunks,
  serverShift,
  serverToClient,
  startOf,
} from "./flow_index.ts";
import { clockOf } from "./node_clock.ts";
import { RecordFile } from "./read_records.ts";

/** An end of a flow, as it described itself. */
export interface FlowEnd {
  readonly nodeId: string;
  readonly address?: string;
  /** Of a client whose server does not describe itself, such as a router: the address of that. */
  readonly dialled?: string;
  /** How it made traffic: `ffi` by system calls, `portable` over Deno's API. */
  readonly engine?: string;
  /** Of a server with workers: the number of the worker that had the flow, from 1. */
  readonly worker?: number;
  /** Where its thread ran, if not wherever there is a CPU: a list such as 0-1. */
  readonly cpus?: string;
  /** The priority of its thread (SCHED_FIFO), if one was asked for; 0: it was not granted. */
  readonly realtimePriority?: number;
}

/** What is common to all flows of a test. */
interface MeasuredFlow {
  readonly flow: string;
  /** Its zero of time: nanoseconds since 1970, by the clock of the root; absent where no end reported of itself. */
  readonly start?: bigint;
  /** The bound of the error of times of the flow by the clock of the root, in nanoseconds; absent where not known. */
  readonly startBoundNanos?: number;
  /** What is recorded in this time from its start on is in no figure, in nanoseconds; absent: it has no warm-up. */
  readonly warmupNanos?: number;
  /** The path of its run in the plan: that of the client, or of the server where there is no client. */
  readonly path?: string;
  /** How that run was configured: JSON of the plan. */
  readonly config?: string;
  /** Whether it came to its end, so that the counts of both ends are known. */
  readonly complete: boolean;
  /** The ends; absent if one reported nothing, such as a server that is not part of the test. */
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

/** What was measured with requests and responses. */
export interface MeasuredTransactions extends MeasuredFlow {
  readonly protocol: "rr";
  readonly transport: "tcp" | "udp";
  /** Lengths of requests and responses, as far as the client has reported them. */
  readonly requestBytes?: number;
  readonly responseBytes?: number;
  readonly figures: TransactionFigures;
}

/** What was measured with a flow. */
export type Measured = MeasuredStream | MeasuredPackets | MeasuredTransactions;

/** Gets called as samples are read, with how many there were since the call before: millions take seconds. */
export type OnSamples = (count: number) => void;

/**
 * Makes the figures of each flow of a test from its records, in the order in which flows began. Memory is that of one flow
 * at a time, and stays the same however many samples there are.
 *
 * @param folder of the test
 * @param wanted whether the flow of an id is measured; all are by default
 * @param onSamples for progress
 * @throws {TineError} `no-results`, if nothing was recorded; `bad-results`, `bad-item`, `bad-records`, if it is damaged
 *
 * @example
 * ```ts ignore
 * import { measureFlows } from "./read_flows.ts";
 *
 * for await (const flow of measureFlows("results/latest/name=hello")) {
 *   if (flow.protocol === "tcp") console.log(flow.flow, flow.figures.goodputBitsPerSecond);
 * }
 * ```
 */
export async function* measureFlows(
  folder: string,
  wanted: (flow: string) => boolean = () => true,
  onSamples?: OnSamples,
): AsyncGenerator<Measured, void, void> {
  const index = await indexFlows(folder);
  using file = await RecordFile.open(folder);
  for (const flow of index.flows.values()) if (wanted(flow.flow)) yield await measureFlow(file, flow, index, onSamples);
}

/** Measures a flow. */
export async function measureFlow(
  file: RecordFile,
  flow: IndexedFlow,
  index: FlowIndex,
  onSamples?: OnSamples,
): Promise<Measured> {
  const { client, server, report } = flow;
  const streams = new StreamAnalysis();
  const transactions = new TransactionAnalysis();
  const packets = new PacketAnalysis();
  packets.serverShift = serverShift(flow);
  const warmUp = warmUpOf(client ?? server);
  if (warmUp !== undefined) {
    packets.measuredSenders = warmUp.senders;
    transactions.warmupEnd = warmUp.endNanos;
    const upload = (client ?? server)?.values.direction === "upload";
    const [senderNanos, receiverNanos] = [upload ? client : server, upload ? server : client]
      .map((info) => warmUpOf(info)?.endNanos);
    streams.warmUp = { senderNanos, receiverNanos };
  }
  let hasTransactions = (client ?? server)?.type === "transactionInfo" || report?.kind === "transactions";
  let hasPackets = (client ?? server)?.type === "packetInfo" || report?.kind === "packets";
  for await (const chunk of mergedChunks(file, flow, serverToClient(flow, index))) {
    onSamples?.(chunk.count);
    if (chunk.kind === "transactionIO") {
      transactions.add(chunk);
      hasTransactions = true;
    } else if (chunk.kind !== "packetIO") streams.add(chunk);
    else {
      packets.add(chunk);
      hasPackets = true;
    }
  }
  const common = {
    flow: flow.flow,
    start: startOf(client ?? server, index),
    startBoundNanos: client === undefined && server === undefined
      ? undefined
      : clockOf((client ?? server)!.nodeId, index).boundNanos,
    ...warmUp !== undefined && { warmupNanos: warmUp.nanos },
    path: textOrNothing((client ?? server)?.values.path),
    config: textOrNothing((client ?? server)?.values.config),
    client: endOf(client, "client", server === undefined ? client?.values.server : undefined),
    server: endOf(server, "server"),
  };
  if (hasTransactions) {
    const { transport, requestBytes, responseBytes } = (client ?? server)?.values ?? {};
    const last = report?.kind === "transactions" ? report : undefined;
    transactions.lossy = transport === "udp";
    const figures = transactions.figures(last);
    return {
      ...common,
      protocol: "rr",
      transport: transactions.lossy ? "udp" : "tcp",
      ...typeof requestBytes === "number" && { requestBytes },
      ...typeof responseBytes === "number" && { responseBytes },
      complete: last?.complete ?? false,
      figures,
      bottlenecks: transactionBottlenecks(figures, {}),
    };
  }
  if (hasPackets) {
    if (haveOneClock(client, server, index.nodes)) packets.clocks = SHARED_CLOCK;
    const last = report?.kind === "packets" ? report : undefined;
    const figures = packets.figures(last);
    const bottlenecks = figures.senders.flatMap((sender) => packetBottlenecks(sender, {}));
    // Of a flow to a group without receivers in the test, all is known that can be.
    const complete = last?.complete || server === undefined && last?.group?.ended === true;
    return { ...common, protocol: "udp", complete, figures, bottlenecks };
  }
  const last = report?.kind === "stream" ? report : undefined;
  const complete = last !== undefined;
  const figures = streams.figures(last);
  const { pacedBitsPerSecond, maxBitsPerSecond } = (client ?? server)?.values ?? {};
  const paced = (pacedBitsPerSecond ?? maxBitsPerSecond) !== undefined;
  const bottlenecks = streamBottlenecks(figures, {}, paced);
  return { ...common, protocol: "tcp", complete, ...streamSetup(client, server), figures, bottlenecks };
}

/** The warm-up of a flow, as one of its ends reports it. */
export interface FlowWarmUp {
  /** How long it is, in nanoseconds. */
  readonly nanos: number;
  /** Of a TCP flow: when it is over at that end, in nanoseconds since the end's `tinit`. */
  readonly endNanos: number;
  /** Of a UDP flow: packets of senders from this index on are those of its warm-up; the others are measured. */
  readonly senders: number;
}

/** Returns the warm-up of a flow; undefined where it has none. */
export function warmUpOf(info: FlowInfo | undefined): FlowWarmUp | undefined {
  const { warmupNanos, warmupEndNanos, senders } = info?.values ?? {};
  if (typeof warmupNanos !== "number" || !(warmupNanos > 0)) return undefined;
  return {
    nanos: warmupNanos,
    endNanos: typeof warmupEndNanos === "number" ? warmupEndNanos : 0,
    senders: typeof senders === "number" && senders >= 1 ? senders : Infinity,
  };
}

function endOf(info: FlowInfo | undefined, end: "client" | "server", dialled?: unknown): FlowEnd | undefined {
  if (info === undefined) return undefined;
  const { [end]: address, engine, worker, cpus, realtimePriority } = info.values;
  return {
    nodeId: info.nodeId,
    address: textOrNothing(address),
    engine: textOrNothing(engine),
    ...typeof dialled === "string" && { dialled },
    ...typeof worker === "number" && { worker },
    ...typeof cpus === "string" && { cpus },
    ...typeof realtimePriority === "number" && { realtimePriority },
  };
}

function streamSetup(client: FlowInfo | undefined, server: FlowInfo | undefined) {
  const given = (client ?? server)?.values.direction;
  const direction = given === "upload" || given === "download" ? given : undefined;
  const sender = direction === "upload" ? client : direction === "download" ? server : undefined;
  return { direction, cca: textOrNothing(sender?.values.cca) } as const;
}

function textOrNothing(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
