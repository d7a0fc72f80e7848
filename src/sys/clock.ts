import { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_THREAD_CPUTIME_ID, PR_SET_TIMERSLACK } from "./constants.ts";
import { timespec } from "./layouts.ts";
import { type Libc, libc } from "./libc.ts";
import { SystemError } from "./errno.ts";

const ids = { realtime: CLOCK_REALTIME, monotonic: CLOCK_MONOTONIC, thread: CLOCK_THREAD_CPUTIME_ID } as const;

/**
 * The wall clock, which may be set; the monotonic clock, from some point before the machine's start; or the processor
 * time of the calling thread.
 */
export type ClockName = keyof typeof ids;

/**
 * A moment from which other times are measured, such as a flow's `tinit`: distances in nanoseconds are exact as numbers for 104
 * days, while times since 1970 are not, and bigints are too slow for every packet.
 */
export class TimeBase {
  readonly seconds: number;
  readonly nanos: number;

  /** @param time in nanoseconds, of the clock of the other times */
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

/**
 * Sets how late the kernel may wake this thread, to wake several threads at once, PR_SET_TIMERSLACK of prctl(2). The
 * default is 50 µs.
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
 * Returns an id of the running kernel, the same for all processes that share its clocks, in any namespace or container;
 * empty where it is not known.
 */
export function bootId(): string {
  try {
    // This must not prompt for a permission.
    if (Deno.permissions.querySync({ name: "read", path: PATH }).state !== "granted") return "";
    return Deno.readTextFileSync(PATH).trim();
  } catch {
    return "";
  }
}

/** What the kernel knows of its wall clock. */
export interface ClockState {
  /** Whether a program keeps it in step with another clock. */
  readonly synchronized: boolean;
  /** The most that it is off, in nanoseconds. */
  readonly maxErrorNanos: number;
}

/** The number of clock_adjtime(2), and struct timex: its length, and where its fields are. */
const CLOCK_ADJTIME = Deno.build.arch === "aarch64" ? 266n : 305n;
const TIMEX_BYTES = 208, MAX_ERROR_AT = 24, STATUS_AT = 40;
/** A bit of the status: nothing keeps it in step. */
const STA_UNSYNC = 0x40;

/**
 * Asks the kernel how far the wall clock may be off, clock_adjtime(2).
 *
 * @returns undefined where the kernel does not answer that
 */
export function wallClockState(): ClockState | undefined {
  const timex = new Uint8Array(TIMEX_BYTES);
  if (libc().calls.syscall(CLOCK_ADJTIME, BigInt(CLOCK_REALTIME), timex, 0n, 0n) < 0n) return undefined;
  const view = new DataView(timex.buffer);
  return {
    synchronized: (view.getInt32(STATUS_AT, true) & STA_UNSYNC) === 0,
    maxErrorNanos: Number(view.getBigInt64(MAX_ERROR_AT, true)) * 1000,
  };
}
