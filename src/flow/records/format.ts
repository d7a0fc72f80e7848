/**
 * The format of a chunk of samples, the payload of RECORDS frames. All numbers are little endian.
 *
 *     version u8, kind u8, samples u16, columns u8, then for each column:
 *       length of its name u8, its name in ASCII
 *       form u8: bits 0-1 the order, 2-4 the width, 5: relative to another column
 *       if relative: the index of that column u8, a smaller one
 *       the start of the series: the integers of its order, and one more: the smallest of what follows
 *       what follows, each reduced by the smallest, in `width` bytes
 *
 * A column of order 0 has its values, of order 1 the differences of neighbours, of order 2 the differences of these;
 * of order 3 its values as 64-bit floating-point numbers and nothing else. Counters that grow evenly thus take no
 * bytes, and a column never takes more than 8 bytes a value. An integer of the start is a byte (bit 7 the sign, the
 * others how many bytes follow, up to 7), and its magnitude.
 *
 * Fixed widths cost a little more space than variable ones, but no branch for each value.
 *
 * What is sampled of flows. A declaration names the columns of a kind, each with its unit and definition; writer, reader,
 * types and tables follow from it. Times are relative to the `tinit` of the flow. Values are whole numbers of up to 53
 * bits; -1 is a value that the kernel did not report. Yes and no are 1 and 0.
 *
 * @module
 */

/** The version of this format. */
export const CHUNK_VERSION = 1;

/** The largest chunk: with its envelope it fits a frame of 64 KiB. */
export const MAX_CHUNK_BYTES = 60 * 1024;

/** The maximum number of samples of a chunk. */
export const MAX_CHUNK_SAMPLES = 8192;

/** The maximum number of columns of a chunk. */
export const MAX_CHUNK_COLUMNS = 64;

/** Version, kind, samples, columns. */
export const CHUNK_HEAD_BYTES = 5;

/** The order of a column whose values are floating-point numbers. */
export const RAW = 3;

/** The bit of a form for a column that is relative to another one. */
export const RELATIVE = 1 << 5;

/** The bound below which sums and differences of whole numbers are exact. */
export const MAX_EXACT = 2 ** 53;

/** Returns the bytes that a column takes at most beside its values: name, form, other column, three integers. */
export function columnHeadBytes(name: string): number {
  return 1 + name.length + 2 + 3 * 8;
}

/** The unit of a column, and what its values are. */
export type ColumnDeclaration = readonly [
  unit: "ns" | "us" | "bytes" | "bytes/s" | "segments" | "number" | "bits" | "yes",
  definition: string,
];

/** Columns by name, in order. */
type ColumnDeclarations = Readonly<Record<string, ColumnDeclaration>>;

/** The progress of one end of a TCP flow. */
const streamIO = {
  t: ["ns", "When the write or read ended."],
  total: ["bytes", "Bytes of the transfer that this end has sent or received by then."],
  sent: ["yes", "Whether this end sends, rather than receives."],
} as const satisfies ColumnDeclarations;

/** The kernel's view of one end of a TCP flow, from its tcp_info. */
const tcpInfo = {
  server: ["yes", "Whether this is the end at the server."],
  t: ["ns", "When the sample was taken."],
  state: ["number", "State of the connection: 1 is established, see tcp_states.h (tcpi_state)."],
  caState: ["number", "State of congestion avoidance: 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss (tcpi_ca_state)."],
  rtt: ["us", "Smoothed round-trip time, RFC 6298 (tcpi_rtt)."],
  rttvar: ["us", "Variation of the round-trip time, RFC 6298 (tcpi_rttvar)."],
  minRtt: ["us", "Shortest round-trip time of late (tcpi_min_rtt)."],
  rcvRtt: ["us", "The receiver's estimate of the round-trip time (tcpi_rcv_rtt)."],
  rto: ["us", "Retransmission timeout, RFC 6298 (tcpi_rto)."],
  cwnd: ["segments", "Congestion window, RFC 5681 (tcpi_snd_cwnd)."],
  ssthresh: ["segments", "Slow start threshold, RFC 5681 (tcpi_snd_ssthresh)."],
  sndMss: ["bytes", "Largest segment that is sent (tcpi_snd_mss)."],
  rcvMss: ["bytes", "Estimate of the largest segment that is received (tcpi_rcv_mss)."],
  pmtu: ["bytes", "MTU of the path (tcpi_pmtu)."],
  sndWnd: ["bytes", "The peer's receive window (tcpi_snd_wnd)."],
  rcvSpace: ["bytes", "Space for receiving at this end (tcpi_rcv_space)."],
  unacked: ["segments", "Segments that are sent and not acknowledged (tcpi_unacked)."],
  sacked: ["segments", "Segments that are selectively acknowledged, RFC 2018 (tcpi_sacked)."],
  lost: ["segments", "Segments in flight that the kernel takes for lost (tcpi_lost)."],
  retrans: ["segments", "Retransmitted segments in flight (tcpi_retrans)."],
  retransmits: ["number", "Timeouts in a row (tcpi_retransmits)."],
  totalRetrans: ["segments", "Segments retransmitted since the connection began (tcpi_total_retrans)."],
  reordering: ["segments", "Distance of reordering that the kernel allows for (tcpi_reordering)."],
  reordSeen: ["number", "How often reordering was seen since the connection began (tcpi_reord_seen)."],
  dsackDups: [
    "segments",
    "Duplicates that the receiver reported, RFC 2883, since the connection began (tcpi_dsack_dups).",
  ],
  delivered: ["segments", "Segments delivered since the connection began (tcpi_delivered)."],
  deliveredCe: [
    "segments",
    "Segments delivered with a congestion mark since the connection began (tcpi_delivered_ce).",
  ],
  pacingRate: ["bytes/s", "Rate at which the kernel paces segments; absent where it does not (tcpi_pacing_rate)."],
  deliveryRate: ["bytes/s", "Latest sample of the delivery rate (tcpi_delivery_rate)."],
  appLimited: ["yes", "Whether the application limited the delivery rate (tcpi_delivery_rate_app_limited)."],
  bytesSent: ["bytes", "Bytes sent since the connection began, retransmitted ones included (tcpi_bytes_sent)."],
  bytesAcked: ["bytes", "Bytes acknowledged since the connection began (tcpi_bytes_acked)."],
  bytesReceived: ["bytes", "Bytes received since the connection began (tcpi_bytes_received)."],
  bytesRetrans: ["bytes", "Bytes retransmitted since the connection began (tcpi_bytes_retrans)."],
  notsentBytes: ["bytes", "Bytes that the application has written and that are not sent yet (tcpi_notsent_bytes)."],
  segsOut: ["segments", "Segments sent since the connection began (tcpi_segs_out)."],
  segsIn: ["segments", "Segments received since the connection began (tcpi_segs_in)."],
  busyTime: ["us", "How long there was data to send, since the connection began (tcpi_busy_time)."],
  rwndLimited: ["us", "How much of the busy time the peer's receive window was the limit (tcpi_rwnd_limited)."],
  sndbufLimited: ["us", "How much of the busy time the send buffer was the limit (tcpi_sndbuf_limited)."],
  options: [
    "bits",
    "What was negotiated: 1 timestamps, 2 SACK, 4 window scale, 8 ECN, 16 ECN was seen (tcpi_options).",
  ],
  receivedCe: [
    "segments",
    "Segments received with a congestion mark since the connection began (tcpi_received_ce).",
  ],
  deliveredE1Bytes: ["bytes", "Bytes delivered as ECT(1), RFC 9768, as all that follow (tcpi_delivered_e1_bytes)."],
  deliveredE0Bytes: ["bytes", "Bytes delivered as ECT(0) (tcpi_delivered_e0_bytes)."],
  deliveredCeBytes: ["bytes", "Bytes delivered with a congestion mark (tcpi_delivered_ce_bytes)."],
  receivedE1Bytes: ["bytes", "Bytes received as ECT(1) (tcpi_received_e1_bytes)."],
  receivedE0Bytes: ["bytes", "Bytes received as ECT(0) (tcpi_received_e0_bytes)."],
  receivedCeBytes: ["bytes", "Bytes received with a congestion mark (tcpi_received_ce_bytes)."],
} as const satisfies ColumnDeclarations;

/** A packet of a UDP flow that was sent or received, or a burst of such. */
const packetIO = {
  sender: [
    "number",
    "Index of the sender in the configuration of the client; of a packet of the flow's warm-up, that and the number of senders.",
  ],
  seq: [
    "number",
    "Number that the sender gave the packet, from 0, those of a warm-up by themselves; of a burst, that of its first packet.",
  ],
  packets: [
    "number",
    "How many packets, numbered one after another: 1, or those of a burst that went through the kernel as one (GSO) or that a sender without a pace handed over in one call.",
  ],
  flag: ["bits", "Flags of the header: 1 asks for an echo, 2 is a reply, 8 is of the server's own sender."],
  len: ["bytes", "Length of one packet with header and padding, without UDP and IP."],
  t: ["ns", "When it was sent or received."],
  scheduled: ["ns", "When it was to be sent; of received packets when they were received."],
  sent: ["yes", "Whether it was sent, rather than received."],
  server: ["yes", "Whether this is the end at the server."],
  tos: ["bits", "Traffic class that it arrived with: DSCP and ECN."],
  stampSource: ["number", "What took the time: 0 this process, 1 the kernel, 2 the network card."],
  serverReceived: [
    "ns",
    "What packets from the server report: when the server received the packet that this answers, or when its own sender was to send this one, by the server's clock; counted from when this packet was sent or received, 0 for all other packets.",
  ],
  serverTime: [
    "ns",
    "How long it was at the server from then on, by the server's clock; of the server's own sender, how late it was sent.",
  ],
  serverCount: [
    "number",
    "What a reply reports: how many packets of this sender the server had received by then, each counted once.",
  ],
} as const satisfies ColumnDeclarations;

/** A transaction: a request and its response. */
const transactionIO = {
  t: ["ns", "When the response was there as a whole; of a lost one, when it was no longer waited for."],
  latency: [
    "ns",
    "From just before the request was sent until then; of a transaction with a connection of its own, from just before it began to connect.",
  ],
  connect: [
    "ns",
    "How much of that the connection took until it could be written to; absent where it was there before.",
  ],
  lost: ["yes", "Whether no response came in time."],
} as const satisfies ColumnDeclarations;

/** How a kind is declared. */
interface Declaration {
  /** In chunks; never used again for something else. */
  readonly id: number;
  readonly columns: ColumnDeclarations;
  /** Columns that are close to one that is declared before them: the distance takes fewer bytes. */
  readonly near?: Readonly<Record<string, string>>;
}

/** All kinds of samples. */
export const recordKinds = {
  streamIO: { id: 1, columns: streamIO },
  tcpInfo: { id: 2, columns: tcpInfo },
  packetIO: { id: 3, columns: packetIO, near: { scheduled: "t" } },
  transactionIO: { id: 4, columns: transactionIO },
} as const satisfies Record<string, Declaration>;

/** The name of a kind of samples. */
export type RecordKind = keyof typeof recordKinds;

/** The names of the columns of a kind. */
export type ColumnName<K extends RecordKind> = keyof typeof recordKinds[K]["columns"] & string;

/** A sample of a kind. */
export type Sample<K extends RecordKind> = Record<ColumnName<K>, number>;

/** The samples of a chunk, by column. */
export type Columns<K extends RecordKind> = Readonly<Record<ColumnName<K>, Float64Array>>;

/** The declaration of a kind. */
export function declarationOf(kind: RecordKind): Declaration {
  return recordKinds[kind];
}

/** The kind of an id; undefined for one of a newer version. */
export function recordKindOf(id: number): RecordKind | undefined {
  return (Object.keys(recordKinds) as RecordKind[]).find((kind) => recordKinds[kind].id === id);
}
