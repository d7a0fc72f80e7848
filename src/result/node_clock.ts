import type { NodeEnd, NodeInfo } from "../node/item.ts";

/** What nodes have reported of their clocks. */
export interface ClockReports {
  /** At their starts, by node id. */
  readonly nodes: ReadonlyMap<string, NodeInfo>;
  /** At their ends. */
  readonly ends: ReadonlyMap<string, NodeEnd>;
}

/** Returns the clock of a node; that of the root where nothing is known of it. */
export function clockOf(nodeId: string, { nodes, ends }: ClockReports): NodeClock {
  const info = nodes.get(nodeId);
  // A node that was killed reported no end, but others of its machine have the same clock.
  const end = ends.get(nodeId) ?? ends.values().find(({ nodeId }) => hasClockOf(info, nodes.get(nodeId)));
  return new NodeClock(info, end);
}

function hasClockOf(a: NodeInfo | undefined, b: NodeInfo | undefined): boolean {
  return a !== undefined && b !== undefined && a.bootId !== "" && a.bootId === b.bootId;
}

/**
 * The clock of a node in relation to the root's: how far it is ahead was taken at the node's start and at its end, and
 * lies on the line through both meanwhile.
 */
export class NodeClock {
  /** How fast the root's clock runs by this one: 1 where both run alike. */
  readonly rate: number;
  /** The bound of the error of {@linkcode rootTime}, in nanoseconds; undefined where nothing is known. */
  readonly boundNanos: number | undefined;
  readonly #time: bigint;
  readonly #aheadNanos: bigint;

  constructor(start: Pick<NodeInfo, "clock" | "time"> | undefined, end: Pick<NodeEnd, "clock" | "time"> | undefined) {
    this.#time = start?.time ?? 0n;
    this.#aheadNanos = BigInt(Math.round(start?.clock.offsetNs ?? 0));
    this.boundNanos = start?.clock.errorNs;
    this.rate = 1;
    if (start?.time === undefined || end === undefined || end.time <= start.time) return;
    this.rate = 1 - (end.clock.offsetNs - start.clock.offsetNs) / Number(end.time - start.time);
    this.boundNanos = Math.max(start.clock.errorNs, end.clock.errorNs);
  }

  /** Converts a time of the node into one of the root, in nanoseconds since 1970. */
  rootTime(time: bigint): bigint {
    const ahead = time - this.#aheadNanos;
    return this.rate === 1 ? ahead : ahead - BigInt(Math.round(Number(time - this.#time) * (1 - this.rate)));
  }
}
