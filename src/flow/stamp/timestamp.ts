import type { ClockState } from "../../sys/clock.ts";

/**
 * Times and their errors as test packets of STAMP have them (RFC 8762, 4.2.1).
 *
 * @module
 */

/**
 * The formats of 64-bit timestamps, each with seconds in its first half: `ntp` counts them since 1900, with a binary
 * fraction behind them (RFC 5905, 6); `ptp` counts them since 1970, with nanoseconds behind them (IEEE 1588, cut to 64
 * bits as RFC 8186 has it).
 */
export type TimestampFormat = "ntp" | "ptp";

/** Seconds from 1900 to 1970. */
const NTP_EPOCH_SECONDS = 2_208_988_800;
/** Units of a fraction of NTP in a nanosecond. */
const FRACTIONS_PER_NANO = 2 ** 32 / 1e9;
const SECOND = 1e9;
/** What a peer claims is cut to this, in seconds, some 52 days: distances stay exact in nanoseconds. */
const MAX_SECONDS = 4_500_000;

/**
 * Times in test packets. They are given and taken as nanoseconds from a moment on, which is exact as a number for 104
 * days. Seconds that have overrun their 32 bits (those of NTP do in 2036) are taken for the ones next to that moment.
 *
 * @example
 * ```ts
 * import { StampTime } from "./timestamp.ts";
 * const time = new StampTime(1_700_000_000_000_000_000n);
 * const packet = new DataView(new ArrayBuffer(8));
 * time.write(packet, 0, 1500, "ntp");
 * console.assert(packet.getUint32(0) === 1_700_000_000 + 2_208_988_800 && time.read(packet, 0, "ntp") === 1500);
 * ```
 */
export class StampTime {
  readonly #seconds: number;
  readonly #nanos: number;
  /** Subtracted from the seconds that are read, so that a clock that is set wrongly is near the moment. */
  aheadSeconds = 0;

  /** @param tinit the moment, in nanoseconds since 1970 */
  constructor(tinit: bigint) {
    this.#seconds = Number(tinit / 1_000_000_000n);
    this.#nanos = Number(tinit % 1_000_000_000n);
  }

  /** @param t whole nanoseconds from the moment on */
  write(view: DataView, at: number, t: number, format: TimestampFormat): void {
    const total = this.#nanos + t;
    const seconds = Math.floor(total / SECOND), nanos = total - seconds * SECOND;
    view.setUint32(at, this.#seconds + seconds + epochOf(format));
    view.setUint32(at + 4, format === "ntp" ? Math.round(nanos * FRACTIONS_PER_NANO) : nanos);
  }

  /** @returns whole nanoseconds from the moment on; cut to some 52 days */
  read(view: DataView, at: number, format: TimestampFormat): number {
    const seconds = this.secondsAhead(view, at, format) - this.aheadSeconds;
    const part = view.getUint32(at + 4);
    const nanos = format === "ntp" ? Math.round(part / FRACTIONS_PER_NANO) : part;
    return Math.max(-MAX_SECONDS, Math.min(MAX_SECONDS, seconds)) * SECOND + nanos - this.#nanos;
  }

  /** By how many seconds a time is ahead of the moment. */
  secondsAhead(view: DataView, at: number, format: TimestampFormat): number {
    return (view.getUint32(at) - (this.#seconds + epochOf(format))) | 0;
  }
}

function epochOf(format: TimestampFormat): number {
  return format === "ntp" ? NTP_EPOCH_SECONDS : 0;
}

/** The error of a clock, as its end claims it. */
export interface ErrorEstimate {
  /** Whether the clock is synchronized to UTC by an external source: the S bit. */
  readonly synchronized: boolean;
  /** The format of the end's timestamps, by the Z bit. */
  readonly format: TimestampFormat;
  /** In nanoseconds. */
  readonly errorNanos: number;
}

const SYNCHRONIZED = 0x8000;
const PTP = 0x4000;
const MAX_MULTIPLIER = 255;
const MAX_SCALE = 63;

/** Reads the 16 bits of an error estimate: multiplier · 2^-32 · 2^scale seconds (RFC 4656, 4.1.2). */
export function readErrorEstimate(bits: number): ErrorEstimate {
  return {
    synchronized: (bits & SYNCHRONIZED) !== 0,
    format: formatOf(bits),
    errorNanos: (bits & MAX_MULTIPLIER) * 2 ** ((bits >> 8 & MAX_SCALE) - 32) * SECOND,
  };
}

/** The format of timestamps by the Z bit of an error estimate. */
export function formatOf(bits: number): TimestampFormat {
  return (bits & PTP) === 0 ? "ntp" : "ptp";
}

/**
 * Makes the 16 bits of an error estimate, not smaller than the error.
 *
 * @param clock the state of the wall clock, as the kernel reports it; undefined: it is unknown
 *
 * @example
 * ```ts
 * import { errorEstimate, readErrorEstimate } from "./timestamp.ts";
 * const bits = errorEstimate({ synchronized: true, maxErrorNanos: 1_000_000 }, "ntp");
 * const { synchronized, errorNanos } = readErrorEstimate(bits);
 * console.assert(synchronized && errorNanos >= 1_000_000 && errorNanos < 1_010_000);
 * ```
 */
export function errorEstimate(clock: ClockState | undefined, format: TimestampFormat): number {
  // Also the error that the kernel assumes for a clock that is not synchronized.
  const { synchronized = false, maxErrorNanos = 16 * SECOND } = clock ?? {};
  const units = maxErrorNanos * FRACTIONS_PER_NANO;
  const scale = Math.max(0, Math.min(MAX_SCALE, Math.ceil(Math.log2(units / MAX_MULTIPLIER))));
  // A multiplier of 0 is no estimate.
  const multiplier = Math.max(1, Math.min(MAX_MULTIPLIER, Math.ceil(units / 2 ** scale)));
  return (synchronized ? SYNCHRONIZED : 0) | (format === "ptp" ? PTP : 0) | scale << 8 | multiplier;
}
