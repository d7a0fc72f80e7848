import { flowPlace } from "./header.ts";
import { LOST_NANOS, SILENCE_NANOS } from "./control_packet.ts";
import type { IncomingPackets } from "./packet_port.ts";
import type { ServedFlow } from "./served_flow.ts";
import { COOKIE_MS } from "./cookies.ts";

/** So many open flows a server has at a time. */
export const MAX_FLOWS = 1024;
/** And so many senders, each of which takes 8 KiB: those of flows included that were closed lately. */
export const MAX_SERVED_SENDERS = 8192;
/** And so many open flows with senders at the server: each takes some MiB. */
export const MAX_REVERSE_FLOWS = 64;

/**
 * A flow that was closed is kept until its cookie is too old for a recorded packet to open it again; and for a while,
 * since packets may be late, and the answer to the one that closed it may be lost.
 */
const LINGER_NANOS = 15e9;
const COOKIE_NANOS = 2 * COOKIE_MS * 1e6;

/** A flow that goes on beyond its duration, and is not closed, is kept for so long. */
const OVERTIME_NANOS = 60e9;

/** The flows of a server, found by the client's address and the flow's id. */
export class FlowTable {
  readonly #flows = new Map<number, ServedFlow[]>();
  #last: ServedFlow | undefined;
  #open = 0;
  #openReverse = 0;
  #senders = 0;

  /**
   * What there are too many of for one more flow, for its client.
   *
   * @param senders how many it has
   * @param reverse some of them are at the server
   * @returns undefined: there is room
   */
  lack(senders: number, reverse: boolean): string | undefined {
    if (this.#open >= MAX_FLOWS) return `flows: it has ${MAX_FLOWS} at a time`;
    if (this.#senders + senders > MAX_SERVED_SENDERS) return `senders: it has ${MAX_SERVED_SENDERS} at a time`;
    if (reverse && this.#openReverse >= MAX_REVERSE_FLOWS) {
      return `reverse flows: it has ${MAX_REVERSE_FLOWS} at a time`;
    }
    return undefined;
  }

  /**
   * The flow whose client is silent for longest, and long enough to make room for another one.
   *
   * @param attended the time that clients are heard in
   * @param reverse only those with senders at the server
   */
  mostSilent(attended: number, reverse: boolean): ServedFlow | undefined {
    let found: ServedFlow | undefined;
    for (const flow of this) {
      if (flow.closedAt !== Infinity || attended - flow.lastReceived <= SILENCE_NANOS) continue;
      if (reverse && flow.senders.length === 0) continue;
      if (found === undefined || flow.lastReceived < found.lastReceived) found = flow;
    }
    return found;
  }

  /** The flow of a packet; undefined: it has none. Most packets are of the flow of the one before. */
  find(incoming: IncomingPackets, i: number, view: DataView, at: number): ServedFlow | undefined {
    const place = flowPlace(at);
    const last = this.#last;
    if (last !== undefined && last.name.standsIn(view, place) && incoming.isFrom(i, last.address)) return last;
    const candidates = this.#flows.get(hash(view, place, incoming.sourcePort(i)));
    if (candidates === undefined) return undefined;
    for (const flow of candidates) {
      if (flow.name.standsIn(view, place) && incoming.isFrom(i, flow.address)) return this.#last = flow;
    }
    return undefined;
  }

  /** Adds a flow. */
  add(flow: ServedFlow): void {
    const key = keyOf(flow);
    const others = this.#flows.get(key);
    if (others === undefined) this.#flows.set(key, [flow]);
    else others.push(flow);
    this.#senders += flow.windows.length;
    this.#countOpen(flow, 1);
  }

  /** Notes that a flow is closed: another one may have its place. It is still found until it is removed. */
  close(flow: ServedFlow, now: number): void {
    if (flow.closedAt !== Infinity) return;
    this.#countOpen(flow, -1);
    flow.closedAt = now;
  }

  /** Removes a flow. */
  remove(flow: ServedFlow): void {
    const key = keyOf(flow);
    const left = (this.#flows.get(key) ?? []).filter((other) => other !== flow);
    if (left.length === 0) this.#flows.delete(key);
    else this.#flows.set(key, left);
    if (this.#last === flow) this.#last = undefined;
    this.#senders -= flow.windows.length;
    if (flow.closedAt === Infinity) this.#countOpen(flow, -1);
  }

  /** All flows. */
  *[Symbol.iterator](): Generator<ServedFlow, void, void> {
    for (const flows of this.#flows.values()) yield* flows;
  }

  #countOpen(flow: ServedFlow, by: 1 | -1): void {
    this.#open += by;
    if (flow.senders.length > 0) this.#openReverse += by;
  }
}

/** Whether a flow that was closed can be wanted by nobody any more. */
export function isStale({ closedAt, start }: ServedFlow, now: number): boolean {
  return closedAt !== Infinity && now > Math.max(closedAt + LINGER_NANOS, start + COOKIE_NANOS);
}

/**
 * Why a flow that nobody has closed is over all the same.
 *
 * @param attended the time that clients are heard in
 * @returns undefined: it is not
 */
export function whyLost(
  { closedAt, deadline, lastReceived }: ServedFlow,
  now: number,
  attended: number,
): string | undefined {
  if (closedAt !== Infinity) return undefined;
  if (attended - lastReceived > LOST_NANOS) return `its client is silent for ${LOST_NANOS / 1e9} s`;
  if (now > deadline + OVERTIME_NANOS) return "its time is over, and its client does not close it";
  return undefined;
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
