import { SocketAddress } from "../../sys/address.ts";
import { READABLE, type Watch } from "../../sys/poller.ts";
import { SystemError } from "../../sys/errno.ts";
import type { StreamServerConfig } from "../config.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest, Timer } from "../engine/engine_flow.ts";
import { LogLimiter } from "../../base/log_limiter.ts";
import { Hmac } from "../hmac.ts";
import {
  MAX_CLIENTS,
  MAX_UNAUTHENTICATED,
  NO_ROOM,
  NO_ROOM_PAUSE_MS,
  NO_ROOM_REPORT_MS,
  UNAUTHENTICATED_MS,
} from "./limits.ts";
import { ServerConnection, type ServerContext } from "./server_connection.ts";
import type { StreamListener, StreamPort, StreamPorts } from "./stream_port.ts";
import { encodeGreeting, newGreeting } from "./wire.ts";

/** How many connections are taken before others of the worker have their turn. */
const MAX_ACCEPTS = 64;
const MILLISECOND = 1e6;

/** Makes the servers of streamServer, over ports of a kind. */
export function streamServerFlow(ports: (host: FlowHost) => StreamPorts): EngineFlowFactory<StreamServerConfig> {
  return (host, request) => new StreamServerFlow(host, request, ports(host));
}

/** A server of TCP flows. */
class StreamServerFlow implements EngineFlow {
  readonly #host: FlowHost;
  readonly #request: FlowRequest<StreamServerConfig>;
  readonly #context: ServerContext;
  readonly #log: LogLimiter;
  readonly #pause: Timer;
  /** Connections without a valid request so far, the oldest first. */
  readonly #unauthenticated = new Set<ServerConnection>();
  readonly #clients = new Set<ServerConnection>();
  #reportedFullAt = -Infinity;
  #listener: StreamListener | undefined;
  #watch: Watch | undefined;

  constructor(host: FlowHost, request: FlowRequest<StreamServerConfig>, ports: StreamPorts) {
    this.#host = host;
    this.#request = request;
    const hmac = request.key === undefined ? undefined : new Hmac(request.key);
    this.#context = { host, ports, hmac };
    this.#log = new LogLimiter((line) => host.log(line));
    this.#pause = host.timer(() => this.#watch!.interest = READABLE);
  }

  start(): void {
    const address = SocketAddress.parse(this.#request.addresses[0]);
    const listener = this.#listener = this.#context.ports.listen(address, this.#request.config);
    this.#watch = listener.watch(this.#host, () => this.#accept(listener));
    this.#host.listening(listener.local.toString());
  }

  close(): void {
    for (const connection of [...this.#unauthenticated, ...this.#clients]) connection.close();
    this.#log.end();
    this.#listener?.close();
  }

  #accept(listener: StreamListener): void {
    for (let i = 0; i < MAX_ACCEPTS; i++) {
      let port: StreamPort | undefined;
      try {
        port = listener.accept();
      } catch (error) {
        if (!(error instanceof SystemError) || !NO_ROOM.includes(error.errnoName)) throw error;
        this.#reportFull(error);
        if (this.#makeRoom()) continue;
        this.#watch!.interest = 0;
        this.#pause.set(this.#host.now() + NO_ROOM_PAUSE_MS * MILLISECOND);
        return;
      }
      if (port === undefined) return;
      this.#welcome(port);
    }
  }

  #reportFull({ message }: SystemError): void {
    const now = this.#host.now();
    if (now - this.#reportedFullAt < NO_ROOM_REPORT_MS * MILLISECOND) return;
    this.#reportedFullAt = now;
    this.#log.log(`connections wait for others to end: ${message}`);
  }

  /** Drops the oldest connection that keeps silent. */
  #makeRoom(): boolean {
    const oldest = this.#unauthenticated.values().next().value;
    if (oldest === undefined || this.#host.now() - oldest.openedAt < UNAUTHENTICATED_MS * MILLISECOND) return false;
    oldest.close();
    return true;
  }

  #welcome(port: StreamPort): void {
    try {
      if (this.#clients.size < MAX_CLIENTS) return this.#serve(port);
      this.#log.log(`client ${port.remote} was refused: there are ${MAX_CLIENTS} already`);
      port.sendMessage(encodeGreeting(newGreeting(this.#context.hmac !== undefined, true)), false);
    } catch (error) {
      // A client that is gone already has no address.
      if (!(error instanceof SystemError)) throw error;
    }
    port.close();
  }

  #serve(port: StreamPort): void {
    const connection = new ServerConnection(this.#context, port, {
      onAccepted: () => {
        this.#unauthenticated.delete(connection);
        this.#clients.add(connection);
      },
      onClosed: () => {
        this.#unauthenticated.delete(connection);
        this.#clients.delete(connection);
      },
      log: (text) => this.#log.log(text),
    });
    if (this.#unauthenticated.size >= MAX_UNAUTHENTICATED) this.#unauthenticated.values().next().value?.close();
    this.#unauthenticated.add(connection);
    connection.start();
  }
}
