import { type FigureList, type Figures, meanRate, times, toMicros, toPercent, toSeconds } from "./figure.ts";
import type { ServedStreamReport } from "../report.ts";
import type { StreamInterval } from "./intervals.ts";
import type { StreamFigures } from "./stream_analysis.ts";

/** Figures of a TCP flow, or of several together. */
export const STREAM_FIGURES = {
  bytes: {
    title: "received",
    unit: "byte",
    better: "more",
    definition: "Bytes of the application that the receiver counted. Where it reported nothing, these are the bytes " +
      "that its system has acknowledged, or where the sender's does not report that, those that the sender's system " +
      "took; a * marks them.",
    value: ({ bytes, unmeasured }) => unmeasured ? undefined : bytes,
  },
  receiverCounted: {
    title: "counted by the receiver",
    unit: "flag",
    definition: "Whether it was the receiver that counted the bytes.",
    value: ({ receiverCounted, unmeasured }) => unmeasured ? undefined : receiverCounted,
  },
  durationSeconds: {
    title: "seconds",
    unit: "s",
    definition: "Time from when the receiver was ready, or its warm-up was over, until it had the last byte.",
    value: ({ durationNanos, unmeasured }) => unmeasured ? undefined : toSeconds(durationNanos),
  },
  completionSeconds: {
    title: "done s",
    unit: "s",
    better: "less",
    definition: "Flow completion time: from the client's first step to connect until it knows, from the receiver, " +
      "that all bytes have arrived. Request, answer and data go out together, so it is the time of a plain transfer: " +
      "TCP's handshake, and the transfer. The round trip that the proof of a key needs is left out; a warm-up is not.",
    value: ({ completionNanos }) => toSeconds(completionNanos),
  },
  keyProofSeconds: {
    title: "key proof",
    unit: "s",
    better: "less",
    definition: "Time that the proof of the key took: a round trip from the connection on.",
    value: ({ keyProofNanos }) => toSeconds(keyProofNanos),
  },
  goodputBitsPerSecond: {
    title: "goodput",
    unit: "bit/s",
    better: "more",
    definition: "Received bytes by their time, which is at least a round trip: RFC 2647 (3.17). Headers and what was " +
      "sent again do not count: 1448 of 1514 bytes on an Ethernet.",
    value: ({ goodputBitsPerSecond, unmeasured }) => unmeasured ? undefined : goodputBitsPerSecond,
  },
  retransmits: {
    title: "resent",
    unit: "segment",
    better: "less",
    definition: "Segments that the sender's kernel sent again: RFC 4898 (tcpEStatsPerfSegsRetrans).",
    value: ({ retransmits }) => retransmits,
  },
  retransmittedPercent: {
    title: "resent bytes",
    unit: "%",
    better: "less",
    definition: "Share that the sender's kernel sent again, of all bytes that it sent.",
    value: ({ retransmittedShare }) => toPercent(retransmittedShare),
  },
  minRttMicros: {
    title: "min RTT",
    unit: "us",
    better: "less",
    definition: "Shortest round trip that the sender's kernel saw, also while the flow warmed up: tcpi_min_rtt.",
    value: ({ minRttNanos }) => toMicros(minRttNanos),
  },
  rtt: times(
    "RTT",
    "Smoothed round-trip time of the sender's kernel (RFC 6298), of all its samples. It includes what " +
      "acknowledgements wait for, and is not the round trip of single segments. A + marks an only sample.",
    ({ rtt }: StreamFigures) => rtt,
    "less",
  ),
  rttLastMicros: {
    title: "last RTT",
    unit: "us",
    better: "less",
    definition: "Last sample of the smoothed round-trip time.",
    value: ({ lastRttNanos }) => toMicros(lastRttNanos),
  },
  cwnd: {
    title: "cwnd",
    unit: "byte",
    definition: "Congestion window of the sender's kernel (RFC 5681), its segments by their maximum size, of all " +
      "samples. A + marks an only sample.",
    parts: ["min", "median", "max"],
    value: ({ cwndBytes }, part = "median") => cwndBytes?.[part],
  },
  cwndLastBytes: {
    title: "last cwnd",
    unit: "byte",
    definition: "Last sample of the congestion window.",
    value: ({ lastCwndBytes }) => lastCwndBytes,
  },
  busyPercent: {
    title: "busy",
    unit: "%",
    definition: "Share of the time in which the sender's kernel had something to send: tcpi_busy_time.",
    value: ({ limits }) => toPercent(limits?.busy),
  },
  receiveWindowLimitedPercent: {
    title: "limited by the receive window",
    unit: "%",
    better: "less",
    definition: "Share of the time in which the receiver's window was full: tcpi_rwnd_limited.",
    value: ({ limits }) => toPercent(limits?.receiveWindow),
  },
  sendBufferLimitedPercent: {
    title: "limited by the send buffer",
    unit: "%",
    better: "less",
    definition: "Share of the time in which the sender's buffer was full: tcpi_sndbuf_limited.",
    value: ({ limits }) => toPercent(limits?.sendBuffer),
  },
  ecn: {
    title: "ECN",
    unit: "flag",
    definition: "Whether both ends agreed on explicit congestion notification, RFC 3168 or 9768: tcpi_options.",
    value: ({ ecn }) => ecn,
  },
  congestionMarks: {
    title: "CE",
    unit: "segment",
    better: "less",
    definition:
      "Segments of which acknowledgements reported a congestion mark (ECE): tcpi_delivered_ce. With RFC 3168 " +
      "these are all from a mark until the receiver knows that the sender has slowed down; with accurate ECN " +
      "(RFC 9768), those that were marked.",
    value: ({ congestionMarks }) => congestionMarks,
  },
  congestionMarkedBytes: {
    title: "CE bytes",
    unit: "byte",
    better: "less",
    definition: "Bytes that arrived with a congestion mark, by the counters of accurate ECN (RFC 9768): " +
      "tcpi_delivered_ce_bytes, since Linux 6.18.",
    value: ({ congestionMarkedBytes }) => congestionMarkedBytes,
  },
  serverBusyPercent: {
    title: "server busy",
    unit: "%",
    better: "less",
    definition: "Share of the time of the whole flow in which the server's thread computed.",
    value: ({ serverBusy }) => toPercent(serverBusy),
  },
} satisfies Figures<StreamFigures>;

/** Figures of a TCP flow in an interval. */
export const STREAM_INTERVAL_FIGURES = {
  bytes: {
    title: "received",
    unit: "byte",
    definition: "Bytes that arrived in the interval: of an upload, those that the receiver's system acknowledged.",
    value: ({ bytes }) => bytes,
  },
  goodputBitsPerSecond: {
    title: "goodput",
    unit: "bit/s",
    definition: "These bytes by the length of the interval.",
    value: ({ bytes, durationMs }) => meanRate(bytes, durationMs),
  },
  retransmits: {
    title: "resent",
    unit: "segment",
    definition: "Segments that the sender's kernel sent again in the interval.",
    value: ({ retransmits }) => retransmits,
  },
  congestionMarks: {
    title: "CE",
    unit: "segment",
    definition: "Segments of which acknowledgements reported a congestion mark (ECE) in the interval.",
    value: ({ congestionMarks }) => congestionMarks,
  },
  rttMicros: {
    title: "RTT",
    unit: "us",
    definition: "Smoothed round-trip time of the sender's kernel at the end of the interval: RFC 6298.",
    value: ({ rttMicros }) => rttMicros,
  },
  cwndBytes: {
    title: "cwnd",
    unit: "byte",
    definition: "Congestion window of the sender's kernel at the end of the interval: RFC 5681.",
    value: ({ cwndBytes }) => cwndBytes,
  },
} satisfies Figures<StreamInterval>;

/** Figures of a TCP flow that a server by hand prints when it is over. */
export const SERVED_STREAM_FIGURES = {
  bytes: {
    ...STREAM_FIGURES.bytes,
    definition:
      "Bytes of the application that the receiver counted; of a flow that did not come to its end, those that " +
      "this server received or sent.",
    value: ({ bytes }) => bytes,
  },
  durationSeconds: { ...STREAM_FIGURES.durationSeconds, value: ({ durationNanos }) => toSeconds(durationNanos) },
  goodputBitsPerSecond: {
    ...STREAM_FIGURES.goodputBitsPerSecond,
    value: ({ goodputBitsPerSecond }) => goodputBitsPerSecond,
  },
  retransmits: { ...STREAM_FIGURES.retransmits, value: ({ retransmits }) => retransmits },
  congestionMarks: { ...STREAM_FIGURES.congestionMarks, value: ({ congestionMarks }) => congestionMarks },
} satisfies Figures<ServedStreamReport>;

/** TCP flows together, each time in their common time. */
export interface StreamTotals {
  readonly all: StreamFigures;
  readonly uploads: StreamFigures;
  readonly downloads: StreamFigures;
}

/** Where no transfer has begun, nothing was measured. */
const goodputOf = ({ durationNanos, goodputBitsPerSecond }: StreamFigures) =>
  durationNanos > 0 ? goodputBitsPerSecond : undefined;

/** Figures of several TCP flows together. */
export const STREAM_TOTAL_FIGURES = {
  goodputBitsPerSecond: {
    ...STREAM_FIGURES.goodputBitsPerSecond,
    definition: "Received bytes of all flows, from the first start to the last end.",
    value: ({ all }) => goodputOf(all),
  },
  uploadGoodputBitsPerSecond: {
    ...STREAM_FIGURES.goodputBitsPerSecond,
    title: "upload",
    definition: "The same of all uploads.",
    value: ({ uploads }) => goodputOf(uploads),
  },
  downloadGoodputBitsPerSecond: {
    ...STREAM_FIGURES.goodputBitsPerSecond,
    title: "download",
    definition: "The same of all downloads.",
    value: ({ downloads }) => goodputOf(downloads),
  },
} satisfies Figures<StreamTotals>;

/** All figures of TCP flows, with their definitions. */
export const STREAM_FIGURE_LISTS: readonly FigureList[] = [
  { protocol: "tcp", title: "TCP flows", figures: STREAM_FIGURES },
  { protocol: "tcp", title: "several TCP flows together", figures: STREAM_TOTAL_FIGURES },
  { protocol: "tcp", title: "TCP flows by interval", figures: STREAM_INTERVAL_FIGURES },
  { protocol: "tcp", title: "TCP flows at a server by hand", figures: SERVED_STREAM_FIGURES },
];
