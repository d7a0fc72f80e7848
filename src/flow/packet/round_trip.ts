/**
 * The round-trip time of a packet: how long it and its echo were on their way. The time at the server is left out, as
 * TWAMP does it (RFC 5357, 5.2.1): it says how busy that is, not how the network is. Each of the two times is by one
 * clock, so clocks need not be shared.
 *
 * @param total from just before the client's send call until its kernel has the echo, in nanoseconds
 * @param serverTime from when the server's kernel has the packet until just before its send call, in nanoseconds
 * @returns in nanoseconds, not negative; NaN if the server claims what cannot be: it lies, or a clock was set
 */
export function roundTripTime(total: number, serverTime: number): number {
  return serverTime >= 0 && serverTime <= total ? total - serverTime : NaN;
}
