import { SO_MAX_PACING_RATE, SOL_SOCKET } from "../../sys/constants.ts";
import type { FlowLimits } from "../serving_limits.ts";
import type { StreamRequest } from "./messages.ts";

/** Length of one write, as time at the rate. */
const WRITE_SECONDS = 0.01;

/**
 * Limits what a sender writes to the rate at which its kernel paces. Without it the kernel's buffer would be full of bytes
 * that are sent long after the time is over; and the first ten segments, which the kernel does not pace, are as long as
 * writes are: 64 KiB each over a loopback.
 */
export class Pace {
  /** How much to write at once, in bytes. */
  readonly writeBytes: number;

  /** @param bufLenBytes the longest write */
  constructor(readonly bytesPerSecond: number, bufLenBytes: number) {
    this.writeBytes = Math.min(bufLenBytes, Math.max(1, Math.floor(bytesPerSecond * WRITE_SECONDS)));
  }

  /**
   * Returns the pace of a request, from its SO_MAX_PACING_RATE.
   *
   * @returns undefined: as fast as possible
   */
  static of({ sockopt = [], bufLenBytes }: StreamRequest): Pace | undefined {
    const { value } = sockopt.findLast(isPacing) ?? {};
    // The kernel takes -1, and 32 bits that are all 1, for no limit.
    if (typeof value !== "number" || value <= 0 || value >= 2 ** 32 - 1) return undefined;
    return new Pace(value, bufLenBytes);
  }

  /** Returns when the write after this many bytes is due, in nanoseconds since the start. */
  dueNanos(bytes: number): number {
    return bytes / this.bytesPerSecond * 1e9;
  }

  /**
   * Returns the pace of a sender that its server may limit: the lower one.
   *
   * @returns undefined: as fast as possible
   */
  static within({ bitsPerSecond = Infinity }: FlowLimits, request: StreamRequest): Pace | undefined {
    const pace = Pace.of(request), limit = bitsPerSecond / 8;
    return limit >= (pace?.bytesPerSecond ?? Infinity) ? pace : new Pace(limit, request.bufLenBytes);
  }
}

/** Whether a socket option is the rate at which the kernel paces. */
export function isPacing({ level, opt }: { readonly level: number; readonly opt: number }): boolean {
  return level === SOL_SOCKET && opt === SO_MAX_PACING_RATE;
}

/** Bytes of one turn; a millisecond or less on today's machines. */
const TURN_BYTES = 2 * 1024 * 1024;
/** Above this time from one turn of a flow to the next, its worker has many flows. */
const CROWDED_NANOS = 10e6;

/**
 * Limits what a flow reads or writes before the others of its worker have their turn, and orders such as to cancel are
 * read. Alone it may take much at a time, since that is faster; among many it takes one read or write.
 */
export class TurnBudget {
  #left = 0;
  #endedAt = -Infinity;

  /** Begins a turn. */
  begin(now: number): void {
    this.#left = now - this.#endedAt > CROWDED_NANOS ? 1 : TURN_BYTES;
  }

  /**
   * Counts a read or write that has just ended.
   *
   * @returns whether one more is allowed
   */
  spend(bytes: number, now: number): boolean {
    this.#left -= bytes;
    this.#endedAt = now;
    return this.#left > 0;
  }
}
