/** Links for tests. */

import { type Frame, Lane } from "../../../src/node/protocol/frame.ts";
import { Link, type LinkOptions } from "../../../src/node/link/link.ts";
import type { Connection } from "../../../src/wire/connection.ts";

export const HOUR_MS = 3_600_000;
/** No heartbeats: what the tests see is what they sent. */
const QUIET = { heartbeatMs: HOUR_MS, silenceMs: HOUR_MS };

/** A link whose peer is `node left`, and all that comes over it. */
export function parentLink(connection: Connection, options: Partial<LinkOptions> = {}): { link: Link; got: Frame[] } {
  const got: Frame[] = [];
  return {
    link: new Link(connection, { peer: "node left", receive: (frame) => void got.push(frame), ...QUIET, ...options }),
    got,
  };
}

/** A link whose peer is the parent, and all that comes over it. */
export function childLink(connection: Connection, options: Partial<LinkOptions> = {}): { link: Link; got: Frame[] } {
  return parentLink(connection, { peer: "the parent", ...options });
}

/** Ends links in order. */
export async function closeAll(...links: Link[]): Promise<void> {
  await Promise.all(links.map((link) => link.close()));
  await Promise.all(links.map((link) => link.closed));
}

/** A receiver that works nothing off until it is told to. */
export class Stalled {
  readonly got: Frame[] = [];
  readonly #go = Promise.withResolvers<void>();
  #waiters: { count: number; reached: () => void }[] = [];

  readonly receive = (frame: Frame): Promise<void> | undefined => {
    this.got.push(frame);
    for (const { count, reached } of this.#waiters) if (this.got.length >= count) reached();
    return frame.lane === Lane.urgent ? undefined : this.#go.promise;
  };

  /** Resolves when so many frames have come. */
  until(count: number): Promise<void> {
    return new Promise((reached) => {
      if (this.got.length >= count) reached();
      else this.#waiters.push({ count, reached });
    });
  }

  go(): void {
    this.#go.resolve();
  }
}

/** Keeps the event loop going while only timers of links are left: those do not. */
export function awake(): Disposable {
  const timer = setInterval(() => {}, HOUR_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** The integers from one to another. */
export const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
