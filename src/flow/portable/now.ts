/** Nanoseconds of the main thread's monotonic clock. */
export function nowNanos(): number {
  return performance.now() * 1e6;
}

/** Nanoseconds since 1970, to a microsecond, as the wall clock was at the start of the program. */
export function wallNanos(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}
