/** Returns bits a second from bytes and nanoseconds; 0 where no time has passed. */
export function bitsPerSecond(bytes: number, nanos: number): number {
  return nanos > 0 ? bytes * 8e9 / nanos : 0;
}

/**
 * Returns the goodput of a stream, in bits a second. Bytes of one flight arrive at the same time, but take a round trip
 * at least.
 *
 * @param durationNanos from when the receiver was ready to the last byte
 * @param minRttNanos the least round-trip time; 0: not known
 */
export function goodput(bytes: number, durationNanos: number, minRttNanos = 0): number {
  return bitsPerSecond(bytes, Math.max(durationNanos, minRttNanos));
}
