import type { FlowInfo } from "../../node/item.ts";
import { Kind } from "../../node/protocol/frame.ts";
import { decodeItem } from "../../node/protocol/payloads.ts";
import { readPlacedRecords, type RecordPlace } from "../read_records.ts";

/** What the records of a test hold of a flow. */
export interface IndexedFlow {
  readonly flow: string;
  /** What the ends have told of themselves. */
  client?: FlowInfo;
  server?: FlowInfo;
  /** The last aggregates of the client. */
  values: Readonly<Record<string, number>>;
  /** Where its samples are, by the node that took them, in the order in which they were taken. */
  readonly places: Map<string, RecordPlace[]>;
}

/** What stands where in the records of a test. */
export interface FlowIndex {
  /** By id, in the order in which they are first mentioned. */
  readonly flows: ReadonlyMap<string, IndexedFlow>;
  /** The boot ids of nodes by their ids: clocks are shared exactly where these are equal. */
  readonly bootIds: ReadonlyMap<string, string>;
}

/**
 * Goes through the records of a test once, without decoding samples.
 *
 * @throws {TineError} `no-results`, `bad-results`, `bad-item`
 */
export async function indexFlows(folder: string): Promise<FlowIndex> {
  const flows = new Map<string, IndexedFlow>();
  const bootIds = new Map<string, string>();
  const flowNamed = (flow: string) => {
    let found = flows.get(flow);
    if (found === undefined) flows.set(flow, found = { flow, values: {}, places: new Map() });
    return found;
  };
  for await (const { message, place } of readPlacedRecords(folder)) {
    if (message.kind === Kind.records) {
      const { places } = flowNamed(message.name);
      const ofNode = places.get(message.origin);
      if (ofNode === undefined) places.set(message.origin, [place]);
      else ofNode.push(place);
      continue;
    }
    if (!TOLD.has(message.kind)) continue;
    const item = decodeItem(message);
    if (item.type === "nodeInfo") bootIds.set(item.nodeId, item.bootId);
    else if (item.type === "streamInfo" || item.type === "packetInfo") {
      flowNamed(item.flow)[item.server ? "server" : "client"] = item;
    } else if (item.type === "progress" && isOfClient(item.values)) flowNamed(item.flow).values = item.values;
  }
  return { flows, bootIds };
}

const TOLD: ReadonlySet<number> = new Set([Kind.nodeInfo, Kind.streamInfo, Kind.packetInfo, Kind.progress]);

/** Of a UDP flow, servers say that they are one; of a TCP flow, the client's last words are of the whole. */
function isOfClient(values: Readonly<Record<string, number>>): boolean {
  return "sent" in values ? values.server !== 1 : "fctNanos" in values;
}
