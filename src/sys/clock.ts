import { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_THREAD_CPUTIME_ID, PR_SET_TIMERSLACK } from "./constants.ts";
import { timespec } from "./layouts.ts";
import { type Libc, libc } from "./libc.ts";
import { SystemError } from "./errno.ts";

const ids = { realtime: CLOCK_REALTIME, monotonic: CLOCK_MONOTONIC, thread: CLOCK_THREAD_CPUTIME_ID } as const;

/**
 * The wall clock, which may be set; the one that only ever goes on, from some point before the machine's start; or the
 * time that the calling thread has computed.
 */
export type ClockName = keyof typeof ids;

/**
 * A moment from which others are measured, as a flow's `tinit`: distances in nanoseconds are exact as numbers for 104
 * days, while times since 1970 are not, and bigints are too slow for every packet.
 */
export class TimeBase {
  readonly seconds: number;
  readonly nanos: number;

  /** @param time in nanoseconds, of the clock that the others are of */
  constructor(readonly time: bigint) {
    this.seconds = Number(time / 1_000_000_000n);
    this.nanos = Number(time % 1_000_000_000n);
  }

  /** How long after it another moment is, in nanoseconds. */
  elapsed(seconds: number, nanos: number): number {
    return (seconds - this.seconds) * 1e9 + (nanos - this.nanos);
  }
}

/**
 * A clock of the kernel, clock_gettime(2).
 *
 * @example
 * ```ts
 * import { Clock, TimeBase } from "./clock.ts";
 * const clock = new Clock("monotonic");
 * const start = new TimeBase(clock.now());
 * console.log(clock.since(start), "ns");
 * ```
 */
export class Clock {
  readonly #libc: Libc = libc();
  readonly #id: number;
  /** A timespec, as words of 32 bits. */
  readonly #words = new Uint32Array(timespec.sizeBytes / 4);

  constructor(readonly name: ClockName) {
    this.#id = ids[name];
  }

  /** The time, in nanoseconds. */
  now(): bigint {
    this.#read();
    return BigInt(this.#seconds()) * 1_000_000_000n + BigInt(this.#words[2]);
  }

  /** How long ago a moment of this clock was, in nanoseconds. Allocates nothing. */
  since(base: TimeBase): number {
    this.#read();
    return base.elapsed(this.#seconds(), this.#words[2]);
  }

  #read(): void {
    if (this.#libc.calls.clock_gettime(this.#id, this.#words) < 0) {
      throw new SystemError("clock_gettime", this.#libc.errno[0], this.name);
    }
  }

  #seconds(): number {
    return this.#words[1] * 2 ** 32 + this.#words[0];
  }
}

/** How far the wall clock is ahead of the monotonic one. */
export interface ClockOffset {
  /** In nanoseconds. */
  readonly offset: bigint;
  /** The true one is at most so far away, in nanoseconds. */
  readonly errorBound: number;
}

const ROUNDS = 5;

/** Measures how far the wall clock is ahead of the monotonic one; a change tells that the wall clock was set. */
export function measureClockOffset(): ClockOffset {
  const wall = new Clock("realtime"), steady = new Clock("monotonic");
  let best: ClockOffset | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const before = steady.now(), time = wall.now(), after = steady.now();
    const errorBound = Number(after - before) / 2;
    if (best === undefined || errorBound < best.errorBound) {
      best = { offset: time - (before + after) / 2n, errorBound };
    }
  }
  return best!;
}

/**
 * Sets how late the kernel may wake this thread so as to wake several at once, PR_SET_TIMERSLACK of prctl(2). It is
 * 50 µs if nobody sets it.
 *
 * @param nanos at least 1
 */
export function setTimerSlack(nanos: number): void {
  // To the kernel, 0 is the slack that the thread started with.
  if (!Number.isSafeInteger(nanos) || nanos < 1) throw new RangeError(`a timer slack of ${nanos} ns: 1 or more`);
  const { calls, errno } = libc();
  if (calls.prctl(PR_SET_TIMERSLACK, BigInt(nanos), 0n, 0n, 0n) < 0) {
    throw new SystemError("prctl", errno[0], "PR_SET_TIMERSLACK");
  }
}

const PATH = "/proc/sys/kernel/random/boot_id";

/**
 * What is the same for all that share the clocks of a kernel, whatever namespace or container they are in; empty where
 * that is not known.
 */
export function bootId(): string {
  try {
    // Nobody is to be asked for a permission for this.
    if (Deno.permissions.querySync({ name: "read", path: PATH }).state !== "granted") return "";
    return Deno.readTextFileSync(PATH).trim();
  } catch {
    return "";
  }
}
