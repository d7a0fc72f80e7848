import type { Distribution } from "./distribution.ts";

/** The twentieth part of the round trips that took longest is left out. */
const TRIM = 0.95;

/**
 * How many round trips fit a minute, one after another: 60 seconds by the mean of the round-trip times up to their 95th
 * percentile, the trimmed mean of draft-ietf-ippm-responsiveness.
 *
 * What differs from the draft: round trips are UDP echoes of a flow of its own, instead of HTTP requests over TLS, both
 * on new connections and on those that make the load. So what an end's own TCP buffers add is not seen, neither are
 * handshakes, and fair queuing at a bottleneck looks as good as it is for other flows. It is the responsiveness of the
 * network: the time at the server is left out.
 *
 * @param rtt round-trip times in nanoseconds, under load
 * @returns undefined without round trips
 */
export function roundTripsPerMinute(rtt: Distribution): number | undefined {
  const mean = rtt.trimmedMean(TRIM);
  return mean > 0 ? 60e9 / mean : undefined;
}
