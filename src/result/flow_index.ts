/**
 * What the records of a test are about: its flows, their ends and clocks, and where the samples of each are.
 *
 * @module
 */
import { TineError } from "../base/errors.ts";
import { type Chunk, ChunkReader, isAtServer } from "../flow/records/read_chunk.ts";
import type { FlowReport } from "../flow/report.ts";
import type { FlowInfo, NodeEnd, NodeInfo } from "../node/item.ts";
import { Kind, type Message } from "../node/protocol/frame.ts";
import { decodeItem } from "../node/protocol/kinds.ts";
import { GroupReceiver, sinceHeard } from "./group_receiver.ts";
import { clockOf, type ClockReports } from "./node_clock.ts";
import { readPlacedRecords, type RecordFile, type RecordPlace } from "./read_records.ts";

/** Where samples are. */
export interface SamplePlace extends RecordPlace {
  /** Whether they are packets at a server. */
  readonly atServer: boolean;
}

/** What the records of a test hold of a flow. */
export interface IndexedFlow {
  readonly flow: string;
  /** What the ends have reported of themselves. */
  readonly client?: FlowInfo;
  readonly server?: FlowInfo;
  /** The client's last report; of a stream, the one at its end. */
  readonly report?: FlowReport;
  /** Where its samples are, by the node that took them, in the order in which they were taken. */
  readonly places: Map<string, SamplePlace[]>;
}

/** A flow of which more may become known. */
type GrowingFlow = { -readonly [K in keyof IndexedFlow]: IndexedFlow[K] };

/** What stands where in the records of a test. */
export interface FlowIndex {
  /**
   * By id, in the order in which they are first mentioned. A flow to a group is there once for each of its receivers, see
   * {@linkcode receiverFlow}.
   */
  readonly flows: ReadonlyMap<string, IndexedFlow>;
  /** What nodes have reported of themselves, by their ids. */
  readonly nodes: ReadonlyMap<string, NodeInfo>;
  /** What nodes have found at their ends, by their ids. */
  readonly ends: ReadonlyMap<string, NodeEnd>;
}

/**
 * Goes through the records of a test once, without decoding samples.
 *
 * @throws {TineError} `no-results`, `bad-results`, `bad-item`
 */
export async function indexFlows(folder: string): Promise<FlowIndex> {
  const index = new GrowingIndex();
  for await (const { message, place } of readPlacedRecords(folder)) {
    if (message.kind === Kind.records) index.addPlace(message, place);
    else index.addItem(message);
  }
  return index;
}

/** A {@linkcode FlowIndex} that is made record by record. */
export class GrowingIndex implements FlowIndex {
  readonly flows = new Map<string, IndexedFlow>();
  readonly nodes = new Map<string, NodeInfo>();
  readonly ends = new Map<string, NodeEnd>();
  /** As clients name them. */
  readonly #sent = new Map<string, GrowingFlow>();
  /** Of flows to groups, by the node of the receiver. */
  readonly #receivers = new Map<string, Map<string, GroupReceiver>>();

  /** Returns what is known of a flow, which is mentioned from now on. */
  flow(flow: string): IndexedFlow {
    return this.#flow(flow);
  }

  /**
   * Returns the flows that samples belong to: one, or those at all receivers of a group that are known.
   *
   * @param message with samples
   */
  flowsWith({ name, origin, payload }: Message): readonly IndexedFlow[] {
    const receivers = this.#receivers.get(name);
    if (receivers === undefined) return [this.flow(name)];
    if (!atServerOf(payload)) return [...receivers.values()];
    return [receivers.get(origin) ?? this.flow(name)];
  }

  #flow(flow: string): GrowingFlow {
    let found = this.#sent.get(flow);
    if (found === undefined) {
      this.#sent.set(flow, found = { flow, places: new Map() });
      this.flows.set(flow, found);
    }
    return found;
  }

  /** Returns a flow to a group at a receiver, which is mentioned from now on: it stands for the flow of its sender. */
  #receiver(flow: string, nodeId: string): GroupReceiver {
    const receivers = this.#receivers.getOrInsertComputed(flow, () => new Map<string, GroupReceiver>());
    return receivers.getOrInsertComputed(nodeId, () => {
      const receiver = new GroupReceiver(this.#flow(flow), nodeId);
      this.flows.delete(flow);
      this.flows.set(receiver.flow, receiver);
      return receiver;
    });
  }

  /** Adds where samples are. */
  addPlace({ name, origin, payload }: Message, place: RecordPlace): void {
    const { places } = this.flow(name);
    const placed = { ...place, atServer: atServerOf(payload) };
    const ofNode = places.get(origin);
    if (ofNode === undefined) places.set(origin, [placed]);
    else ofNode.push(placed);
  }

  /**
   * Adds what nodes and flows report of themselves; other records are left out.
   *
   * @returns the flow, if it is about one
   * @throws {TineError} `bad-item`
   */
  addItem(message: Message): IndexedFlow | undefined {
    if (!FLOW_ITEMS.has(message.kind)) return undefined;
    const item = decodeItem(message);
    if (item.type === "nodeInfo") this.nodes.set(item.nodeId, item);
    else if (item.type === "nodeEnd") this.ends.set(item.nodeId, item);
    else if (item.type === "streamInfo" || item.type === "packetInfo" || item.type === "transactionInfo") {
      if (item.server && item.values.group === true) {
        const receiver = this.#receiver(item.flow, item.nodeId);
        receiver.server = item;
        return receiver;
      }
      const flow = this.#flow(item.flow);
      flow[item.server ? "server" : "client"] = item;
      return flow;
    } else if (item.type === "progress") {
      const { report } = item;
      if (report.kind === "servedPackets" && report.group !== undefined) {
        const receiver = this.#receiver(item.flow, item.nodeId);
        receiver.served = report;
        return receiver;
      }
      if (!REPORTS.has(report.kind)) return undefined;
      const flow = this.#flow(item.flow);
      flow.report = report as FlowReport;
      return flow;
    }
    return undefined;
  }
}

/** Kinds of results that say what samples of flows are about, and what became of flows. */
export const FLOW_ITEMS: ReadonlySet<number> = new Set([
  Kind.nodeInfo,
  Kind.nodeEnd,
  Kind.streamInfo,
  Kind.packetInfo,
  Kind.transactionInfo,
  Kind.progress,
]);

/** Reports of clients. */
const REPORTS: ReadonlySet<string> = new Set<FlowReport["kind"]>(["stream", "packets", "transactions"]);

/**
 * The zero of an end's times, by the clock of the root, in nanoseconds since 1970; undefined where the end reported
 * nothing of itself.
 */
export function startOf(info: FlowInfo | undefined, clocks: ClockReports): bigint | undefined {
  return info && clockOf(info.nodeId, clocks).rootTime(info.tinit);
}

/** The server's `tinit` less the client's, in nanoseconds, each by its own clock; 0 where one is not known. */
export function serverShift({ client, server }: IndexedFlow): number {
  return client === undefined || server === undefined ? 0 : Number(server.tinit - client.tinit);
}

/** What turns a time of a server, from its `tinit` on, into one of its client: multiply, then add the shift. */
export interface ServerToClient {
  readonly rate: number;
  readonly shiftNanos: number;
}

/** Relates the clocks of the ends of a flow, by way of the clock of the root. */
export function serverToClient({ client, server }: IndexedFlow, clocks: ClockReports): ServerToClient {
  if (client === undefined || server === undefined) return { rate: 1, shiftNanos: 0 };
  const { rate } = clockOf(client.nodeId, clocks);
  return {
    rate: clockOf(server.nodeId, clocks).rate / rate,
    shiftNanos: Number(startOf(server, clocks)! - startOf(client, clocks)!) / rate,
  };
}

/** The time of the first sample of a chunk, from the client's `tinit` on and by its clock, in nanoseconds. */
export function timeOf(chunk: Chunk, { rate, shiftNanos }: ServerToClient): number {
  const t = chunk.columns.t[0];
  // Those of a stream are merged by node.
  return chunk.kind === "packetIO" && chunk.columns.server[0] === 1 ? t * rate + shiftNanos : t;
}

/** Whether samples are of packets at a server; what is damaged is found when it is decoded. */
function atServerOf(payload: Uint8Array): boolean {
  try {
    return isAtServer(payload);
  } catch (error) {
    if (!(error instanceof TineError)) throw error;
    return false;
  }
}

/** Whether the ends of a flow have one clock. */
export function haveOneClock(
  client: FlowInfo | undefined,
  server: FlowInfo | undefined,
  nodes: ReadonlyMap<string, NodeInfo>,
): boolean {
  // It has compared clocks with a server that need not be part of the test.
  if (client?.values.sharesClock === true) return true;
  if (client === undefined || server === undefined) return false;
  // The receiver of a group has compared it with that of its sender.
  if (server.values.group === true && server.values.sharesClock === true) return true;
  const bootId = nodes.get(client.nodeId)?.bootId;
  // What has no boot id shares nothing, save with itself.
  return client.nodeId === server.nodeId ||
    (bootId !== undefined && bootId !== "" && bootId === nodes.get(server.nodeId)?.bootId);
}

/**
 * The samples of a flow, in the order in which they were taken, as far as clocks and chunks allow: the two ends of a
 * flow may have sent theirs at very different times.
 *
 * @param order relates the clocks of the ends
 * @returns chunks; each is valid until the next one is taken
 * @throws {TineError} `bad-records`, naming flow and node; `bad-results`
 */
export async function* mergedChunks(
  file: RecordFile,
  { flow, server, places }: IndexedFlow,
  order: ServerToClient,
): AsyncGenerator<Chunk, void, void> {
  const cursors: Cursor[] = [];
  for (const [nodeId, ofNode] of places) {
    // Both ends may be on one node, which sends theirs when they are full: an end that is slow comes late.
    for (const atServer of [false, true]) {
      const ofEnd = ofNode.filter((place) => place.atServer === atServer);
      const cursor = new Cursor(chunksAt(file, flow, nodeId, ofEnd), order);
      if (await cursor.next()) cursors.push(cursor);
    }
  }
  while (cursors.length > 0) {
    let first = 0;
    for (let i = 1; i < cursors.length; i++) if (cursors[i].time < cursors[first].time) first = i;
    yield sinceHeard(cursors[first].chunk!, server);
    if (!await cursors[first].next()) cursors.splice(first, 1);
  }
}

/** The chunks of an end on a node. */
class Cursor {
  chunk: Chunk | undefined;
  /** Of the first sample of the chunk. */
  time = 0;

  constructor(readonly chunks: AsyncIterator<Chunk>, readonly order: ServerToClient) {}

  /** Reads the next chunk; false at the end. */
  async next(): Promise<boolean> {
    const { done, value } = await this.chunks.next();
    if (done) return false;
    this.chunk = value;
    const time = timeOf(value, this.order);
    // What is damaged must not hold up the others.
    this.time = Number.isNaN(time) ? -Infinity : time;
    return true;
  }
}

/** Reads the samples of a flow that are at some places; each chunk is valid until the next one is taken. */
async function* chunksAt(
  file: RecordFile,
  flow: string,
  nodeId: string,
  places: readonly RecordPlace[],
): AsyncGenerator<Chunk, void, void> {
  const reader = new ChunkReader();
  for await (const { payload } of file.readAll(places)) {
    try {
      yield reader.read(payload);
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      throw new TineError(error.code, `flow ${flow}, node ${nodeId}: ${error.message}`, { cause: error });
    }
  }
}
