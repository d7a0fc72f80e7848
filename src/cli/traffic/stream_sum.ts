import type { StreamFigures } from "../../flow/analysis/mod.ts";

/** A flow as a sum takes it. */
export interface StreamAddend {
  /** When its transfer started, in nanoseconds since something that is the same for all. */
  readonly startNanos: number;
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
 * const flow = (startNanos: number) => ({ startNanos, figures: () => ({ bytes: 125, durationNanos: 1e6 }) });
 * console.assert(streamSum([flow(0), flow(1e6)]).goodputBitsPerSecond === 1e6);
 * ```
 */
export function streamSum(flows: readonly StreamAddend[]): StreamSum {
  const parts = flows.map((flow) => ({ from: flow.startNanos, ...flow.figures() }));
  // A flow that has not come to its transfer has no place in time.
  const begun = parts.filter(({ durationNanos }) => durationNanos > 0);
  const from = Math.min(...begun.map(({ from }) => from));
  const to = Math.max(...begun.map(({ from, durationNanos }) => from + durationNanos));
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const durationNanos = begun.length === 0 ? 0 : to - from;
  const retransmits = parts.reduce<number | undefined>(
    (sum, part) => sum === undefined || part.retransmits === undefined ? undefined : sum + part.retransmits,
    0,
  );
  const goodputBitsPerSecond = durationNanos > 0 ? bytes * 8e9 / durationNanos : 0;
  return { bytes, durationNanos, goodputBitsPerSecond, retransmits };
}
