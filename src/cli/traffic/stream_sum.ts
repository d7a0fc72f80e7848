import type { StreamFigures } from "../../flow/analysis/mod.ts";

/** A flow as a sum takes it. */
export interface StreamAddend {
  /** When its transfer started, in nanoseconds since something that is the same for all. */
  readonly startNanos: number;
  /** When this end last saw something of it, in the same time. */
  readonly lastNanos: number;
  /** All that was measured with it. */
  figures(): Pick<StreamFigures, "bytes" | "durationNanos" | "retransmits">;
}

/** What TCP flows did together. */
export interface StreamSum {
  readonly bytes: number;
  /** From the start of the first transfer to the end of the last. */
  readonly durationNanos: number;
  /** The bytes of all in that time: flows that are not at work at the same time cannot add up to more than the link. */
  readonly goodputBitsPerSecond: number;
  /** Undefined where it is not known of all. */
  readonly retransmits?: number;
}

/**
 * Adds up TCP flows.
 *
 * @example
 * ```ts
 * import { streamSum } from "./stream_sum.ts";
 * const figures = () => ({ bytes: 125, durationNanos: 1e6 });
 * const flow = (startNanos: number) => ({ startNanos, lastNanos: startNanos + 1e6, figures });
 * console.assert(streamSum([flow(0), flow(1e6)]).goodputBitsPerSecond === 1e6);
 * ```
 */
export function streamSum(flows: readonly StreamAddend[]): StreamSum {
  const parts = flows.map((flow) => ({ from: flow.startNanos, last: flow.lastNanos, ...flow.figures() }));
  // A flow that has not come to its transfer has no place in time.
  const begun = parts.filter(({ durationNanos }) => durationNanos > 0);
  const from = Math.min(...begun.map(({ from }) => from));
  // The receiver's time starts when it has the request, which may wait in a queue for long: it has no place by itself.
  const to = Math.max(...begun.map(({ from, last, durationNanos }) => Math.max(last, from + durationNanos)));
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const durationNanos = begun.length === 0 ? 0 : to - from;
  const retransmits = parts.reduce<number | undefined>(
    (sum, part) => sum === undefined || part.retransmits === undefined ? undefined : sum + part.retransmits,
    0,
  );
  const goodputBitsPerSecond = durationNanos > 0 ? bytes * 8e9 / durationNanos : 0;
  return { bytes, durationNanos, goodputBitsPerSecond, retransmits };
}
