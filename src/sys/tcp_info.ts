import { IPPROTO_TCP, TCP_INFO } from "./constants.ts";
import type { Socket } from "./socket.ts";

/** Bits of tcpi_options: both ends speak ECN; a packet came that could be marked. */
export const TCPI_OPT_ECN = 8, TCPI_OPT_ECN_SEEN = 16;

/** Where a field stands in struct tcp_info of linux/tcp.h, and how long it is, in bits. */
type Place = readonly [c: string, offsetBytes: number, bits: 1 | 8 | 32 | 64];

/**
 * The fields that are read, with their places. New kernels only add to the end of the structure: older kernels
 * return less of it, newer kernels more.
 */
export const tcpInfoPlaces = {
  /** Established is 1, see tcp_states.h. */
  state: ["tcpi_state", 0, 8],
  /** Of congestion avoidance: open is 0, disorder 1, CWR 2, recovery 3, loss 4. */
  caState: ["tcpi_ca_state", 1, 8],
  /** Timeouts in a row. */
  retransmits: ["tcpi_retransmits", 2, 8],
  /** What was negotiated: {@linkcode TCPI_OPT_ECN}, ... */
  options: ["tcpi_options", 5, 8],
  /** 1: the delivery rate was limited by the application. */
  appLimited: ["tcpi_delivery_rate_app_limited", 7, 1],
  /** The retransmission timeout, in µs. */
  rto: ["tcpi_rto", 8, 32],
  /** In bytes. */
  sndMss: ["tcpi_snd_mss", 16, 32],
  /** In bytes. */
  rcvMss: ["tcpi_rcv_mss", 20, 32],
  /** In segments, as the following three. */
  unacked: ["tcpi_unacked", 24, 32],
  sacked: ["tcpi_sacked", 28, 32],
  lost: ["tcpi_lost", 32, 32],
  /** Retransmitted segments in flight. */
  retrans: ["tcpi_retrans", 36, 32],
  /** The path MTU, in bytes. */
  pmtu: ["tcpi_pmtu", 60, 32],
  /** The smoothed round-trip time, in µs. */
  rtt: ["tcpi_rtt", 68, 32],
  /** In µs. */
  rttvar: ["tcpi_rttvar", 72, 32],
  /** In segments; 2147483647 while not set. */
  ssthresh: ["tcpi_snd_ssthresh", 76, 32],
  /** In segments. */
  cwnd: ["tcpi_snd_cwnd", 80, 32],
  /** In segments. */
  reordering: ["tcpi_reordering", 88, 32],
  /** The receiver's estimate of the round-trip time, in µs. */
  rcvRtt: ["tcpi_rcv_rtt", 92, 32],
  /** Own space for receiving, in bytes. */
  rcvSpace: ["tcpi_rcv_space", 96, 32],
  /** Segments retransmitted in the whole life of the connection. */
  totalRetrans: ["tcpi_total_retrans", 100, 32],
  /** In bytes/s; -1: not limited. */
  pacingRate: ["tcpi_pacing_rate", 104, 64],
  bytesAcked: ["tcpi_bytes_acked", 120, 64],
  bytesReceived: ["tcpi_bytes_received", 128, 64],
  segsOut: ["tcpi_segs_out", 136, 32],
  segsIn: ["tcpi_segs_in", 140, 32],
  /** Written by the application, but not sent yet. */
  notsentBytes: ["tcpi_notsent_bytes", 144, 32],
  /** In µs; -1 before the first measurement. */
  minRtt: ["tcpi_min_rtt", 148, 32],
  /** In bytes/s. */
  deliveryRate: ["tcpi_delivery_rate", 160, 64],
  /** How long there was data to send, in µs. */
  busyTime: ["tcpi_busy_time", 168, 64],
  /** How long of that the peer's receive window was the limit, in µs. */
  rwndLimited: ["tcpi_rwnd_limited", 176, 64],
  /** How long of that the own send buffer was the limit, in µs. */
  sndbufLimited: ["tcpi_sndbuf_limited", 184, 64],
  /** In segments. */
  delivered: ["tcpi_delivered", 192, 32],
  /** Segments delivered with a congestion mark. */
  deliveredCe: ["tcpi_delivered_ce", 196, 32],
  bytesSent: ["tcpi_bytes_sent", 200, 64],
  bytesRetrans: ["tcpi_bytes_retrans", 208, 64],
  /** In segments. */
  dsackDups: ["tcpi_dsack_dups", 216, 32],
  reordSeen: ["tcpi_reord_seen", 220, 32],
  /** The peer's receive window, in bytes. */
  sndWnd: ["tcpi_snd_wnd", 228, 32],
  /** Segments that were received with a congestion mark; these and the counters of bytes of RFC 9768 since Linux 6.18. */
  receivedCe: ["tcpi_received_ce", 248, 32],
  /** Bytes delivered as ECT(1), ECT(0) and with a congestion mark, as the receiver reported; they wrap at 32 bits. */
  deliveredE1Bytes: ["tcpi_delivered_e1_bytes", 252, 32],
  deliveredE0Bytes: ["tcpi_delivered_e0_bytes", 256, 32],
  deliveredCeBytes: ["tcpi_delivered_ce_bytes", 260, 32],
  /** Bytes that were received as such. */
  receivedE1Bytes: ["tcpi_received_e1_bytes", 264, 32],
  receivedE0Bytes: ["tcpi_received_e0_bytes", 268, 32],
  receivedCeBytes: ["tcpi_received_ce_bytes", 272, 32],
} as const satisfies Record<string, Place>;

/** The state of a TCP connection in the kernel, tcp(7): whole numbers; -1 for fields that the kernel does not have. */
export type TcpInfo = Record<keyof typeof tcpInfoPlaces, number>;

/**
 * Whether both ends of a connection speak ECN, RFC 3168 or 9768.
 *
 * @param options tcpi_options
 * @returns undefined where the kernel did not report it
 */
export function hasEcn({ options }: Pick<TcpInfo, "options">): boolean | undefined {
  return options >= 0 ? (options & TCPI_OPT_ECN) !== 0 : undefined;
}

/**
 * The bytes of a connection that its receiver reported as marked, by the counters of accurate ECN (RFC 9768).
 *
 * @returns undefined where the kernel has no such counters, or the ends do not use them: then all are 0
 */
export function markedBytes(
  { deliveredE0Bytes, deliveredE1Bytes, deliveredCeBytes }: Pick<
    TcpInfo,
    "deliveredE0Bytes" | "deliveredE1Bytes" | "deliveredCeBytes"
  >,
): number | undefined {
  return deliveredE0Bytes > 0 || deliveredE1Bytes > 0 || deliveredCeBytes > 0 ? deliveredCeBytes : undefined;
}

const places = Object.entries(tcpInfoPlaces) as [keyof TcpInfo, Place][];

/** More than the structure of any kernel so far. */
const MAX_BYTES = 512;

/**
 * Samples TCP connections: any number of sockets of a thread, one after another.
 *
 * @example
 * ```ts
 * import { Socket } from "./socket.ts";
 * import { TcpInfoSampler } from "./tcp_info.ts";
 * const sampler = new TcpInfoSampler();
 * using socket = Socket.open("tcp", "ipv4");
 * console.log(sampler.sample(socket).rtt, "µs");
 * ```
 */
export class TcpInfoSampler {
  readonly #bytes = new Uint8Array(MAX_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);

  /**
   * Asks the kernel.
   *
   * @param into the object to fill, a new object by default
   * @throws {SystemError}
   */
  sample(socket: Socket, into: TcpInfo = {} as TcpInfo): TcpInfo {
    const length = socket.getOptionBytes(IPPROTO_TCP, TCP_INFO, "TCP_INFO", this.#bytes);
    return decodeTcpInfo(this.#view, length, into);
  }
}

/**
 * Reads a struct tcp_info.
 *
 * @param view starts with the structure
 * @param lengthBytes the length that the kernel returned
 * @param into the object to fill
 */
export function decodeTcpInfo(view: DataView, lengthBytes: number, into: TcpInfo = {} as TcpInfo): TcpInfo {
  for (const [name, [, at, bits]] of places) {
    if (at + Math.ceil(bits / 8) > lengthBytes) into[name] = -1;
    else if (bits === 32) into[name] = view.getUint32(at, true);
    else if (bits === 64) into[name] = uint64(view, at);
    else into[name] = bits === 8 ? view.getUint8(at) : view.getUint8(at) & 1;
  }
  // All bits are set without a sample; other fields of 32 bits have no such value.
  if (into.minRtt === 0xffff_ffff) into.minRtt = -1;
  return into;
}

/** Reads 64 bits, exact up to 2^53; -1 if all are set, which means no limit. */
function uint64(view: DataView, at: number): number {
  const low = view.getUint32(at, true), high = view.getUint32(at + 4, true);
  return low === 0xffff_ffff && high === 0xffff_ffff ? -1 : high * 2 ** 32 + low;
}
