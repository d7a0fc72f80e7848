/**
 * What the ends of a flow report: a few times a second while it runs, and at its end. Units are in the names. The
 * numbers that travel and are stored are made and read by {@linkcode encodeReport} and {@linkcode decodeReport} of
 * report_values.ts alone.
 *
 * @module
 */
import { TineError } from "../base/errors.ts";

/** What a client has at the end of its flow. */
export type FlowReport = StreamReport | PacketReport | TransactionReport;

/** What an end reports of a flow: {@linkcode FlowReport} at the end of a client, all others beside and before. */
export type FlowProgress =
  | StreamProgress
  | StreamReport
  | ServedStreamReport
  | PacketReport
  | ServedPacketReport
  | TransactionReport
  | ServedTransactionReport;

/** What the sender of a TCP flow learns from its kernel. Absent: the kernel does not report it. */
export interface ConnectionReport {
  /** Segments that were sent again: tcpi_total_retrans. */
  readonly retransmits?: number;
  /** The smoothed round-trip time: tcpi_rtt. */
  readonly rttMicros?: number;
  /** How round-trip times vary: tcpi_rttvar. */
  readonly rttVarMicros?: number;
  /** The least round-trip time: tcpi_min_rtt. */
  readonly minRttMicros?: number;
  /** The congestion window: segments by the maximum segment size. */
  readonly cwndBytes?: number;
  /** 1: both ends speak ECN; 0: they do not: tcpi_options. */
  readonly ecn?: number;
  /** Segments of which acknowledgements reported a congestion mark: tcpi_delivered_ce. */
  readonly congestionMarks?: number;
  /** Bytes that accurate ECN reported as marked, RFC 9768: tcpi_delivered_ce_bytes. */
  readonly congestionMarkedBytes?: number;
  /** How long there was data to send: tcpi_busy_time. */
  readonly busyMicros?: number;
  /** How long of that the receiver's window was full: tcpi_rwnd_limited. */
  readonly receiveWindowMicros?: number;
  /** How long of that the sender's buffer was full: tcpi_sndbuf_limited. */
  readonly sendBufferMicros?: number;
}

/** What the sender of a TCP flow reports to the other end when all has arrived. */
export interface SenderReport extends ConnectionReport {
  /** How long the server's thread computed; absent at a client. */
  readonly serverCpuNanos?: number;
}

/** What either end of a TCP flow reports while it runs. */
export interface StreamProgress extends ConnectionReport {
  readonly kind: "streamProgress";
  /** Which end of the transfer reports. */
  readonly role: "sender" | "receiver";
  /** Since this end was ready. */
  readonly elapsedNanos: number;
  /** How much of that is the warm-up, which is in no figure; absent without one. */
  readonly warmupNanos?: number;
  /** Sent or received until now. */
  readonly bytes: number;
  /** Since the report before. */
  readonly goodputBitsPerSecond: number;
}

/** What both ends of a TCP flow have at its end. */
interface StreamEndReport extends SenderReport {
  /** Bytes that arrived, as the receiver counted them; of a flow that was cut, those that this end sent or received. */
  readonly bytes: number;
  /** From when the receiver was ready until it had the last byte. */
  readonly durationNanos: number;
  /** Of the whole flow. */
  readonly goodputBitsPerSecond: number;
}

/** What the client of a TCP flow has at its end. */
export interface StreamReport extends StreamEndReport {
  readonly kind: "stream";
  /** From the client's first step to connect until it knew that all had arrived, without `keyProofNanos`. */
  readonly fctNanos: number;
  /** From the connection until the client could prove its key; absent without a key. */
  readonly keyProofNanos?: number;
}

/** What the server of a TCP flow has at its end. */
export interface ServedStreamReport extends StreamEndReport {
  readonly kind: "servedStream";
  /** Whether the flow came to its end; if not, the figures are of this end alone. */
  readonly complete: boolean;
}

/**
 * Counts of the packets of one sender, or of all. A packet that came more than once is counted once, and under
 * `duplicates` for each other time.
 */
export interface PacketCounts {
  /** Packets that a sender at the client sent; 0 for one at the server. */
  readonly sent: number;
  /** Packets that the sender's kernel did not take. */
  readonly sendErrors: number;
  /** Packets that were due, but that the sender did not get to. */
  readonly unsent: number;
  /** What the client received: echoes, or packets of a sender at the server. */
  readonly received: number;
  /** What it received again. */
  readonly duplicates: number;
  /** What the server received; before the end, by the last echo. */
  readonly serverReceived: number;
  /** What the server received again. */
  readonly serverDuplicates: number;
  /** Packets that a sender at the server sent; before the end, up to the last one that arrived. */
  readonly serverSent: number;
  /** Echoes that the server could not send. */
  readonly serverSendErrors: number;
  /** Lost on the way to the server; before the end, up to the last packet that was echoed. */
  readonly lostToServer: number;
  /** Lost on the way from the server. */
  readonly lostFromServer: number;
}

/** Counts of one sender. */
export interface PacketSenderReport extends PacketCounts {
  /** Packets that arrived at the server marked "congestion experienced"; absent if the server does not see marks. */
  readonly serverCongestionMarks?: number;
  /** When packets without an echo arrived at the server; absent before the end. */
  readonly arrivals?: ArrivalTotals;
}

/** Count, least, mean and greatest of times of which single ones are not kept; in nanoseconds. */
export interface TimeSpread {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

/** When the packets of a sender arrived, all together. Times are nanoseconds. */
export interface ArrivalTotals {
  /** Arrived after one with a higher number: RFC 4737, 3. */
  readonly reordered: number;
  /** From sending to arrival, by the clock of each end. */
  readonly delay: TimeSpread;
  /**
   * The difference of the delays of neighbours by number that arrived one after the other, without its sign: RFC 3393;
   * absent if there were none.
   */
  readonly ipdv?: TimeSpread;
  /** Of neighbours by arrival: RFC 3550, 6.4.1. */
  readonly jitterNanos: number;
}

/** How far a server's clock is ahead of the client's, in nanoseconds: no packet arrives before it was sent. */
export interface ClockBounds {
  readonly least: number;
  readonly most: number;
}

/** What a receiver of a group knows of the packets that were sent since its first announcement of the flow. */
export interface GroupReception {
  /** Packets that were sent; before the end, up to the last one known. */
  readonly expected: number;
  /** When they arrived; absent if none did. */
  readonly arrivals?: ArrivalTotals;
  /** How far the receiver's clock is ahead of the sender's: 0 both ways where they share one; absent: not known. */
  readonly clock?: ClockBounds;
}

/** What a receiver of a group has reported of the packets of a sender. */
export interface ReceivedFromSender extends GroupReception {
  /** Packets that came, each counted once. */
  readonly received: number;
  readonly duplicates: number;
  /** Packets, of any flow, that its socket had no room for while the flow ran. */
  readonly socketDrops: number;
  /** Packets that arrived marked "congestion experienced"; absent if the receiver does not see marks. */
  readonly congestionMarks?: number;
}

/** A receiver of a group, as it has reported to the sender. */
export interface ReceiverReport {
  /** Where its reports come from. */
  readonly address: string;
  /** Whether it has reported what it counted until the end. */
  readonly complete: boolean;
  /** By index in the configuration of the sender; absent: of that, nothing has come. */
  readonly senders: readonly (ReceivedFromSender | undefined)[];
}

/** What the sender of a flow to a group knows of its receivers. */
export interface GroupReport {
  /** Whether all was sent, and the end was announced. */
  readonly ended: boolean;
  /** Those that report, in the order in which they did first; they need a key. Not stored: in a test, they record. */
  readonly receivers: readonly ReceiverReport[];
}

/** Round-trip times of echoes, without the time at the server. */
export interface RttSummary {
  /** As TCP smooths it: RFC 6298. */
  readonly smoothedMicros: number;
  readonly minMicros: number;
  readonly meanMicros: number;
  readonly maxMicros: number;
  readonly lastMicros: number;
}

/** What the client of a UDP flow knows: while it runs, and at its end. */
export interface PacketReport {
  readonly kind: "packets";
  /**
   * Whether the flow came to its end, and the server has reported its counts. Before that, counts of the server and of
   * losses are those of the last echo.
   */
  readonly complete: boolean;
  /** Since the senders started, until the last of them has ended. */
  readonly elapsedNanos: number;
  /** How much of that is the warm-up, which is in no figure; absent without one. */
  readonly warmupNanos?: number;
  /** By index in the configuration of the client; with a warm-up, as many more have the counts of that. */
  readonly senders: readonly PacketSenderReport[];
  /** Of packets of the client's senders: payloads of UDP. */
  readonly bytesSent: number;
  /** Of packets that the client received for the first time. */
  readonly bytesReceived: number;
  /** Packets that the client got and that were not of the flow, or not signed as they should be. */
  readonly bad: number;
  /** The same at the server. */
  readonly serverBad: number;
  /** Packets that the client's socket had no room for. */
  readonly socketDrops: number;
  /** Packets, of any flow, that the server's socket had no room for while the flow ran. */
  readonly serverSocketDrops: number;
  /** The MTU of the path to the server as the client's system knows it, in bytes with the IP header; absent: unknown. */
  readonly pathMtuBytes?: number;
  /** The same of the path from the server, as that has reported it at the end. */
  readonly serverPathMtuBytes?: number;
  /** The server does not count packets: `lostFromServer` has those that were lost in either direction. Absent: it does. */
  readonly uncounted?: boolean;
  /** Absent without echoes. */
  readonly rtt?: RttSummary;
  /** As the server's answers at the end bound it; absent before. */
  readonly serverClock?: ClockBounds;
  /** Of a flow to a group, of which no server reports: `complete` is false. Absent: there is one server. */
  readonly group?: GroupReport;
  /** Of packets since the report before; absent at the end. */
  readonly rates?: { readonly sentBitsPerSecond: number; readonly receivedBitsPerSecond: number };
}

/** What the server of a UDP flow knows: while it runs, and at its end. */
export interface ServedPacketReport {
  readonly kind: "servedPackets";
  /** Whether the flow runs, its client has closed it, or it ended without a close. */
  readonly state: "running" | "closed" | "unclosed";
  readonly elapsedNanos: number;
  /** Packets of the client's senders, each counted once. */
  readonly received: number;
  /** Packets that came again. */
  readonly duplicates: number;
  /** Echoes, and packets of senders at the server. */
  readonly sent: number;
  /** Packets that the kernel did not take. */
  readonly sendErrors: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Packets of the flow that were not signed as they should be. */
  readonly bad: number;
  /** Packets, of any flow, that the socket had no room for while the flow ran. */
  readonly socketDrops: number;
  /** Packets that arrived marked "congestion experienced"; absent if marks are not seen. */
  readonly congestionMarks?: number;
  /** Packets that were dropped since the flow was over the rate that its server lets it have; absent without a limit. */
  readonly overRate?: number;
  /** Of a receiver of a group, whose counts leave out a warm-up. Absent: of the server of a client. */
  readonly group?: GroupReception;
}

/** What the client of requests and responses knows: while it runs, and at its end. Records have each transaction. */
export interface TransactionReport {
  readonly kind: "transactions";
  /** Whether the flow came to its end. */
  readonly complete: boolean;
  /** From the first request until the last transaction was over. */
  readonly elapsedNanos: number;
  /** How much of that is the warm-up, which is in no figure; absent without one. */
  readonly warmupNanos?: number;
  /** Transactions that have their response. */
  readonly transactions: number;
  /** Transactions without a response in time: of UDP alone. */
  readonly lost: number;
  /** Since the report before; at the end, of the whole flow. */
  readonly transactionsPerSecond: number;
  /** Of all transactions so far; absent before the first one. */
  readonly latency?: Pick<RttSummary, "minMicros" | "meanMicros" | "maxMicros">;
  /** The number of requests that the server has answered, as it counted them; absent before the end, and over UDP. */
  readonly serverTransactions?: number;
  /** How long the server's thread computed until the end; absent before that, and where it is not known. */
  readonly serverCpuNanos?: number;
}

/** What the server of requests and responses over TCP has at the end of a flow. */
export interface ServedTransactionReport {
  readonly kind: "servedTransactions";
  /** Whether the client has ended it. */
  readonly complete: boolean;
  readonly elapsedNanos: number;
  /** Requests that were answered. */
  readonly transactions: number;
  /** Connections over which they came. */
  readonly connections: number;
}

/** The names of the counts of packets. */
export const PACKET_COUNTS = [
  "sent",
  "sendErrors",
  "unsent",
  "received",
  "duplicates",
  "serverReceived",
  "serverDuplicates",
  "serverSent",
  "serverSendErrors",
  "lostToServer",
  "lostFromServer",
] as const satisfies readonly (keyof PacketCounts)[];

/**
 * The counts of all senders of a flow together.
 *
 * @example
 * ```ts
 * import { type PacketSenderReport, sumCounts } from "./report.ts";
 * const senders: PacketSenderReport[] = [];
 * console.assert(sumCounts(senders).lostToServer === 0);
 * ```
 */
export function sumCounts(senders: readonly PacketCounts[]): PacketCounts {
  const sum = (key: keyof PacketCounts) => senders.reduce((total, { [key]: count }) => total + count, 0);
  return Object.fromEntries(PACKET_COUNTS.map((key) => [key, sum(key)])) as Record<keyof PacketCounts, number>;
}

/**
 * The report of a client of one kind.
 *
 * @throws {TineError} `flow-failed`, if it ended without one
 */
export function reportOf<K extends FlowReport["kind"]>(
  kind: K,
  report: FlowReport | undefined,
): Extract<FlowReport, { kind: K }> {
  if (report?.kind === kind) return report as Extract<FlowReport, { kind: K }>;
  throw new TineError("flow-failed", `a flow ended with ${report?.kind ?? "no report"}, expected a report of ${kind}`);
}
