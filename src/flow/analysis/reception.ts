import type { ClockBounds, ReceivedFromSender, ServedPacketReport } from "../report.ts";
import { ClockOffsetEstimator, type OffsetEstimate } from "./clock_offset.ts";
import { moved, type PathFigures } from "./packet_path.ts";

/**
 * Returns how packets to a group fared on their way to a receiver, by what that has counted. One-way delays are unknown
 * where nothing bounds how far the clocks are apart.
 *
 * @example
 * ```ts
 * import { PATH_FIGURES } from "./packet_figures.ts";
 * import { receptionPath } from "./reception.ts";
 * const path = receptionPath({ expected: 10, received: 9, duplicates: 0, socketDrops: 0 });
 * console.assert(PATH_FIGURES.lostPercent.value(path) === 10 && path.oneWayDelay === undefined);
 * ```
 */
export function receptionPath(reception: ReceivedFromSender): PathFigures {
  const { expected, received, duplicates, socketDrops, congestionMarks, arrivals, clock } = reception;
  const offset = clock && offsetOf(clock);
  return {
    sent: expected,
    received,
    lost: Math.max(0, expected - received - socketDrops),
    duplicates,
    // It counts those of all flows.
    socketDrops: Math.min(socketDrops, Math.max(0, expected - received)),
    congestionMarks,
    reordered: arrivals?.reordered ?? 0,
    ipdv: arrivals?.ipdv,
    jitterNanos: arrivals?.jitterNanos,
    ...offset && arrivals && {
      oneWayDelay: moved(arrivals.delay, -offset.offsetNanos),
      oneWayDelayBoundNanos: offset.boundNanos,
    },
  };
}

/** Returns the same of a flow at its receiver; undefined for the flow of a client, which knows more itself. */
export function servedPath({ group, ...counts }: ServedPacketReport): PathFigures | undefined {
  return group && receptionPath({ ...counts, ...group });
}

function offsetOf({ least, most }: ClockBounds): OffsetEstimate | undefined {
  const offset = new ClockOffsetEstimator();
  offset.toServer(0, most);
  offset.fromServer(least, 0);
  return offset.estimate();
}
