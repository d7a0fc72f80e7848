import { SockAddr } from "../../sys/address.ts";
import { READABLE, type Watch } from "../../sys/poller.ts";
import { SystemError } from "../../sys/errno.ts";
import type { StreamServerConfig } from "../config.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest, Timer } from "../engine/engine_flow.ts";
import { LogLimiter } from "../../base/log_limiter.ts";
import { Hmac } from "../hmac.ts";
import { ServerAccount } from "../server_account.ts";
import { servingLimits } from "../serving_limits.ts";
import {
  MAX_CLIENTS,
  MAX_UNAUTHENTICATED,
  NO_ROOM,
  NO_ROOM_PAUSE_MS,
  NO_ROOM_REPORT_MS,
  PROGRESS_MS,
  UNAUTHENTICATED_MS,
} from "./limits.ts";
import { ServerConnection, type ServerContext } from "./server_connection.ts";
import type { StreamListener, StreamPort, StreamPorts } from "./stream_port.ts";
import { encodeGreeting, newGreeting } from "./wire.ts";

/** How many connections are taken before others of the worker have their turn. */
const MAX_ACCEPTS = 64;
const MILLISECOND = 1e6;
/** How long a worker leaves a connection to others that have fewer, and how often it looks whether they have taken it. */
const OTHERS_TURN_MS = 100;
const OTHERS_LOOK_MS = 1;

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
  readonly #turn: AcceptTurn | undefined;
  #reportedFullAt = -Infinity;
  #listener: StreamListener | undefined;
  #watch: Watch | undefined;

  constructor(host: FlowHost, request: FlowRequest<StreamServerConfig>, ports: StreamPorts) {
    this.#host = host;
    this.#request = request;
    const hmac = request.key === undefined ? undefined : new Hmac(request.key);
    const account = new ServerAccount(request.account);
    this.#context = { host, ports, hmac, account, limits: servingLimits(request.config) };
    this.#log = new LogLimiter((line) => host.log(line));
    this.#pause = host.timer(() => this.#watch!.interest = READABLE);
    const { share } = request, memory = share?.memory;
    this.#turn = memory && new AcceptTurn(new Int32Array(memory), share!.worker);
  }

  start(): void {
    const address = SockAddr.parse(this.#request.addresses[0]);
    const { config, share } = this.#request;
    const listener = this.#listener = this.#context.ports.listen(address, config, share);
    this.#watch = listener.watch(this.#host, () => this.#accept(listener));
    this.#host.listening(listener.local.toString());
    const timer = this.#host.timer(() => {
      timer.set(this.#host.now() + PROGRESS_MS * MILLISECOND);
      for (const connection of this.#clients) connection.count();
    });
    timer.set(this.#host.now() + PROGRESS_MS * MILLISECOND);
  }

  close(): void {
    for (const connection of [...this.#unauthenticated, ...this.#clients]) connection.close();
    this.#log.end();
    this.#listener?.close();
  }

  #accept(listener: StreamListener): void {
    // Here a connection waits, which others may take; behind it, there is none that is known of.
    if (this.#turn?.isOthers(this.#host.now())) return this.#rest(OTHERS_LOOK_MS);
    const accepts = this.#turn === undefined ? MAX_ACCEPTS : 1;
    for (let i = 0; i < accepts; i++) {
      let port: StreamPort | undefined;
      try {
        port = listener.accept();
      } catch (error) {
        if (!(error instanceof SystemError) || !NO_ROOM.includes(error.errnoName)) throw error;
        this.#reportFull(error);
        if (this.#makeRoom()) continue;
        return this.#rest(NO_ROOM_PAUSE_MS);
      }
      if (port === undefined) return;
      this.#welcome(port);
    }
  }

  /** Takes no connections for a while. */
  #rest(ms: number): void {
    this.#watch!.interest = 0;
    this.#pause.set(this.#host.now() + ms * MILLISECOND);
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
      this.#context.account.refuse("max-flows");
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
        this.#turn?.leave();
        this.#unauthenticated.delete(connection);
        this.#clients.delete(connection);
      },
      log: (text) => this.#log.log(text),
    });
    if (this.#unauthenticated.size >= MAX_UNAUTHENTICATED) this.#unauthenticated.values().next().value?.close();
    this.#unauthenticated.add(connection);
    this.#turn?.take();
    connection.start();
  }
}

/** Among workers that take connections from one socket, the one with the fewest is the first to take the next. */
class AcceptTurn {
  /** Connections of each worker; at the end, how many were taken by all so far. */
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #worker: number;
  readonly #workers: number;
  /** How many were taken when a connection began to wait for others, and when that was. */
  #taken = -1;
  #since = 0;

  constructor(counts: Int32Array<SharedArrayBuffer>, worker: number) {
    this.#counts = counts;
    this.#worker = worker;
    this.#workers = counts.length - 1;
  }

  /**
   * Whether to leave a connection that waits to another worker. A worker that is too busy loses its turn.
   *
   * @param now in nanoseconds
   */
  isOthers(now: number): boolean {
    const counts = this.#counts, own = Atomics.load(counts, this.#worker);
    const fewest = Math.min(...counts.subarray(0, this.#workers));
    if (own <= fewest) return false;
    const taken = Atomics.load(counts, this.#workers);
    if (taken !== this.#taken) this.#since = now;
    this.#taken = taken;
    return now - this.#since < OTHERS_TURN_MS * MILLISECOND;
  }

  /** A connection was taken. */
  take(): void {
    Atomics.add(this.#counts, this.#worker, 1);
    Atomics.add(this.#counts, this.#workers, 1);
  }

  /** A connection has ended. */
  leave(): void {
    Atomics.sub(this.#counts, this.#worker, 1);
  }
}
