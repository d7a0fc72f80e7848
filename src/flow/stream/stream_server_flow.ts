import { SocketAddress } from "../../sys/address.ts";
import { READABLE, type Watch } from "../../sys/poller.ts";
import { Socket } from "../../sys/socket.ts";
import { reuseAddress, v6Only } from "../../sys/socket_options.ts";
import { SystemError } from "../../sys/errno.ts";
import type { StreamServerConfig } from "../config.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest, Timer } from "../engine/engine_flow.ts";
import { LogLimiter } from "../../base/log_limiter.ts";
import { Hmac } from "../hmac.ts";
import { MAX_CLIENTS, MAX_STRANGERS, NO_ROOM, NO_ROOM_PAUSE_MS, NO_ROOM_TELL_MS, STRANGER_MS } from "./limits.ts";
import { ServerConnection } from "./server_connection.ts";
import { encodeGreeting, newGreeting } from "./wire.ts";

/** So many connections are taken, and others of the worker have their turn. */
const MAX_ACCEPTS = 64;
const MILLISECOND = 1e6;

/** A server of TCP flows. */
export const streamServerFlow: EngineFlowFactory<StreamServerConfig> = (host, request) =>
  new StreamServerFlow(host, request);

class StreamServerFlow implements EngineFlow {
  readonly #host: FlowHost;
  readonly #request: FlowRequest<StreamServerConfig>;
  readonly #hmac: Hmac | undefined;
  readonly #log: LogLimiter;
  readonly #pause: Timer;
  /** Those that have not said what they want, the oldest first. */
  readonly #strangers = new Set<ServerConnection>();
  readonly #clients = new Set<ServerConnection>();
  #toldFullAt = -Infinity;
  #socket: Socket | undefined;
  #watch: Watch | undefined;

  constructor(host: FlowHost, request: FlowRequest<StreamServerConfig>) {
    this.#host = host;
    this.#request = request;
    this.#hmac = request.key === undefined ? undefined : new Hmac(request.key);
    this.#log = new LogLimiter((line) => host.log(line));
    this.#pause = host.timer(() => this.#watch!.interest = READABLE);
  }

  start(): void {
    const address = SocketAddress.parse(this.#request.addresses[0]);
    const socket = this.#socket = Socket.open("tcp", address.family);
    socket.set(reuseAddress, true);
    if (address.family === "ipv6" && this.#request.config.protocol === "tcp6") socket.set(v6Only, true);
    socket.bind(address);
    socket.listen();
    this.#watch = this.#host.watch(socket.fd, READABLE, () => this.#accept(socket));
    this.#host.listening(socket.localAddress().toString());
  }

  close(): void {
    for (const connection of [...this.#strangers, ...this.#clients]) connection.close();
    this.#log.end();
    this.#socket?.close();
  }

  #accept(socket: Socket): void {
    for (let i = 0; i < MAX_ACCEPTS; i++) {
      let connected: Socket | undefined;
      try {
        connected = socket.accept();
      } catch (error) {
        if (!(error instanceof SystemError) || !NO_ROOM.includes(error.errnoName)) throw error;
        this.#tellFull(error);
        if (this.#makeRoom()) continue;
        this.#watch!.interest = 0;
        this.#pause.set(this.#host.now() + NO_ROOM_PAUSE_MS * MILLISECOND);
        return;
      }
      if (connected === undefined) return;
      this.#welcome(connected);
    }
  }

  #tellFull({ message }: SystemError): void {
    const now = this.#host.now();
    if (now - this.#toldFullAt < NO_ROOM_TELL_MS * MILLISECOND) return;
    this.#toldFullAt = now;
    this.#log.log(`connections wait for others to end: ${message}`);
  }

  /** Drops the oldest of those that keep silent. */
  #makeRoom(): boolean {
    const oldest = this.#strangers.values().next().value;
    if (oldest === undefined || this.#host.now() - oldest.openedAt < STRANGER_MS * MILLISECOND) return false;
    oldest.close();
    return true;
  }

  #welcome(socket: Socket): void {
    try {
      if (this.#clients.size < MAX_CLIENTS) return this.#serve(socket);
      this.#log.log(`client ${socket.peerAddress().unmapped()} was refused: there are ${MAX_CLIENTS} already`);
      socket.send(encodeGreeting(newGreeting(this.#hmac !== undefined, true)));
    } catch (error) {
      // A client that is gone already has no address.
      if (!(error instanceof SystemError)) throw error;
    }
    socket.close();
  }

  #serve(socket: Socket): void {
    const connection = new ServerConnection(this.#host, socket, this.#hmac, {
      onAccepted: () => {
        this.#strangers.delete(connection);
        this.#clients.add(connection);
      },
      onClosed: () => {
        this.#strangers.delete(connection);
        this.#clients.delete(connection);
      },
      log: (text) => this.#log.log(text),
    });
    if (this.#strangers.size >= MAX_STRANGERS) this.#strangers.values().next().value?.close();
    this.#strangers.add(connection);
    connection.start();
  }
}
