import { COOKIE_MS } from "./session.ts";
import type { Inbox } from "./packet_port.ts";
import { flowPlace } from "./header.ts";
import type { ServedFlow } from "./served_flow.ts";

/** So many flows a server has at a time, those included that were closed lately. */
export const MAX_FLOWS = 1024;
/** And so many senders, each of which takes 8 KiB. */
export const MAX_SERVED_SENDERS = 4096;
/** And so many flows with senders at the server: each takes some MiB. */
export const MAX_REVERSE_FLOWS = 64;

/**
 * A flow that was closed is kept until its cookie is too old for a recorded packet to open it again; and for a while,
 * since packets may be late, and the answer to the one that closed it may be lost.
 */
const LINGER_NANOS = 3e9;
const COOKIE_NANOS = 2 * COOKIE_MS * 1e6;

/** A flow that nobody closes is kept for so long after its duration. */
const FORGOTTEN_NANOS = 60e9;

/** The flows of a server, found by the client's address and the flow's id. */
export class FlowTable {
  readonly #flows = new Map<number, ServedFlow[]>();
  #last: ServedFlow | undefined;
  #size = 0;
  #senders = 0;
  #reverse = 0;

  /** Whether there is room for a flow with so many senders. */
  hasRoom(senders: number, reverse: boolean): boolean {
    return this.#size < MAX_FLOWS && this.#senders + senders <= MAX_SERVED_SENDERS &&
      (!reverse || this.#reverse < MAX_REVERSE_FLOWS);
  }

  /** The flow of a packet; undefined: it has none. Most packets are of the flow of the one before. */
  find(inbox: Inbox, i: number, view: DataView, at: number): ServedFlow | undefined {
    const place = flowPlace(at);
    const last = this.#last;
    if (last !== undefined && last.name.standsIn(view, place) && inbox.isFrom(i, last.address)) return last;
    const candidates = this.#flows.get(hash(view, place, inbox.sourcePort(i)));
    if (candidates === undefined) return undefined;
    for (const flow of candidates) {
      if (flow.name.standsIn(view, place) && inbox.isFrom(i, flow.address)) return this.#last = flow;
    }
    return undefined;
  }

  /** Adds a flow. */
  add(flow: ServedFlow): void {
    const key = keyOf(flow);
    const others = this.#flows.get(key);
    if (others === undefined) this.#flows.set(key, [flow]);
    else others.push(flow);
    this.#count(flow, 1);
  }

  /** Removes a flow. */
  remove(flow: ServedFlow): void {
    const key = keyOf(flow);
    const left = (this.#flows.get(key) ?? []).filter((other) => other !== flow);
    if (left.length === 0) this.#flows.delete(key);
    else this.#flows.set(key, left);
    if (this.#last === flow) this.#last = undefined;
    this.#count(flow, -1);
  }

  /** All flows. */
  *[Symbol.iterator](): Generator<ServedFlow, void, void> {
    for (const flows of this.#flows.values()) yield* flows;
  }

  #count(flow: ServedFlow, by: 1 | -1): void {
    this.#size += by;
    this.#senders += by * flow.windows.length;
    if (flow.senders.length > 0) this.#reverse += by;
  }
}

/** Whether nobody can want a flow any more. */
export function isStale(flow: ServedFlow, now: number): boolean {
  if (flow.closedAt === Infinity) return now > Math.max(flow.deadline, flow.heard) + FORGOTTEN_NANOS;
  return now > Math.max(flow.closedAt + LINGER_NANOS, flow.start + COOKIE_NANOS);
}

function keyOf(flow: ServedFlow): number {
  const view = new DataView(new ArrayBuffer(16));
  flow.name.write(view, 0);
  return hash(view, 0, flow.address.port);
}

function hash(view: DataView, at: number, port: number): number {
  let sum = port;
  for (let word = 0; word < 4; word++) sum = Math.imul(sum, 31) + view.getInt32(at + 4 * word) | 0;
  return sum;
}
