/**
 * What TCP flows need of the system, so that they run over raw sockets and over Deno's own connections alike.
 *
 * @module
 */
import type { SockAddr } from "../../sys/address.ts";
import type { ReadyHandler, Watch } from "../../sys/poller.ts";
import type { TcpInfo } from "../../sys/tcp_info.ts";
import type { StreamServerConfig } from "../config.ts";
import type { Scope, ServerShare } from "../engine/engine_flow.ts";
import type { StreamRequest } from "./messages.ts";

/** How a client connects. */
export interface ConnectOptions {
  /** As it concerns the client, see {@linkcode requestAt}. */
  readonly request: StreamRequest;
  /** Where it is bound, see {@linkcode parseBind}; undefined: where the route says. */
  readonly bind?: string;
}

/** Connects and listens. */
export interface StreamPorts {
  readonly kind: "ffi" | "portable";

  /** The wall clock's time, in nanoseconds since 1970. */
  wallNanos(): bigint;

  /**
   * Begins to connect.
   *
   * @param scope of the attempt, and of nothing else
   * @param how what is set before the first packet
   * @param onSettled called once, perhaps at once: with the connection, or with the error that there is instead
   * @returns gives up, and closes what was opened; after the call of `onSettled` it does nothing
   * @throws {TineError} for options that cannot be set
   */
  connect(
    scope: Scope,
    address: SockAddr,
    how: ConnectOptions,
    onSettled: (result: StreamPort | Error) => void,
  ): Disposable;

  /**
   * Listens at an address.
   *
   * @throws {TineError} if that is impossible
   */
  listen(address: SockAddr, config: StreamServerConfig, share?: ServerShare): StreamListener;
}

/** A socket to which clients connect. */
export interface StreamListener {
  /** The address that it is bound to. */
  readonly local: SockAddr;

  /** Calls back whenever connections wait, or the last attempt to accept one has failed. */
  watch(scope: Scope, handler: ReadyHandler): Watch;

  /**
   * Takes a connection that waits.
   *
   * @returns undefined if no connection waits
   * @throws {SystemError} such as those of {@linkcode NO_ROOM}
   */
  accept(): StreamPort | undefined;

  /** Closes it; connections that were taken stay. */
  close(): void;
}

/**
 * A TCP connection. Nothing in it blocks: where a call would, it returns WOULD_BLOCK, and {@linkcode StreamPort.watch}
 * says when to try again. Calls throw what the system reports of the connection, a SystemError as a rule.
 */
export interface StreamPort {
  /** The address of this end. */
  readonly local: SockAddr;
  /** The address of the other end. */
  readonly remote: SockAddr;
  /** What system calls report and set beyond the rest; undefined over Deno's API, which has no access to it. */
  readonly kernel: StreamKernel | undefined;

  /**
   * Sets what a client asked for at the server's end.
   *
   * @param request as it concerns the server
   * @throws {TineError} `forbidden-socket-option`, `ffi-unavailable`, and what the kernel refuses
   */
  setUp(request: StreamRequest): void;

  /** Calls back while there is something to read or room to write, as the interest says: READABLE, WRITABLE or both. */
  watch(scope: Scope, interest: number, handler: ReadyHandler): Watch;

  /** How many bytes can be read now. Its end is no byte. */
  available(): number;

  /** @returns how many bytes were read, or WOULD_BLOCK; 0: the peer has ended */
  receive(into: Uint8Array<ArrayBuffer>): number;

  /**
   * Reads bytes and throws them away.
   *
   * @param maxBytes how many at most
   * @returns as {@linkcode StreamPort.receive} does
   */
  discard(maxBytes: number): number;

  /**
   * Writes bytes, which must stay as they are until there is room again.
   *
   * @returns how many were taken, or WOULD_BLOCK
   */
  send(bytes: Uint8Array<ArrayBuffer>): number;

  /**
   * Writes a short message whole, behind what was written before.
   *
   * @param more more is written at once, and may go out with it
   * @returns whether there was room
   */
  sendMessage(bytes: Uint8Array<ArrayBuffer>, more: boolean): boolean;

  /** Whether segments that are not full go out at once, TCP_NODELAY; on where the system cannot change it. */
  setNoDelay(on: boolean): void;

  /** Closes it; what was written is still sent. */
  close(): void;

  /** Closes it; what was written and not sent yet is dropped, where the system can do that. */
  reset(): void;
}

/** What system calls report of a TCP connection, and set. */
export interface StreamKernel {
  /** The congestion control of this end; it governs the transfer where this end is the sender. */
  readonly congestionControl: string;

  /**
   * Asks for the kernel's view of the connection, tcp_info.
   *
   * @param into is filled; left out: a new object
   */
  tcpInfo(into?: TcpInfo): TcpInfo;

  /** Limits what was written and not sent yet, TCP_NOTSENT_LOWAT. */
  limitUnsent(bytes: number): void;

  /** Limits the rate at which it is sent, SO_MAX_PACING_RATE. */
  limitRate(bytesPerSecond: number): void;

  /** Limits what was received and not read yet, SO_RCVBUF: the sender waits for the rest. */
  limitUnread(bytes: number): void;
}
