/**
 * When a run of packets ends: what is late is waited for, and a peer that is gone is not.
 *
 * @module
 */

/** How long the end waits for late packets, in round-trip times, within bounds. */
const LATE_RTTS = 3;
/** What a peer sends may be late although the way is short: a busy machine must not look like a lossy one. */
const MIN_LATE_NANOS = 50e6;
/** The longest time that the end waits for late packets. */
export const MAX_LATE_NANOS = 10e9;
/** The round-trip time where none is known. */
export const GUESSED_RTT_NANOS = 300e6;
/** How long packets are refused, with nothing received, until the peer counts as gone. */
const GONE_NANOS = 1e9;

/**
 * Returns how long the end waits for packets that are under way, in ns.
 *
 * @param rttNanos the round-trip time
 * @param spreadNanos what packets take longer than others
 *
 * @example
 * ```ts
 * import { lateNanos } from "./run_end.ts";
 * console.assert(lateNanos(100e6) === 300e6 && lateNanos(0) === 50e6);
 * ```
 */
export function lateNanos(rttNanos: number, spreadNanos = 0): number {
  return Math.min(MAX_LATE_NANOS, Math.max(MIN_LATE_NANOS, LATE_RTTS * rttNanos + spreadNanos));
}

/** Packets that the machine of the peer refuses, since nothing listens there any more. */
export class Refusals {
  #since = Infinity;

  /** Counts one. Returns whether the peer is gone: it has refused packets for a second, and nothing came. */
  add(now: number): boolean {
    this.#since = Math.min(this.#since, now);
    return now - this.#since >= GONE_NANOS;
  }

  /** Forgets them: something came. */
  clear(): void {
    this.#since = Infinity;
  }
}
