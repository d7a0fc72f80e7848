import type { Family } from "../base/address.ts";
import { MAX_ADDRESS_BYTES, SockAddr } from "./address.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  FIONREAD,
  MSG_MORE,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./constants.ts";
import { Errno, SystemError } from "./errno.ts";
import { type Libc, libc } from "./libc.ts";
import type { SocketOption } from "./socket_options.ts";
export { WOULD_BLOCK } from "./libc.ts";

/** TCP or UDP. */
export type Protocol = "tcp" | "udp";

/** The directions in which a connection can be shut. */
export type ShutdownDirection = "receive" | "send" | "both";

const directions = { receive: SHUT_RD, send: SHUT_WR, both: SHUT_RDWR } as const;

const FIONREAD_REQUEST = BigInt(FIONREAD);

/**
 * A TCP or UDP socket of the kernel, which never blocks: where it would, calls return {@linkcode WOULD_BLOCK}, and a
 * Poller reports when to try again. Calls interrupted by a signal are repeated, and SIGPIPE is never raised.
 *
 * All methods throw a {@linkcode SystemError} for what the kernel refuses.
 *
 * @example
 * ```ts
 * import { SockAddr } from "./address.ts";
 * import { Socket } from "./socket.ts";
 * using server = Socket.open("udp", "ipv4");
 * server.bind(SockAddr.loopback("ipv4", 0));
 * using client = Socket.open("udp", "ipv4");
 * client.connect(server.localAddress());
 * client.send(new TextEncoder().encode("hello"));
 * ```
 */
export class Socket implements Disposable {
  readonly #libc: Libc = libc();
  readonly #errno = this.#libc.errno;
  readonly #available = new Int32Array(1);
  readonly #owned: boolean;
  #fd: number;

  private constructor(fd: number, readonly protocol: Protocol, readonly family: Family, owned = true) {
    this.#fd = fd;
    this.#owned = owned;
  }

  /** Makes a socket, socket(2). An IPv6 socket also takes IPv4, by mapped addresses, unless its `v6Only` is set. */
  static open(protocol: Protocol, family: Family): Socket {
    const type = (protocol === "tcp" ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const { calls, errno } = libc();
    const fd = calls.socket(family === "ipv4" ? AF_INET : AF_INET6, type, 0);
    if (fd < 0) throw new SystemError("socket", errno[0], `for ${protocol} over ${family}`);
    return new Socket(fd, protocol, family);
  }

  /**
   * Makes two sockets that are connected with each other and with nothing else, socketpair(2): they take packets as
   * sockets of UDP do, but no network sees or counts any. They have no addresses and no options of UDP or IP.
   */
  static packetPair(): [Socket, Socket] {
    const files = new Int32Array(2);
    const { calls, errno } = libc();
    if (calls.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, new Uint8Array(files.buffer)) < 0) {
      throw new SystemError("socketpair", errno[0]);
    }
    return [new Socket(files[0], "udp", "ipv4"), new Socket(files[1], "udp", "ipv4")];
  }

  /**
   * Uses a socket of another thread of this process, which keeps it open: closing this object leaves the file open.
   *
   * @param fd its file number
   */
  static borrow(fd: number, protocol: Protocol, family: Family): Socket {
    return new Socket(fd, protocol, family, false);
  }

  /** The file number; -1 after {@linkcode close} or {@linkcode detach}. */
  get fd(): number {
    return this.#fd;
  }

  /** Binds the socket to an address, bind(2). With port 0 the kernel chooses a port. */
  bind(address: SockAddr): void {
    const { bytes } = address;
    if (this.#libc.calls.bind(this.#fd, bytes, bytes.length) < 0) {
      throw this.#error(this.#errno[0], "bind", "to", address);
    }
  }

  /**
   * Listens for connections, listen(2).
   *
   * @param backlog the number of connections that may wait; the kernel also has a limit, net.core.somaxconn
   */
  listen(backlog = 4096): void {
    if (this.#libc.calls.listen(this.#fd, backlog) < 0) throw this.#error(this.#errno[0], "listen", "on", this);
  }

  /** Accepts a connection, accept(2); undefined if no connection waits. Connections that are already gone are skipped. */
  accept(): Socket | undefined {
    for (;;) {
      const fd = this.#libc.calls.accept4(this.#fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) return new Socket(fd, this.protocol, this.family);
      const errno = this.#errno[0];
      if (errno !== Errno.ECONNABORTED && !this.#libc.interrupted(errno, "accept", this)) return undefined;
    }
  }

  /**
   * Connects, connect(2). A UDP socket afterwards sends to this address and receives from it alone.
   *
   * @returns whether it is connected; false: in progress. Then it becomes writable, and
   * {@linkcode Socket.pendingError} reports the outcome
   */
  connect(address: SockAddr): boolean {
    const { bytes } = address;
    if (this.#libc.calls.connect(this.#fd, bytes, bytes.length) === 0) return true;
    const errno = this.#errno[0];
    // A connect that was interrupted goes on, and cannot be called again.
    if (errno === Errno.EINPROGRESS || errno === Errno.EINTR) return false;
    throw new SystemError("connect", errno, `to ${address}`);
  }

  /** Returns and clears the pending error, SO_ERROR of socket(7); undefined without an error. */
  pendingError(call = "connect"): SystemError | undefined {
    const value = new Int32Array(1);
    this.getOptionBytes(SOL_SOCKET, SO_ERROR, "SO_ERROR", new Uint8Array(value.buffer));
    return value[0] === 0 ? undefined : new SystemError(call, value[0], `on ${this}`);
  }

  /** Ends a connection in one direction or both, shutdown(2). */
  shutdown(direction: ShutdownDirection): void {
    if (this.#libc.calls.shutdown(this.#fd, directions[direction]) < 0) {
      throw this.#error(this.#errno[0], "shutdown", "of", this);
    }
  }

  /**
   * Sends, send(2).
   *
   * @param more whether more follows at once, so that the kernel may send both in one segment, MSG_MORE
   * @returns the number of bytes taken, or {@linkcode WOULD_BLOCK}
   */
  send(bytes: Uint8Array<ArrayBuffer>, more = false): number {
    const length = BigInt(bytes.length), flags = more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
    for (;;) {
      const count = this.#libc.calls.send(this.#fd, bytes, length, flags);
      if (count >= 0 || !this.#libc.interrupted(this.#errno[0], "send", this)) return count;
    }
  }

  /**
   * Sends a packet to an address, sendto(2). For many at once: SendBatch.
   *
   * @returns how many bytes were taken, all of them, or {@linkcode WOULD_BLOCK}
   */
  sendTo(bytes: Uint8Array<ArrayBuffer>, address: SockAddr): number {
    const length = BigInt(bytes.length), name = address.bytes;
    for (;;) {
      const count = this.#libc.calls.sendto(this.#fd, bytes, length, MSG_NOSIGNAL, name, name.length);
      if (count >= 0 || !this.#libc.interrupted(this.#errno[0], "sendto", address)) return count;
    }
  }

  /**
   * Receives, recv(2).
   *
   * @returns how many bytes there are now, or {@linkcode WOULD_BLOCK}; 0 from a TCP socket: the peer has ended
   */
  receive(bytes: Uint8Array<ArrayBuffer>): number {
    const length = BigInt(bytes.length);
    for (;;) {
      const count = this.#libc.calls.recv(this.#fd, bytes, length, 0);
      if (count >= 0 || !this.#libc.interrupted(this.#errno[0], "recv", this)) return count;
    }
  }

  /**
   * How many bytes of a stream have come and could be received now, FIONREAD of tcp(7). Its end is no byte. Allocates
   * nothing.
   */
  available(): number {
    if (this.#libc.calls.ioctl(this.#fd, FIONREAD_REQUEST, this.#available) < 0) {
      throw this.#error(this.#errno[0], "ioctl", "FIONREAD of", this);
    }
    return this.#available[0];
  }

  /**
   * Receives bytes of a stream and drops them, recv(2) with MSG_TRUNC of tcp(7): the kernel copies nothing.
   *
   * @param maxBytes the maximum, below 2 GiB
   * @returns the number of bytes, or {@linkcode WOULD_BLOCK}; 0: the peer has ended
   */
  discard(maxBytes: number): number {
    const length = BigInt(maxBytes);
    for (;;) {
      const count = this.#libc.calls.recv(this.#fd, null, length, MSG_TRUNC);
      if (count >= 0 || !this.#libc.interrupted(this.#errno[0], "recv", this)) return count;
    }
  }

  /** The address it is bound to, getsockname(2). */
  localAddress(): SockAddr {
    const bytes = new Uint8Array(MAX_ADDRESS_BYTES);
    if (this.#libc.calls.getsockname(this.#fd, bytes, Uint32Array.of(bytes.length)) < 0) {
      throw this.#error(this.#errno[0], "getsockname");
    }
    return SockAddr.decode(bytes);
  }

  /** The address it is connected to, getpeername(2). */
  peerAddress(): SockAddr {
    const bytes = new Uint8Array(MAX_ADDRESS_BYTES);
    if (this.#libc.calls.getpeername(this.#fd, bytes, Uint32Array.of(bytes.length)) < 0) {
      throw this.#error(this.#errno[0], "getpeername");
    }
    return SockAddr.decode(bytes);
  }

  /** Sets an option, setsockopt(2). */
  set<T>(option: SocketOption<T>, value: T): void {
    const bytes = option.encode(value);
    const { level, number } = option;
    if (this.#libc.calls.setsockopt(this.#fd, level, number, bytes, bytes.length) < 0) {
      throw this.#error(this.#errno[0], "setsockopt", `${option.name} = ${value} on a ${this.protocol} socket`);
    }
  }

  /** Asks for an option, getsockopt(2). */
  get<T>(option: SocketOption<T>): T {
    const bytes = new Uint8Array(option.maxBytes);
    const length = this.getOptionBytes(option.level, option.number, option.name, bytes);
    return option.decode(bytes.subarray(0, length));
  }

  /**
   * Asks for the bytes of an option, getsockopt(2).
   *
   * @param into is filled
   * @returns how many bytes of it
   */
  getOptionBytes(level: number, number: number, name: string, into: Uint8Array<ArrayBuffer>): number {
    const length = Uint32Array.of(into.length);
    if (this.#libc.calls.getsockopt(this.#fd, level, number, into, length) < 0) {
      throw this.#error(this.#errno[0], "getsockopt", `${name} on a ${this.protocol} socket`);
    }
    return length[0];
  }

  /** Detaches the file from this object, which does not close it any more. The caller must. */
  detach(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }

  /** Closes it, close(2). What was sent is still delivered, unless its `linger` is zero. */
  close(): void {
    const fd = this.detach();
    // The file is closed even if close returns an error.
    if (fd >= 0 && this.#owned) this.#libc.calls.close(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What it is, for messages: `tcp 127.0.0.1:5201 to 127.0.0.1:40000`. */
  toString(): string {
    const ends = [() => this.localAddress(), () => this.peerAddress()].flatMap((address) => {
      try {
        return [address().toString()];
      } catch {
        return []; // Closed or not connected.
      }
    });
    return [this.protocol, ends.join(" to ")].join(" ").trim();
  }

  /** Creates the error of a call. The caller reads its number first, since `what` may make calls to become text. */
  #error(errno: number, call: string, preposition = "", what: { toString(): string } = ""): SystemError {
    return new SystemError(call, errno, `${preposition} ${what}`.trim());
  }
}
