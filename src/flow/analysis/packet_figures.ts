import type { PacketReport, ServedPacketReport } from "../report.ts";
import type { OffsetEstimate } from "./clock_offset.ts";
import { type FigureList, type Figures, meanRate, times, toMicros, toPercent, toSeconds } from "./figure.ts";
import type { PacketInterval } from "./intervals.ts";
import { LOAD_FIGURES, LOAD_SUMMARY_FIGURES } from "./load_figures.ts";
import type { PathFigures } from "./packet_path.ts";
import type { PacketFigures } from "./sender_analysis.ts";

/** Figures of the packets of a UDP flow, or of one of its senders. */
export const PACKET_FIGURES = {
  durationSeconds: {
    title: "seconds",
    unit: "s",
    definition: "Time from the first packet sent to the last one.",
    value: ({ sendNanos }) => toSeconds(sendNanos),
  },
  sendBitsPerSecond: {
    title: "sent at",
    unit: "bit/s",
    definition: "Rate of UDP payload that the sender sent: the bytes of all packets but the first, by the time from " +
      "the first packet to the last.",
    value: ({ sendBitsPerSecond }) => sendBitsPerSecond,
  },
  goodputBitsPerSecond: {
    title: "received at",
    unit: "bit/s",
    better: "more",
    definition: "Rate of UDP payload that arrived in the direction of the sender, without echoes. Where the server " +
      "reports how many packets came, but not when, it is the sending rate less what was lost.",
    value: ({ goodputBitsPerSecond }) => goodputBitsPerSecond,
  },
  rtt: times(
    "RTT",
    "Round-trip time of a packet and its echo: from just before the system call that sends the packet until the " +
      "client's kernel has the echo, by its time stamp, less the time at the server. It is that of the network.",
    ({ rtt }: PacketFigures) => rtt,
    "less",
  ),
  serverTime: times(
    "at the server",
    "Time of a packet at the server: from the time stamp of the server's kernel until just before the call that " +
      "sends the echo. A program sees RTT and this time: add them. Where a server claims more than the packet was " +
      "away, the RTT of that packet is unknown.",
    ({ serverTime }: PacketFigures) => serverTime,
    "less",
  ),
  lateness: times(
    "lateness of sends",
    "How much later than scheduled a packet was handed to the kernel. Nothing is skipped: what is late is sent late. " +
      "Of a sender at the server, the packets that arrive report it themselves.",
    ({ lateness }: PacketFigures) => lateness,
    "less",
  ),
  sendErrors: {
    title: "send errors",
    unit: "packet",
    better: "less",
    definition: "Packets that the sender's kernel did not take.",
    value: ({ sendErrors }) => sendErrors,
  },
  unsent: {
    title: "unsent",
    unit: "packet",
    better: "less",
    definition: "Packets that were due, but that the sender did not get to before its time was over.",
    value: ({ unsent }) => unsent,
  },
  unanswered: {
    title: "unanswered",
    unit: "packet",
    better: "less",
    definition:
      "Packets of which no reply came, of a reflector of STAMP that keeps no count of its own: they or their " +
      "replies were lost, and it is unknown in which direction. Where the direction is known, see lost.",
    value: ({ unanswered }) => unanswered,
  },
  incoherent: {
    title: "incoherent",
    unit: "sample",
    better: "less",
    definition: "Samples that contradict others or make no sense, and were left out.",
    value: ({ incoherent }) => incoherent,
  },
} satisfies Figures<PacketFigures>;

/** Returns a count of a receiver: one that has reported nothing has not counted 0. */
function counted({ received }: PathFigures, count?: number): number | undefined {
  return received === undefined && count === 0 ? undefined : count;
}

/** Figures of the packets of a UDP flow in one direction, echoes included. */
export const PATH_FIGURES = {
  sent: {
    title: "sent",
    unit: "packet",
    definition: "Packets that the sender's kernel took.",
    value: ({ sent }) => sent,
  },
  received: {
    title: "received",
    unit: "packet",
    better: "more",
    definition: "Packets that arrived at the receiver, each counted once.",
    value: ({ received }) => received,
  },
  lost: {
    title: "lost",
    unit: "packet",
    better: "less",
    definition: "Packets sent and not received, without those that the receiver's own socket dropped: RFC 7680. Of a " +
      "flow that did not come to its end, only up to the last packet that both ends have recorded; unknown, and " +
      "printed as -, where the receiver has reported nothing.",
    value: ({ lost }) => lost,
  },
  lostPercent: {
    title: "lost",
    unit: "%",
    better: "less",
    definition: "Lost packets, of all sent up to the last one that may count as lost.",
    value: ({ lost, sent = 0, unsettled = 0 }) =>
      lost === undefined || !(sent > unsettled) ? undefined : toPercent(lost / (sent - unsettled)),
  },
  duplicates: {
    title: "duplicates",
    unit: "packet",
    better: "less",
    definition:
      "Packets that arrived again: RFC 5560. As all counts of a receiver, unknown where it has reported nothing.",
    value: (path) => counted(path, path.duplicates),
  },
  reordered: {
    title: "reordered",
    unit: "packet",
    better: "less",
    definition: "Packets that arrived after one that was sent later: RFC 4737. A server sends echoes in the order in " +
      "which it got the packets.",
    value: (path) => counted(path, path.reordered),
  },
  early: {
    title: "early",
    unit: "packet",
    better: "less",
    definition: "Packets that arrived before their place in the order of sending, lost packets and duplicates taken " +
      "out: RFC 5236. It is unknown where more packets were under way than are kept, 65,536 at least, and of reordered " +
      "packets of which the server reports the number alone: those without an echo, by hand.",
    value: (path) => counted(path, path.early),
  },
  late: {
    title: "late",
    unit: "packet",
    better: "less",
    definition: "Packets that arrived after their place in the order of sending; unknown as early packets are.",
    value: (path) => counted(path, path.late),
  },
  socketDrops: {
    title: "dropped",
    unit: "packet",
    better: "less",
    definition:
      "Packets that arrived at the receiver's machine, and that its socket had no room for. The network did " +
      "not lose them. Of a server, packets of other flows may be among them; after a warm-up, no more than are missing.",
    value: (path) => counted(path, path.socketDrops),
  },
  congestionMarks: {
    title: "marked",
    unit: "packet",
    definition: 'Packets that arrived with the mark "congestion experienced", which only routers set: RFC 3168.',
    value: ({ congestionMarks }) => congestionMarks,
  },
  pathMtuBytes: {
    title: "path MTU",
    unit: "byte",
    definition:
      "Longest packet that the path takes uncut, with its headers of IP and UDP, as the sender's system knows it " +
      "at the end: from its interface, and from what routers reported (RFC 1191, RFC 8201).",
    value: ({ pathMtuBytes }) => pathMtuBytes,
  },
  oneWayDelay: times(
    "one-way delay",
    "Time from just before the system call that sends a packet until the receiver's kernel has it, by its time stamp: " +
      "RFC 7679. It is exact where both ends have one clock, which they compare by their boot ids. Else it is " +
      "estimated from packets that went both ways. Of what is sent without echo, the server reports min, mean and max.",
    ({ oneWayDelay }: PathFigures) => oneWayDelay,
    "less",
  ),
  oneWayDelayBoundMicros: {
    title: "bound of one-way delays",
    unit: "us",
    definition: "One-way delays of the flow are all off by the same amount, which is at most this; 0 where both ends " +
      "have one clock.",
    value: ({ oneWayDelayBoundNanos }) => toMicros(oneWayDelayBoundNanos),
  },
  ipdv: times(
    "IPDV",
    "Inter-packet delay variation: difference of the one-way delays of packets with neighbouring numbers, without its " +
      "sign: RFC 3393.",
    ({ ipdv }: PathFigures) => ipdv,
    "less",
  ),
  jitterMicros: {
    title: "jitter",
    unit: "us",
    better: "less",
    definition: "Interarrival jitter at the end of the flow: RFC 3550 (6.4.1).",
    value: ({ jitterNanos }) => toMicros(jitterNanos),
  },
} satisfies Figures<PathFigures>;

/** How the clocks of the ends of a UDP flow relate. */
export const CLOCK_FIGURES = {
  clockOffsetMicros: {
    title: "clock offset",
    unit: "us",
    definition: "How far the server's clock is ahead of the client's.",
    value: ({ offsetNanos }) => toMicros(offsetNanos),
  },
  clockOffsetBoundMicros: {
    title: "bound of the clock offset",
    unit: "us",
    definition: "The clock offset is off by at most this; 0 where both ends have one clock.",
    value: ({ boundNanos }) => toMicros(boundNanos),
  },
  clockDrifted: {
    title: "clocks drifted",
    unit: "flag",
    definition: "Whether the clocks drifted apart, or one was set, while the flow ran.",
    value: ({ drifted }) => drifted,
  },
} satisfies Figures<OffsetEstimate>;

/** Counts of packets that were left out of a UDP flow at its client and its server. */
export const REFUSED_FIGURES = {
  bad: {
    title: "bad",
    unit: "packet",
    definition: "Packets that the client received and that were not of the flow, or not signed as they should be.",
    value: ({ bad }) => bad,
  },
  serverBad: {
    title: "bad at the server",
    unit: "packet",
    definition: "The same at the server.",
    value: ({ serverBad }) => serverBad,
  },
} satisfies Figures<Pick<PacketReport, "bad" | "serverBad">>;

/** Figures of a UDP flow in an interval, as its client sees it. */
export const PACKET_INTERVAL_FIGURES = {
  sent: {
    title: "sent",
    unit: "packet",
    definition: "Packets that this client sent in the interval; unknown where the server sends.",
    value: ({ sent }) => sent,
  },
  received: {
    title: "received",
    unit: "packet",
    definition: "Packets and echoes that this client received in the interval, each counted once; unknown where " +
      "nothing comes back.",
    value: ({ received }) => received,
  },
  sendBitsPerSecond: {
    title: "sending",
    unit: "bit/s",
    definition: "UDP payload of the packets sent, by the length of the interval.",
    value: ({ sentBytes, durationMs }) => meanRate(sentBytes, durationMs),
  },
  receiveBitsPerSecond: {
    title: "receiving",
    unit: "bit/s",
    definition: "UDP payload of the packets received, by the length of the interval.",
    value: ({ receivedBytes, durationMs }) => meanRate(receivedBytes, durationMs),
  },
  rtt: times(
    "RTT",
    "Round-trip time, without the time at the server, of echoes that came in the interval.",
    ({ rtt }: PacketInterval) => rtt.quantiles(),
  ),
} satisfies Figures<PacketInterval>;

/** Figures of a UDP flow that a server by hand prints when it is over. */
export const SERVED_PACKET_FIGURES = {
  received: {
    title: "received",
    unit: "packet",
    definition: "Packets of the client's senders that arrived, each counted once.",
    value: ({ received }) => received,
  },
  sent: {
    title: "sent",
    unit: "packet",
    definition: "Echoes, and packets of senders at the server.",
    value: ({ sent }) => sent,
  },
  sendErrors: {
    title: "send errors",
    unit: "packet",
    definition: "Packets that the server's kernel did not take.",
    value: ({ sendErrors }) => sendErrors,
  },
  duplicates: { ...PATH_FIGURES.duplicates, value: ({ duplicates }) => duplicates },
  bad: {
    title: "bad",
    unit: "packet",
    definition: "Packets of the flow that were not signed with its key, and did not count.",
    value: ({ bad }) => bad,
  },
  socketDrops: {
    title: "dropped",
    unit: "packet",
    definition: "Packets of any flow that the server's socket had no room for while the flow ran.",
    value: ({ socketDrops }) => socketDrops,
  },
  congestionMarks: { ...PATH_FIGURES.congestionMarks, value: ({ congestionMarks }) => congestionMarks },
  overRate: {
    title: "over rate",
    unit: "packet",
    definition: "Packets that were dropped since the flow was over the server's --max-rate; only with such a limit.",
    value: ({ overRate }) => overRate,
  },
  bytesReceived: {
    title: "bytes received",
    unit: "byte",
    definition: "UDP payload of the packets that arrived.",
    value: ({ bytesReceived }) => bytesReceived,
  },
  bytesSent: {
    title: "bytes sent",
    unit: "byte",
    definition: "UDP payload of the packets sent.",
    value: ({ bytesSent }) => bytesSent,
  },
  durationSeconds: {
    title: "seconds",
    unit: "s",
    definition: "Time from the first packet of the flow until it was over.",
    value: ({ elapsedNanos }) => toSeconds(elapsedNanos),
  },
} satisfies Figures<ServedPacketReport>;

/** All figures of UDP flows, with their definitions. */
export const PACKET_FIGURE_LISTS: readonly FigureList[] = [
  { protocol: "udp", title: "UDP flows", figures: PACKET_FIGURES },
  { protocol: "udp", title: "UDP flows by direction", within: ["toServer", "fromServer"], figures: PATH_FIGURES },
  { protocol: "udp", title: "clocks of UDP flows", figures: CLOCK_FIGURES },
  { protocol: "udp", title: "packets that UDP flows refused", figures: REFUSED_FIGURES },
  { protocol: "udp", title: "UDP flows by interval", figures: PACKET_INTERVAL_FIGURES },
  { protocol: "udp", title: "latency under load, by phase", figures: LOAD_FIGURES },
  { protocol: "udp", title: "latency under load, of all phases", figures: LOAD_SUMMARY_FIGURES },
  { protocol: "udp", title: "UDP flows at a server by hand", figures: SERVED_PACKET_FIGURES },
];
