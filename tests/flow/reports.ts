/** Reports of flows for tests: what is not given is 0. */

import {
  PACKET_COUNTS,
  type PacketReport,
  type PacketSenderReport,
  type ServedPacketReport,
  type StreamProgress,
  type StreamReport,
  sumCounts,
} from "../../src/flow/report.ts";

/** What the client of a TCP flow has at its end. */
export function streamReport(more: Partial<StreamReport> = {}): StreamReport {
  return { kind: "stream", bytes: 0, durationNanos: 0, goodputBitsPerSecond: 0, fctNanos: 0, ...more };
}

/** What an end of a TCP flow reports while it runs. */
export function streamProgress(more: Partial<StreamProgress>): StreamProgress {
  return { kind: "streamProgress", role: "sender", elapsedNanos: 0, bytes: 0, goodputBitsPerSecond: 0, ...more };
}

/** What the client of a UDP flow of one sender has at its end: counts are those of the sender. */
export function packetReport(known: Partial<PacketSenderReport & PacketReport> = {}): PacketReport {
  const { serverCongestionMarks, arrivals, ...others } = known;
  const isCount = (key: string) => PACKET_COUNTS.some((count) => count === key);
  const [counts, more] = [true, false].map((wanted) =>
    Object.fromEntries(Object.entries(others).filter(([key]) => isCount(key) === wanted))
  );
  const sender: PacketSenderReport = { ...sumCounts([]), ...counts, serverCongestionMarks, arrivals };
  return {
    kind: "packets",
    complete: true,
    elapsedNanos: 0,
    senders: [sender],
    bytesSent: 0,
    bytesReceived: 0,
    bad: 0,
    serverBad: 0,
    socketDrops: 0,
    serverSocketDrops: 0,
    ...more,
  };
}

/** What the server of a UDP flow has at its end. */
export function servedPackets(more: Partial<ServedPacketReport> = {}): ServedPacketReport {
  return {
    kind: "servedPackets",
    state: "closed",
    elapsedNanos: 0,
    received: 0,
    duplicates: 0,
    sent: 0,
    sendErrors: 0,
    bytesReceived: 0,
    bytesSent: 0,
    bad: 0,
    socketDrops: 0,
    ...more,
  };
}
