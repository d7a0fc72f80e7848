import type { SockAddr } from "../../sys/address.ts";
import { Clock } from "../../sys/clock.ts";
import { SystemError } from "../../sys/errno.ts";
import { READABLE, type ReadyHandler, type Watch, WRITABLE } from "../../sys/poller.ts";
import { Socket } from "../../sys/socket.ts";
import {
  congestionControl,
  lingerSeconds,
  maxPacingRate,
  noDelay,
  notSentLowWaterBytes,
  receiveBufferBytes,
  reuseAddress,
  v6Only,
} from "../../sys/socket_options.ts";
import { type TcpInfo, TcpInfoSampler } from "../../sys/tcp_info.ts";
import type { StreamProtocol, StreamServerConfig } from "../config.ts";
import type { Scope, ServerShare } from "../engine/engine_flow.ts";
import type { StreamRequest } from "./messages.ts";
import { setUpClient, setUpServer } from "./socket_setup.ts";
import { bindSocket } from "../bind_socket.ts";
import type { ConnectOptions, StreamKernel, StreamListener, StreamPort, StreamPorts } from "./stream_port.ts";

/** The option has 32 bits; all of them set stand for no limit. */
const MAX_PACING_RATE = 2 ** 32 - 2;

/** Connections that are raw sockets, watched by the loop of a worker. */
export class SocketStreamPorts implements StreamPorts {
  readonly kind = "ffi";
  readonly #clock = new Clock("realtime");

  wallNanos(): bigint {
    return this.#clock.now();
  }

  connect(
    scope: Scope,
    address: SockAddr,
    { request, bind }: ConnectOptions,
    onSettled: (result: StreamPort | Error) => void,
  ): Disposable {
    const socket = Socket.open("tcp", address.family);
    let owned = true;
    const settle = (error: Error | undefined) => {
      owned = false;
      if (error !== undefined) socket.close();
      onSettled(error ?? new SocketStreamPort(socket));
    };
    let connected: boolean | SystemError;
    try {
      setUpClient(socket, request);
      if (bind !== undefined) bindSocket(socket, bind);
    } catch (error) {
      socket.close();
      throw error;
    }
    try {
      connected = socket.connect(address);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      connected = error;
    }
    if (connected === false) {
      const watch = scope.watch(socket.fd, WRITABLE, () => {
        watch.close();
        settle(socket.pendingError());
      });
    } else settle(connected === true ? undefined : connected);
    return {
      [Symbol.dispose]() {
        if (owned) socket.close();
      },
    };
  }

  listen(address: SockAddr, { protocol }: StreamServerConfig, share?: ServerShare): StreamListener {
    if (share !== undefined) return new SocketListener(Socket.borrow(share.fd, "tcp", address.family));
    return new SocketListener(listeningSocket(address, protocol));
  }
}

/** Opens a socket that listens. */
export function listeningSocket(address: SockAddr, protocol: StreamProtocol | undefined): Socket {
  const socket = Socket.open("tcp", address.family);
  try {
    socket.set(reuseAddress, true);
    if (address.family === "ipv6" && protocol === "tcp6") socket.set(v6Only, true);
    socket.bind(address);
    socket.listen();
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

class SocketListener implements StreamListener {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get local(): SockAddr {
    return this.#socket.localAddress();
  }

  watch(scope: Scope, handler: ReadyHandler): Watch {
    return scope.watch(this.#socket.fd, READABLE, handler);
  }

  accept(): StreamPort | undefined {
    const socket = this.#socket.accept();
    return socket === undefined ? undefined : new SocketStreamPort(socket);
  }

  close(): void {
    this.#socket.close();
  }
}

/** A raw TCP socket. */
export class SocketStreamPort implements StreamPort, StreamKernel {
  readonly kernel = this;
  readonly #socket: Socket;
  #sampler: TcpInfoSampler | undefined;

  /** @param socket connected; it is closed with the port */
  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get local(): SockAddr {
    return this.#socket.localAddress().unmapped();
  }

  get remote(): SockAddr {
    return this.#socket.peerAddress().unmapped();
  }

  get congestionControl(): string {
    return this.#socket.get(congestionControl);
  }

  setUp(request: StreamRequest): void {
    setUpServer(this.#socket, request);
  }

  watch(scope: Scope, interest: number, handler: ReadyHandler): Watch {
    return scope.watch(this.#socket.fd, interest, handler);
  }

  available(): number {
    return this.#socket.available();
  }

  receive(into: Uint8Array<ArrayBuffer>): number {
    return this.#socket.receive(into);
  }

  discard(maxBytes: number): number {
    return this.#socket.discard(maxBytes);
  }

  send(bytes: Uint8Array<ArrayBuffer>): number {
    return this.#socket.send(bytes);
  }

  sendMessage(bytes: Uint8Array<ArrayBuffer>, more: boolean): boolean {
    return this.#socket.send(bytes, more) === bytes.length;
  }

  setNoDelay(on: boolean): void {
    this.#socket.set(noDelay, on);
  }

  tcpInfo(into?: TcpInfo): TcpInfo {
    return (this.#sampler ??= new TcpInfoSampler()).sample(this.#socket, into);
  }

  limitUnsent(bytes: number): void {
    this.#socket.set(notSentLowWaterBytes, bytes);
  }

  limitRate(bytesPerSecond: number): void {
    this.#socket.set(maxPacingRate, Math.min(MAX_PACING_RATE, Math.ceil(bytesPerSecond)));
  }

  limitUnread(bytes: number): void {
    this.#socket.set(receiveBufferBytes, bytes);
  }

  close(): void {
    this.#socket.close();
  }

  reset(): void {
    this.#socket.set(lingerSeconds, 0);
    this.#socket.close();
  }
}
