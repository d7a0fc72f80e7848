/**
 * The time by this node's clock, in nanoseconds since 1970; resolves microseconds.
 *
 * Steps of the clock are not followed until the process is started anew: entries of one log keep their order.
 */
export function now(): bigint {
  const ms = performance.timeOrigin + performance.now();
  return BigInt(Math.round(ms * 1000)) * 1000n;
}
