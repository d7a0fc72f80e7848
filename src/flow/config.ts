/**
 * What can be said about flows. Plans, the command line and programs all come down to these. Decoded, durations are
 * milliseconds, sizes bytes; in a plan they are texts with units, for which the types have parameters.
 *
 * @module
 */
import type { Rate } from "../base/rate.ts";

/** An option of a socket by its numbers, for those that have no name here. */
export interface SocketOption {
  readonly type: "string" | "int" | "byte";
  /** As in C: `SOL_SOCKET` is 1, `IPPROTO_TCP` 6, `IPPROTO_IP` 0, `IPPROTO_IPV6` 41. */
  readonly level: number;
  readonly opt: number;
  /** For messages: `SO_PRIORITY`. */
  readonly name: string;
  readonly value: string | number;
}

/** The ends of a flow. */
export type FlowSide = "client" | "server";

/** An option of a TCP flow's sockets. */
export interface StreamSocketOption extends SocketOption {
  /** At which end it is set. Default: at that of the sender */
  readonly side?: FlowSide | "both";
}

/** Where a server listens. */
export interface ListenConfig<Protocol extends string> {
  /** `HOST:PORT`; port 0 lets the system choose; IPv6 addresses in brackets; `:PORT` listens on the loopback. */
  readonly listenAddr: string;
  /** The Feedback key that gets the address that was bound. */
  readonly listenAddrKey?: string;
  readonly protocol?: Protocol;
  /** Only clients with the key of the run are served. Default: true */
  readonly hmac?: boolean;
}

/** Where a client connects to: exactly one of the two. */
export interface DialConfig<Protocol extends string> {
  /** `HOST:PORT` */
  readonly addr?: string;
  /** The Feedback key that has the address. */
  readonly addrKey?: string;
  readonly protocol?: Protocol;
  /** Prove to have the key of the run; as the server has it. Default: true */
  readonly hmac?: boolean;
}

/** Whether TCP over IPv4, IPv6, or what the address says. */
export type StreamProtocol = "tcp" | "tcp4" | "tcp6";
/** Whether UDP over IPv4, IPv6, or what the address says. */
export type PacketProtocol = "udp" | "udp4" | "udp6";

/** A server of TCP flows. */
export type StreamServerConfig = ListenConfig<StreamProtocol>;

/** A transfer in one direction, and the stream that it goes over. */
export interface TransferConfig<Duration = number, Size = number> {
  /** The flow's id. */
  readonly flow: string;
  /** The sender stops after this long; 1 minute if there is no length either. */
  readonly duration?: Duration;
  /** The sender stops after so many bytes. */
  readonly length?: Size;
  /** The least time between samples of bytes sent and received; 0: every read and write. Default: 100 */
  readonly sampleIOInterval?: Duration;
  /** The time between samples of the kernel's tcp_info; none when absent, except for one at the end. */
  readonly tcpInfoInterval?: Duration;
  /** The length of reads and writes. Default: 128 KiB */
  readonly bufLen?: Size;
  /** The sender's congestion control. */
  readonly cca?: string;
  /** Differentiated services code point, 0 to 63. */
  readonly dscp?: number;
  /** Of the server's socket, few options may be set. */
  readonly sockopt?: readonly StreamSocketOption[];
}

/** A client of TCP flows: exactly one of upload and download. */
export interface StreamClientConfig<Duration = number, Size = number> extends DialConfig<StreamProtocol> {
  readonly upload?: TransferConfig<Duration, Size>;
  readonly download?: TransferConfig<Duration, Size>;
}

/** A server of UDP flows: echoes and counts. */
export interface PacketServerConfig<Size = number> extends ListenConfig<PacketProtocol> {
  /** Default: 1480 */
  readonly maxPacketSize?: Size;
}

/** Sends on schedule whatever the network does. */
export interface UnresponsiveConfig<Duration = number, Size = number, R = Rate> {
  /** Between packets, cycled or drawn. Default: 200 */
  readonly wait?: readonly Duration[];
  /** Draw the waits. */
  readonly randomWait?: boolean;
  /** Wait before the first packet as well. */
  readonly waitFirst?: boolean;
  /** Instead of waits: bits or packets per second, such as `10Mbps`, `1000pps`, or as fast as possible. */
  readonly rate?: R;
  /** Lengths of packets, header included; cycled or drawn. Default: the header alone. */
  readonly length?: readonly Size[];
  /** Draw the lengths. */
  readonly randomLength?: boolean;
  /** It stops after this long. */
  readonly duration: Duration;
  /** Ask the server to echo each packet. */
  readonly echo?: boolean;
  /** Hand several packets at a time to the kernel (UDP GSO): faster, recorded as one burst. */
  readonly gso?: boolean;
  /** From the server to the client instead, once the client's address has proved itself. */
  readonly reverse?: boolean;
}

/** A sender of packets: exactly one kind. */
export interface PacketSenderConfig<Duration = number, Size = number, R = Rate> {
  readonly unresponsive?: UnresponsiveConfig<Duration, Size, R>;
}

/** A client of UDP flows. */
export interface PacketClientConfig<Duration = number, Size = number, R = Rate> extends DialConfig<PacketProtocol> {
  readonly flow: string;
  /** Default: 1480 */
  readonly maxPacketSize?: Size;
  /** At the same time. */
  readonly sender: readonly PacketSenderConfig<Duration, Size, R>[];
  /** Differentiated services code point, 0 to 63. */
  readonly dscp?: number;
  /** Explicit congestion notification: 0 to 3. */
  readonly ecn?: number;
  readonly sockopt?: readonly SocketOption[];
}

/** What a flow's id looks like. */
export const FLOW_ID = /^[a-z][a-z0-9.-]{0,15}$/;

/** What the name of a congestion control looks like; the kernel keeps 15 characters. */
export const CCA_NAME = /^[a-z][a-z0-9_-]{0,14}$/;
