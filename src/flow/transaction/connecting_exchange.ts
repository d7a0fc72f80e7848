import { SystemError } from "../../sys/errno.ts";
import { READABLE, type Watch, WRITABLE } from "../../sys/poller.ts";
import { WOULD_BLOCK } from "../../sys/socket.ts";
import { TineError } from "../../base/errors.ts";
import { requestAt, type StreamRequest } from "../stream/messages.ts";
import { connectionError, StreamPeer } from "../stream/stream_peer.ts";
import type { StreamPort } from "../stream/stream_port.ts";
import { bindWithPort } from "../bind.ts";
import { parsePorts } from "./client_ports.ts";
import { BUFFER_BYTES } from "./limits.ts";
import { socketRequest } from "./messages.ts";
import { RepeatedMessage } from "./repeated_message.ts";
import type { ExchangeContext, RunningExchange } from "./stream_client.ts";

/**
 * Transactions with a connection each, TCP_CRR: connect, send the request, receive the response, close. This end closes
 * first, as a client of HTTP/1.0 does; its system then keeps the port for a minute (TIME_WAIT) unless it resets the
 * connection.
 */
export class ConnectingExchange implements RunningExchange {
  readonly #context: ExchangeContext;
  readonly #socketRequest: StreamRequest;
  readonly #ports: LocalPorts | undefined;
  /** Of the server, for messages. */
  readonly #name: string;
  readonly #request: RepeatedMessage;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  #control: Watch | undefined;
  #attempt: Disposable | undefined;
  #watch: Watch | undefined;
  #port: StreamPort | undefined;
  #begunAt = 0;
  #connectNanos = 0;
  #unsentBytes = 0;
  #receivedBytes = 0;

  constructor(context: ExchangeContext) {
    const { request, config: { clientPorts } } = context;
    this.#context = context;
    this.#name = context.server.toString();
    this.#socketRequest = requestAt("client", socketRequest(request));
    this.#ports = clientPorts === undefined ? undefined : new LocalPorts(clientPorts);
    const { requestBytes, responseBytes } = request.transactions;
    this.#request = new RepeatedMessage(requestBytes);
    this.#buffer = new Uint8Array(Math.min(BUFFER_BYTES, responseBytes + 1));
  }

  get underWay(): string {
    const { responseBytes } = this.#context.request.transactions;
    return this.#port === undefined
      ? "no connection for the next one"
      : `${this.#receivedBytes} of the ${responseBytes} bytes of the next response`;
  }

  start(): void {
    const { host, peer } = this.#context;
    // Nothing comes before the end: what can be read is that the server is gone.
    this.#control = peer.port.watch(host, READABLE, () => {
      if (peer.readFrame() === undefined) return;
      throw new TineError("bad-stream-frame", `${peer.name} sent a message that was not asked for`);
    });
    this.#next();
  }

  askForEnd(): void {
    this.#context.peer.sendFrame({ end: true });
  }

  close(): void {
    this.#control?.close();
    this.#attempt?.[Symbol.dispose]();
    this.#watch?.close();
    this.#port?.close();
    this.#port = undefined;
  }

  #next(): void {
    const { host, limit } = this.#context;
    const now = host.now();
    if (!limit.allows(now)) {
      this.#control!.close();
      this.#context.onDone();
      return;
    }
    limit.begun++;
    this.#begunAt = now;
    this.#receivedBytes = 0;
    this.#connect();
  }

  /** Connects; where the port of this end is taken, from the next one of the range. */
  #connect(): void {
    const { host, ports, server } = this.#context;
    const range = this.#ports;
    for (let tried = 0;; tried++) {
      const scope = host.scope((error) => host.fail(error));
      const bind = range === undefined ? this.#context.bind : bindWithPort(this.#context.bind, range.next());
      let failed: Error | undefined, returned = false;
      try {
        this.#attempt = ports.connect(scope, server, { request: this.#socketRequest, bind }, (result) => {
          scope.close();
          if (!(result instanceof Error)) return this.#exchange(result);
          if (returned) throw this.#failed(result);
          failed = result;
        });
      } catch (error) {
        scope.close();
        if (!(error instanceof TineError && isTaken(error.cause))) throw error;
        failed = error.cause as Error;
      }
      returned = true;
      if (failed === undefined) return;
      if (range === undefined || !isTaken(failed) || tried + 1 >= range.count) throw this.#failed(failed);
    }
  }

  #exchange(port: StreamPort): void {
    const { host, request: { transactions: { requestBytes } } } = this.#context;
    this.#connectNanos = host.now() - this.#begunAt;
    this.#port = port;
    const peer = new StreamPeer(port, this.#name);
    this.#unsentBytes = requestBytes;
    const sent = this.#send(peer);
    const watch = this.#watch = port.watch(host, sent ? READABLE : READABLE | WRITABLE, () => {
      if (this.#unsentBytes > 0 && this.#send(peer)) watch.interest = READABLE;
      this.#receive(peer);
    });
  }

  /** @returns whether the request is sent as a whole */
  #send(peer: StreamPeer): boolean {
    while (this.#unsentBytes > 0) {
      const count = peer.write(this.#request.next(this.#unsentBytes));
      if (count === WOULD_BLOCK) return false;
      this.#request.sent(count);
      this.#unsentBytes -= count;
    }
    return true;
  }

  #receive(peer: StreamPeer): void {
    const { host, meter, tinitNanos, request: { transactions: { responseBytes } }, config } = this.#context;
    for (;;) {
      const count = peer.read(this.#buffer);
      if (count === WOULD_BLOCK) return;
      this.#receivedBytes += count;
      if (this.#receivedBytes > responseBytes) {
        throw new TineError("bad-response", `${peer.name} sent more than the ${responseBytes} bytes of a response`);
      }
      if (this.#receivedBytes === responseBytes) break;
      if (count < this.#buffer.length) return;
    }
    const now = host.now();
    meter.add(now - tinitNanos, now - this.#begunAt, this.#connectNanos);
    this.#watch!.close();
    if (config.reset) peer.port.reset();
    else peer.port.close();
    this.#port = undefined;
    this.#next();
  }

  #failed(error: Error): unknown {
    const { server, meter: { transactions }, limit } = this.#context;
    if (isTaken(error)) {
      const what = this.#ports === undefined ? "no port of this machine" : `none of the ports ${this.#ports}`;
      return new TineError(
        "no-client-port",
        `connect to ${server}: ${what} is free after ${transactions} transactions: the system keeps those of ` +
          "connections that have ended for a minute (TIME_WAIT); give a range of client ports, or close by reset",
        { cause: error },
      );
    }
    return connectionError(error, `connect to ${server} for transaction ${limit.begun}`);
  }
}

/** Whether the port or the pair of addresses that a connection was to have is in use. */
function isTaken(error: unknown): boolean {
  return error instanceof SystemError && (error.errnoName === "EADDRNOTAVAIL" || error.errnoName === "EADDRINUSE");
}

/** Goes through a range of ports, over and over. */
class LocalPorts {
  readonly #first: number;
  /** Their number. */
  readonly count: number;
  #next = 0;

  constructor(range: string) {
    const { first, last } = parsePorts(range)!;
    this.#first = first;
    this.count = last - first + 1;
  }

  next(): number {
    const port = this.#first + this.#next;
    this.#next = (this.#next + 1) % this.count;
    return port;
  }

  toString(): string {
    return `${this.#first}-${this.#first + this.count - 1}`;
  }
}
