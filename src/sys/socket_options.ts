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
import { TineError } from "../base/errors.ts";
import { linger as lingerLayout } from "./layouts.ts";
import { Errno, SystemError } from "./errno.ts";
import type { Socket } from "./socket.ts";

/** An option of sockets: what it is called, and how its value lies in memory. Socket.set() and get() take it. */
export interface SocketOption<T> {
  /** Its name in C. */
  readonly name: string;
  /** Of which protocol it is. */
  readonly level: number;
  /** Its number on that level. */
  readonly number: number;
  /** The longest value, in bytes. */
  readonly maxBytes: number;
  /** @throws {TineError} `invalid-socket-option`: it is no value of this option */
  encode(value: T): Uint8Array<ArrayBuffer>;
  decode(bytes: Uint8Array<ArrayBuffer>): T;
}

/** An option that is a whole number of 32 bits. */
export function intOption(level: number, number: number, name: string): SocketOption<number> {
  return {
    name,
    level,
    number,
    maxBytes: 4,
    encode(value) {
      // Also unsigned numbers.
      if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32) throw invalid(name, value, "32 bits");
      return new Uint8Array(Int32Array.of(value).buffer);
    },
    // The kernel answers some options, IP_TOS among them, with one byte if one byte was requested.
    decode: (bytes) => bytes.length >= 4 ? viewOf(bytes).getInt32(0, true) : bytes[0] ?? 0,
  };
}

/** An option that is on or off. */
export function flagOption(level: number, number: number, name: string): SocketOption<boolean> {
  const int = intOption(level, number, name);
  return { ...int, encode: (value) => int.encode(value ? 1 : 0), decode: (bytes) => int.decode(bytes) !== 0 };
}

/** An option of one byte, 0 to 255. */
export function byteOption(level: number, number: number, name: string): SocketOption<number> {
  return {
    name,
    level,
    number,
    maxBytes: 1,
    encode(value) {
      if (!Number.isInteger(value) || value < 0 || value > 255) throw invalid(name, value, "one byte, 0 to 255");
      return Uint8Array.of(value);
    },
    decode: (bytes) => bytes[0] ?? 0,
  };
}

/**
 * An option that is text.
 *
 * @param maxBytes its longest value, with the zero at the end
 */
export function textOption(level: number, number: number, name: string, maxBytes = 256): SocketOption<string> {
  return {
    name,
    level,
    number,
    maxBytes,
    encode(value) {
      const bytes = new TextEncoder().encode(value);
      if (bytes.length >= maxBytes || bytes.includes(0)) throw invalid(name, value, `at most ${maxBytes - 1} bytes`);
      return bytes;
    },
    decode(bytes) {
      const end = bytes.indexOf(0);
      return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
    },
  };
}

function invalid(name: string, value: string | number, expected: string): TineError {
  return new TineError("invalid-socket-option", `${JSON.stringify(value)} is no value of ${name}: ${expected}`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A port may be bound although old connections on it wait for their end. */
export const reuseAddress = flagOption(c.SOL_SOCKET, c.SO_REUSEADDR, "SO_REUSEADDR");
/** Sockets of one user that all have this share a port. The kernel chooses one for each packet or connection. */
export const reusePort = flagOption(c.SOL_SOCKET, c.SO_REUSEPORT, "SO_REUSEPORT");
/** The send buffer, in bytes. The kernel doubles what is set, for its own needs, and keeps to net.core.wmem_max. */
export const sendBufferBytes = intOption(c.SOL_SOCKET, c.SO_SNDBUF, "SO_SNDBUF");
/** The receive buffer, in bytes. The kernel doubles what is set, for its own needs, and keeps to net.core.rmem_max. */
export const receiveBufferBytes = intOption(c.SOL_SOCKET, c.SO_RCVBUF, "SO_RCVBUF");
/** All packets go through the interface of this name. */
export const bindToDevice = textOption(c.SOL_SOCKET, c.SO_BINDTODEVICE, "SO_BINDTODEVICE", c.IF_NAMESIZE);
/** The kernel's time of arrival comes with each packet, see ReceiveBatch. */
export const receiveTimestamps = flagOption(c.SOL_SOCKET, c.SO_TIMESTAMPNS, "SO_TIMESTAMPNS");
/** The number of packets dropped by a full receive buffer comes with each packet, see ReceiveBatch. */
export const receiveDrops = flagOption(c.SOL_SOCKET, c.SO_RXQ_OVFL, "SO_RXQ_OVFL");

/** The treatment of unsent data at close: undefined: the kernel sends them; 0 seconds: reset. */
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
/** The longest time without acknowledgement before a connection breaks, in milliseconds; 0: the system's default. */
export const userTimeoutMs = intOption(c.IPPROTO_TCP, c.TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT");
/** A socket is writable only while less than this waits to be sent, in bytes. */
export const notSentLowWaterBytes = intOption(c.IPPROTO_TCP, c.TCP_NOTSENT_LOWAT, "TCP_NOTSENT_LOWAT");

/** The rate at which the kernel sends a stream, in bytes per second. */
export const maxPacingRate = intOption(c.SOL_SOCKET, c.SO_MAX_PACING_RATE, "SO_MAX_PACING_RATE");

/** The length of the packets that a message is cut into (GSO), in bytes; 0: one packet. */
export const segmentBytes = intOption(c.IPPROTO_UDP, c.UDP_SEGMENT, "UDP_SEGMENT");
/** Packets of one length that come together are received in one message (GRO), see ReceiveBatch. */
export const receiveOffload = flagOption(c.IPPROTO_UDP, c.UDP_GRO, "UDP_GRO");

/** An IPv6 socket takes no IPv4. Before bind. */
export const v6Only = flagOption(c.IPPROTO_IPV6, c.IPV6_V6ONLY, "IPV6_V6ONLY");

const SYSCTL = "/proc/sys/net/ipv4/";

/**
 * Returns a setting of TCP or IP in the network namespace of this thread, ip-sysctl.rst of the kernel.
 *
 * @param name such as `tcp_ecn`
 * @returns undefined where the system has no such setting, or does not allow to read it
 */
export function systemSetting(name: string): string | undefined {
  try {
    return Deno.readTextFileSync(SYSCTL + name).trim();
  } catch {
    return undefined;
  }
}

/**
 * The congestion control algorithms that a socket may use, sorted: those the system has loaded, and without privileges
 * only those of them that it allows. Empty where the system does not let us look.
 *
 * @param privileged with CAP_NET_ADMIN
 */
export function congestionControls(privileged = false): string[] {
  try {
    const name = privileged ? "tcp_available_congestion_control" : "tcp_allowed_congestion_control";
    return Deno.readTextFileSync(SYSCTL + name).split(/\s+/).filter((word) => word !== "").sort();
  } catch {
    return []; // No /proc, or no permission to read it: there is no list to show.
  }
}

/**
 * Sets the congestion control algorithm of a TCP socket, or leaves it as it is.
 *
 * @param name e.g. `cubic`
 * @throws {TineError} `unknown-cca`, `forbidden-cca`: the message lists those that can be used
 */
export function setCongestionControl(socket: Socket, name: string): void {
  try {
    socket.set(congestionControl, name);
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    const { errno, errnoName } = cause;
    if (errno === Errno.ENOENT) {
      const usable = usableText(usableOn(socket));
      throw new TineError("unknown-cca", `the kernel has no congestion control "${name}" (${errnoName})${usable}`, {
        cause,
      });
    }
    if (errno !== Errno.EPERM) throw cause;
    const usable = usableText(usableOn(socket));
    const remedy = `; root may use it, and sysctl net.ipv4.tcp_allowed_congestion_control allows it to all`;
    throw new TineError(
      "forbidden-cca",
      `congestion control "${name}" is not allowed (${errnoName})${usable}${remedy}`,
      {
        cause,
      },
    );
  }
}

/** Those that the socket takes: what a process may use depends on its namespaces and capabilities, so it is tried. */
function usableOn(socket: Socket): string[] {
  const current = socket.get(congestionControl);
  const usable = congestionControls(true).filter((name) => {
    try {
      socket.set(congestionControl, name);
      return true;
    } catch (error) {
      if (error instanceof SystemError) return false;
      throw error;
    }
  });
  socket.set(congestionControl, current);
  return usable;
}

function usableText(names: readonly string[]): string {
  return names.length === 0 ? "" : `; usable: ${names.join(", ")}`;
}
