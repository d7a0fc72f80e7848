import { SO_MAX_PACING_RATE, SOL_SOCKET } from "../../sys/constants.ts";
import type { StreamRequest } from "./messages.ts";

/** What is written at once, as time of the rate. */
const WRITE_SECONDS = 0.01;

/**
 * Keeps what a sender writes to the rate at which its kernel is to pace. Else the kernel's buffer would be full of what
 * is sent long after the time is over; and the first ten segments, which it does not pace, are as long as writes are:
 * over a loopback 64 KiB each.
 */
export class Pace {
  /** How much to write at once, in bytes. */
  readonly writeBytes: number;

  /** @param bufLenBytes the longest write */
  constructor(readonly bytesPerSecond: number, bufLenBytes: number) {
    this.writeBytes = Math.min(bufLenBytes, Math.max(1, Math.floor(bytesPerSecond * WRITE_SECONDS)));
  }

  /**
   * The pace of a request, where it has one: its SO_MAX_PACING_RATE.
   *
   * @returns undefined: as fast as possible
   */
  static of({ sockopt = [], bufLenBytes }: StreamRequest): Pace | undefined {
    const { value } = sockopt.findLast(isPacing) ?? {};
    // The kernel takes -1, or 32 bits that are all 1, for none.
    if (typeof value !== "number" || value <= 0 || value >= 2 ** 32 - 1) return undefined;
    return new Pace(value, bufLenBytes);
  }

  /** When the write that comes after so many bytes is due, in nanoseconds since the start. */
  dueNanos(bytes: number): number {
    return bytes / this.bytesPerSecond * 1e9;
  }
}

/** Whether a socket option is the rate at which the kernel paces. */
export function isPacing({ level, opt }: { readonly level: number; readonly opt: number }): boolean {
  return level === SOL_SOCKET && opt === SO_MAX_PACING_RATE;
}
