/**
 * The samples of flows. A declaration names the columns of a kind, each with its unit; writer, reader and types follow
 * from it. Times are relative to the `tinit` of the flow. Values are whole numbers of up to 53 bits; -1 stands for a
 * value that the kernel does not have. Yes and no are 1 and 0.
 *
 * @module
 */

/** The progress of one end of a TCP flow. */
const streamIO = {
  /** When the write or read ended. */
  t: "ns",
  /** Sent or received until then. */
  total: "bytes",
  /** By the sender, rather than the receiver. */
  sent: "yes",
} as const;

/** The kernel's view of one end of a TCP flow, from its tcp_info. */
const tcpInfo = {
  /** At the server, rather than the client. */
  server: "yes",
  t: "ns",
  /** Established is 1, see tcp_states.h. */
  state: "number",
  /** Of congestion avoidance: open is 0, disorder 1, CWR 2, recovery 3, loss 4. */
  caState: "number",
  /** The smoothed round-trip time. */
  rtt: "us",
  rttvar: "us",
  minRtt: "us",
  /** The receiver's estimate. */
  rcvRtt: "us",
  /** The retransmission timeout. */
  rto: "us",
  cwnd: "segments",
  ssthresh: "segments",
  sndMss: "bytes",
  rcvMss: "bytes",
  /** The path MTU. */
  pmtu: "bytes",
  /** The peer's receive window. */
  sndWnd: "bytes",
  /** Own space for receiving. */
  rcvSpace: "bytes",
  unacked: "segments",
  sacked: "segments",
  lost: "segments",
  /** Retransmitted segments in flight. */
  retrans: "segments",
  /** Timeouts in a row. */
  retransmits: "number",
  /** Segments retransmitted in the whole life of the connection. */
  totalRetrans: "segments",
  reordering: "segments",
  reordSeen: "number",
  dsackDups: "segments",
  delivered: "segments",
  /** Delivered with a congestion mark. */
  deliveredCe: "segments",
  /** -1: not limited. */
  pacingRate: "bytes/s",
  deliveryRate: "bytes/s",
  /** The delivery rate was limited by the application. */
  appLimited: "yes",
  bytesSent: "bytes",
  bytesAcked: "bytes",
  bytesReceived: "bytes",
  bytesRetrans: "bytes",
  /** Written by the application, but not sent yet. */
  notsentBytes: "bytes",
  segsOut: "segments",
  segsIn: "segments",
  /** How long there was data to send. */
  busyTime: "us",
  /** How long of that the peer's receive window was the limit. */
  rwndLimited: "us",
  /** How long of that the own send buffer was the limit. */
  sndbufLimited: "us",
} as const;

/** A packet of a UDP flow that was sent or received, or a burst of such. */
const packetIO = {
  /** The index of the sender in the configuration of the client. */
  sender: "number",
  /** Counted by the sender, from 0 on; of a burst, that of its first packet. */
  seq: "number",
  /**
   * How many packets, numbered one after another: 1; or those of a burst, which went through the kernel as one (GSO); or
   * those that a sender without a pace handed over in one call, all at `t`.
   */
  packets: "number",
  /** Echo wanted is 1, a reply 2, from the server's own sender 8. */
  flag: "bits",
  /** Of one packet, with header and padding, without UDP's and IP's. */
  len: "bytes",
  /** When it was sent or received. */
  t: "ns",
  /** When it should have been sent; for received ones the same as `t`. */
  scheduled: "ns",
  /** Sent, rather than received. */
  sent: "yes",
  /** At the server, rather than the client. */
  server: "yes",
  /** The TOS byte that it arrived with. */
  tos: "bits",
  /** Where `t` is from: this process is 0, the kernel 1, the network card 2. */
  stampSource: "number",
  /**
   * In packets from the server, 0 in all others: when the server received the packet that this one replies to, or when
   * its own sender was to send this one, by its clock; counted from `t` on.
   */
  serverReceived: "ns",
  /** How long it was at the server from then on, by its clock, until it was sent; for its own sender, how late it was. */
  serverTime: "ns",
  /** In replies: how many packets of this sender the server had received by then, each counted once. */
  serverCount: "number",
} as const;

/** How a kind is declared. */
interface Declaration {
  /** In chunks; never used again for something else. */
  readonly id: number;
  /** Units by column, in the order of the columns. */
  readonly columns: Readonly<Record<string, string>>;
  /** Columns that are close to one that is declared before them: the distance takes fewer bytes. */
  readonly near?: Readonly<Record<string, string>>;
}

/** All kinds of samples. */
export const recordKinds = {
  streamIO: { id: 1, columns: streamIO },
  tcpInfo: { id: 2, columns: tcpInfo },
  packetIO: { id: 3, columns: packetIO, near: { scheduled: "t" } },
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
