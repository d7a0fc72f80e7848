/**
 * The options of sockets that flows use, each described in socket(7), ip(7), ipv6(7), tcp(7) or udp(7) under its name.
 *
 * @example
 * ```ts
 * import { Socket } from "./socket.ts";
 * import { noDelay } from "./socket_options.ts";
 * using socket = Socket.open("tcp", "ipv6");
 * socket.set(noDelay, true);
 * console.assert(socket.get(noDelay));
 * ```
 *
 * @module
 */
import * as c from "./constants.ts";
import { linger as lingerLayout } from "./layouts.ts";
import { flagOption, intOption, type SocketOption, textOption } from "./socket_option.ts";

/** A port may be bound although old connections on it wait for their end. */
export const reuseAddress = flagOption(c.SOL_SOCKET, c.SO_REUSEADDR, "SO_REUSEADDR");
/** The send buffer, in bytes. The kernel doubles what is set, for its own needs, and keeps to net.core.wmem_max. */
export const sendBufferBytes = intOption(c.SOL_SOCKET, c.SO_SNDBUF, "SO_SNDBUF");
/** The receive buffer, in bytes. The kernel doubles what is set, for its own needs, and keeps to net.core.rmem_max. */
export const receiveBufferBytes = intOption(c.SOL_SOCKET, c.SO_RCVBUF, "SO_RCVBUF");
/** All packets go through the interface of this name. */
export const bindToDevice = textOption(c.SOL_SOCKET, c.SO_BINDTODEVICE, "SO_BINDTODEVICE", c.IF_NAMESIZE);
/** The kernel's time of arrival comes with each packet, see ReceiveBatch. */
export const receiveTimestamps = flagOption(c.SOL_SOCKET, c.SO_TIMESTAMPNS, "SO_TIMESTAMPNS");
/** How many packets the receive buffer had no room for comes with each packet, see ReceiveBatch. */
export const receiveDrops = flagOption(c.SOL_SOCKET, c.SO_RXQ_OVFL, "SO_RXQ_OVFL");

/** What closing does with data that are not sent yet: undefined, the kernel sends them; 0 seconds: reset. */
export const lingerSeconds: SocketOption<number | undefined> = {
  name: "SO_LINGER",
  level: c.SOL_SOCKET,
  number: c.SO_LINGER,
  maxBytes: lingerLayout.sizeBytes,
  encode: (seconds) => new Uint8Array(Int32Array.of(seconds === undefined ? 0 : 1, seconds ?? 0).buffer),
  decode(bytes) {
    const [on, seconds] = new Int32Array(bytes.buffer, bytes.byteOffset, 2);
    return on === 0 ? undefined : seconds;
  },
};

/** Small segments are sent at once, rather than when the peer has acknowledged (Nagle). */
export const noDelay = flagOption(c.IPPROTO_TCP, c.TCP_NODELAY, "TCP_NODELAY");
/** The largest segment, in bytes. */
export const maxSegmentBytes = intOption(c.IPPROTO_TCP, c.TCP_MAXSEG, "TCP_MAXSEG");
/** The congestion control algorithm; set it with setCongestionControl(). */
export const congestionControl = textOption(c.IPPROTO_TCP, c.TCP_CONGESTION, "TCP_CONGESTION", c.TCP_CA_NAME_MAX);
/** A connection breaks when data were not acknowledged for so many milliseconds; 0: the system's rule. */
export const userTimeoutMs = intOption(c.IPPROTO_TCP, c.TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT");
/** A socket is writable only while less than this waits to be sent, in bytes. */
export const notSentLowWaterBytes = intOption(c.IPPROTO_TCP, c.TCP_NOTSENT_LOWAT, "TCP_NOTSENT_LOWAT");

/** What is sent in one message goes out in packets of so many bytes (GSO); 0: as one. */
export const segmentBytes = intOption(c.IPPROTO_UDP, c.UDP_SEGMENT, "UDP_SEGMENT");
/** Packets of one length that come together are received in one message (GRO), see ReceiveBatch. */
export const receiveOffload = flagOption(c.IPPROTO_UDP, c.UDP_GRO, "UDP_GRO");

/** An IPv6 socket takes no IPv4. Before bind. */
export const v6Only = flagOption(c.IPPROTO_IPV6, c.IPV6_V6ONLY, "IPV6_V6ONLY");
