import type { PacketReport, ServedPacketReport } from "../flow/report.ts";
import type { Chunk } from "../flow/records/read_chunk.ts";
import type { FlowInfo } from "../node/item.ts";
import type { IndexedFlow, SamplePlace } from "./flow_index.ts";

/**
 * Returns the id that results have of a flow to a group at one of its receivers: `video@left`.
 *
 * @param flow as its sender names it
 * @param nodeId of the receiver
 */
export function receiverFlow(flow: string, nodeId: string): string {
  return `${flow}@${nodeId}`;
}

/** A flow to a group at one of its receivers: it has the sender, with its samples and reports, in common with others. */
export class GroupReceiver implements IndexedFlow {
  readonly flow: string;
  server?: FlowInfo;
  /** The last report of the receiver. */
  served?: ServedPacketReport;
  readonly #sent: IndexedFlow;
  readonly #nodeId: string;

  /** @param sent what is known of the flow at its sender, and the samples of all receivers */
  constructor(sent: IndexedFlow, nodeId: string) {
    this.flow = receiverFlow(sent.flow, nodeId);
    this.#sent = sent;
    this.#nodeId = nodeId;
  }

  get client(): FlowInfo | undefined {
    return this.#sent.client;
  }

  /** The last report of the sender, with what this receiver has reported. */
  get report(): PacketReport | undefined {
    const { report } = this.#sent, { served } = this;
    if (report?.kind !== "packets" || served === undefined) return undefined;
    const { received, duplicates, socketDrops, bad, group } = served;
    const complete = report.group?.ended === true && served.state === "closed";
    return {
      ...report,
      complete,
      // Its counts are those of all senders together; single ones are in its records.
      senders: report.senders.map((sender, i) =>
        i > 0 ? sender : { ...sender, serverReceived: received, serverDuplicates: duplicates }
      ),
      serverSocketDrops: socketDrops,
      serverBad: bad,
      ...group?.clock && { serverClock: group.clock },
    };
  }

  get places(): Map<string, SamplePlace[]> {
    const own = (nodeId: string) => (place: SamplePlace) => !place.atServer || nodeId === this.#nodeId;
    return new Map(Array.from(this.#sent.places, ([nodeId, places]) => [nodeId, places.filter(own(nodeId))]));
  }
}

/**
 * Returns the samples of a chunk without those of packets that were sent before the first announcement that a receiver got.
 *
 * @param server the receiver, which reports the first number of each sender that it counts; all others have no such
 */
export function sinceHeard(chunk: Chunk, server: FlowInfo | undefined): Chunk {
  const { first } = server?.values ?? {};
  if (typeof first !== "string" || chunk.kind !== "packetIO") return chunk;
  const numbers = first.split(" ").map(Number);
  const { columns, count } = chunk;
  const kept: number[] = [];
  for (let i = 0; i < count; i++) {
    const least = numbers[columns.sender[i]] ?? 0, before = least - columns.seq[i];
    if (before <= 0) kept.push(i);
    else if (columns.packets[i] > before) {
      // The rest of a burst.
      columns.seq[i] += before;
      columns.packets[i] -= before;
      kept.push(i);
    }
  }
  if (kept.length === count) return chunk;
  const entries = Object.entries(columns).map(([name, values]) => [name, Float64Array.from(kept, (i) => values[i])]);
  return { ...chunk, count: kept.length, columns: Object.fromEntries(entries) as typeof columns };
}
