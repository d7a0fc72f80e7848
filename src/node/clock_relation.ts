import { now } from "../base/time.ts";

/** The clock of a node in relation to that of the root node. */
export interface ClockRelation {
  /** How far the node's clock is ahead, in nanoseconds: subtract it to get the root's time. */
  readonly offsetNs: number;
  /** The bound of the error of the offset, in nanoseconds. 0: they share a clock. */
  readonly errorNs: number;
}

/** The clock of a parent. */
export interface ParentClock extends ClockRelation {
  /** Of its kernel: clocks are shared exactly where boot ids are equal. */
  readonly bootId: string;
}

/** The root's own, and that of nodes on its machine. */
export const SAME_CLOCK: ClockRelation = { offsetNs: 0, errorNs: 0 };

/** The number of questions; the quickest answer has the smallest error. */
const ROUNDS = 8;

/** No more questions after this time, in milliseconds: where answers take long, more of them hardly help. */
const MAX_QUESTIONS_MS = 1000;

/** The resolution of the clock, in nanoseconds. */
const RESOLUTION_NS = 1000;

/**
 * The clock of this node in relation to that of the root.
 *
 * @param parent the clock of its parent; that of the root if absent
 * @param bootId of this node's kernel
 * @param ask the parent for its time
 * @returns at once where the clocks are the same
 */
export function relateClock(
  parent: ParentClock | undefined,
  bootId: string,
  ask: () => Promise<bigint>,
): ClockRelation | Promise<ClockRelation> {
  if (parent === undefined) return SAME_CLOCK;
  const { offsetNs, errorNs } = parent;
  // What has no boot id, such as macOS, shares nothing.
  if (parent.bootId === bootId && bootId !== "") return { offsetNs, errorNs };
  return estimateOffset(ask).then((found) => ({
    offsetNs: offsetNs + found.offsetNs,
    errorNs: errorNs + found.errorNs,
  }));
}

/** A parent's answer to the question for its time. */
export interface ClockAnswer {
  /** Nanoseconds since 1970, by the parent's clock. */
  readonly time: bigint;
  /** The parent's clock, as it knows it by now; absent in answers of older versions. */
  readonly clock?: ClockRelation;
}

/**
 * The clock of this node in relation to that of the root, once more: clocks drift.
 *
 * A parent knows better by then as well: one that ends relates its own clock again before its children do.
 *
 * @param parent the clock of its parent, as it was at the start; that of the root if absent
 * @param bootId of this node's kernel
 * @param ask the parent for its time
 * @throws what `ask` throws
 */
export async function relateClockAgain(
  parent: ParentClock | undefined,
  bootId: string,
  ask: () => Promise<ClockAnswer>,
): Promise<ClockRelation> {
  if (parent === undefined) return SAME_CLOCK;
  let above: ClockRelation = parent;
  const askTime = async () => {
    const { time, clock = above } = await ask();
    above = clock;
    return time;
  };
  if (parent.bootId !== bootId || bootId === "") {
    const { offsetNs, errorNs } = await estimateOffset(askTime);
    return { offsetNs: above.offsetNs + offsetNs, errorNs: above.errorNs + errorNs };
  }
  // What is on the root's machine has no other clock, ever.
  if (parent.errorNs > 0) await askTime();
  return { offsetNs: above.offsetNs, errorNs: above.errorNs };
}

/**
 * Estimates how far this clock is ahead of another one, from questions for its time: the answer was given at some moment
 * between question and answer, so the middle of the two is wrong by no more than half the time between them.
 *
 * @param ask for the time of the other clock
 * @param clock this clock
 *
 * @example
 * ```ts
 * import { estimateOffset } from "./clock_relation.ts";
 * import { now } from "../base/time.ts";
 * const { offsetNs, errorNs } = await estimateOffset(() => Promise.resolve(now() - 5_000_000_000n));
 * console.assert(Math.abs(offsetNs - 5e9) <= errorNs);
 * ```
 */
export async function estimateOffset(ask: () => Promise<bigint>, clock: () => bigint = now): Promise<ClockRelation> {
  let best: ClockRelation | undefined;
  const started = performance.now();
  for (let round = 0; round < ROUNDS && performance.now() - started < MAX_QUESTIONS_MS; round++) {
    const asked = clock();
    const theirs = await ask();
    const answered = clock();
    const errorNs = Number(answered - asked) / 2 + RESOLUTION_NS;
    if (best === undefined || errorNs < best.errorNs) {
      best = { offsetNs: Number(asked + answered - 2n * theirs) / 2, errorNs };
    }
  }
  return best!;
}
