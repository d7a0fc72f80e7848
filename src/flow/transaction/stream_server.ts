import { SystemError } from "../../sys/errno.ts";
import { READABLE, type Watch, WRITABLE } from "../../sys/poller.ts";
import { WOULD_BLOCK } from "../../sys/socket.ts";
import { TineError } from "../../base/errors.ts";
import type { FlowHost, Scope, Timer } from "../engine/engine_flow.ts";
import type { ServedTransactionReport } from "../report.ts";
import type { FlowLimits } from "../serving_limits.ts";
import { NO_ROOM, NO_ROOM_PAUSE_MS, STALL_TIMEOUT_MS } from "../stream/limits.ts";
import { requestAt } from "../stream/messages.ts";
import { HeldReads } from "../stream/stream_receiver.ts";
import { StreamPeer } from "../stream/stream_peer.ts";
import type { StreamListener, StreamPort, StreamPorts } from "../stream/stream_port.ts";
import { serverCpu, ThreadTime } from "../stream/transfer.ts";
import { BUFFER_BYTES, MAX_IN_FLIGHT, MAX_OPEN_CONNECTIONS } from "./limits.ts";
import { LAST_REQUEST, socketRequest, type TransactionReceipt, type TransactionRequest } from "./messages.ts";
import { RepeatedMessage } from "./repeated_message.ts";

/** How often it is checked whether requests still come, in nanoseconds. */
const CHECK_NANOS = 1e9;

/** The length that any path takes in one segment, in bytes. */
const ONE_SEGMENT_BYTES = 500;

/** The context of a served flow of requests and responses. */
export interface ServedContext {
  readonly host: FlowHost;
  readonly ports: StreamPorts;
  /** Of the connection that the client has asked over; errors in it end the flow. */
  readonly scope: Scope;
  readonly peer: StreamPeer;
  readonly request: TransactionRequest;
  readonly limits: FlowLimits;
  /** Called once, when the client has ended the flow. */
  onDone(receipt: TransactionReceipt): void;
}

/** A flow of requests and responses at its server. */
export abstract class ServedTransactions {
  /** Requests that were answered. */
  transactions = 0;
  /** Connections over which they came. */
  connections = 0;
  protected readonly scope: Scope;
  readonly #held: HeldReads | undefined;
  /** What waits until more may be read. */
  readonly #waiting = new Set<Watch>();
  readonly #host: FlowHost;
  readonly #startedAt: number;
  readonly #cpu: ThreadTime | undefined;

  constructor(protected readonly context: ServedContext) {
    const { host, peer, scope } = context;
    this.#host = host;
    this.scope = scope;
    this.#startedAt = host.now();
    const { bitsPerSecond } = context.limits;
    if (bitsPerSecond !== undefined) this.#held = new HeldReads(scope, bitsPerSecond, () => this.#goOn());
    this.#cpu = peer.port.kernel === undefined ? undefined : new ThreadTime();
    let before = -1, changedAt = this.#startedAt;
    const timer = scope.timer(() => {
      const now = host.now();
      timer.set(now + CHECK_NANOS);
      if (this.transactions !== before) {
        before = this.transactions;
        changedAt = now;
      } else if (now - changedAt > STALL_TIMEOUT_MS * 1e6) {
        throw new TineError("peer-stalled", `${peer.name} has sent no request for ${STALL_TIMEOUT_MS / 1000} s`);
      }
    });
    timer.set(this.#startedAt + CHECK_NANOS);
  }

  /** Begins to serve. */
  abstract start(): void;

  /** Closes what it has opened, except the connection that the client has asked over. */
  abstract close(): void;

  /** Reports the counts so far. */
  report(complete: boolean): ServedTransactionReport {
    const { transactions, connections } = this;
    const elapsedNanos = this.#host.now() - this.#startedAt;
    return { kind: "servedTransactions", complete, elapsedNanos, transactions, connections };
  }

  /** Payload of the requests that were answered, and of their responses, in bytes. */
  get moved(): { readonly bytesIn: number; readonly bytesOut: number } {
    const { requestBytes, responseBytes } = this.context.request.transactions;
    return { bytesIn: this.transactions * requestBytes, bytesOut: this.transactions * responseBytes };
  }

  protected receipt(): TransactionReceipt {
    return { transactions: this.transactions, ...serverCpu(this.#cpu), ...this.#held?.used && { held: true } };
  }

  /**
   * Answers what has come over a connection; no faster than the limit of the flow.
   *
   * @param ready what the connection is ready for
   */
  protected answer(answers: Answers, peer: StreamPeer, watch: Watch, ready: number): void {
    // Requests wait while the client does not take what it has asked for; an error is read at once.
    if (answers.unsentBytes === 0) {
      if ((ready & ~(READABLE | WRITABLE)) === 0 && this.#held?.holds()) {
        watch.interest = 0;
        this.#waiting.add(watch);
        return;
      }
      const requests = answers.receive(peer);
      this.transactions += requests;
      const { requestBytes, responseBytes } = this.context.request.transactions;
      this.#held?.count(requests * Math.max(requestBytes, responseBytes));
    }
    watch.interest = answers.send(peer) ? READABLE : WRITABLE;
  }

  #goOn(): void {
    for (const watch of this.#waiting) watch.interest = READABLE;
    this.#waiting.clear();
  }
}

/** Counts the bytes of requests as they come, and those of responses as they go. */
class Answers {
  /** Responses, or parts of such, that are to be sent. */
  unsentBytes = 0;
  /** Whether the client has ended the flow. */
  ended = false;
  readonly #requestBytes: number;
  readonly #responseBytes: number;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #responses: RepeatedMessage;
  /** Of the request that is next. */
  #receivedBytes = 0;
  #isLast = false;

  /**
   * @param buffer where requests are read into
   * @param responses what is sent
   */
  constructor(
    { requestBytes, responseBytes }: TransactionRequest["transactions"],
    buffer: Uint8Array<ArrayBuffer>,
    responses: RepeatedMessage,
  ) {
    this.#requestBytes = requestBytes;
    this.#responseBytes = responseBytes;
    this.#buffer = buffer;
    this.#responses = responses;
  }

  /**
   * Reads requests.
   *
   * @returns how many are complete now
   */
  receive(peer: StreamPeer): number {
    const count = peer.read(this.#buffer);
    if (count === WOULD_BLOCK) return 0;
    let requests = 0;
    for (let at = 0; at < count && !this.ended;) {
      if (this.#receivedBytes === 0) this.#isLast = this.#buffer[at] === LAST_REQUEST;
      const taken = Math.min(this.#requestBytes - this.#receivedBytes, count - at);
      at += taken;
      this.#receivedBytes += taken;
      if (this.#receivedBytes < this.#requestBytes) break;
      this.#receivedBytes = 0;
      if (this.#isLast) this.ended = true;
      else requests++;
    }
    this.unsentBytes += requests * this.#responseBytes;
    return requests;
  }

  /** Sends responses; false where there is no room for all of them. */
  send(peer: StreamPeer): boolean {
    while (this.unsentBytes > 0) {
      const count = peer.write(this.#responses.next(this.unsentBytes));
      if (count === WOULD_BLOCK) return false;
      this.#responses.sent(count);
      this.unsentBytes -= count;
    }
    return true;
  }
}

/** Answers the requests of one connection, TCP_RR. */
export class ExchangeServer extends ServedTransactions {
  #watch: Watch | undefined;

  override start(): void {
    const { peer, request: { transactions: exchange }, onDone } = this.context;
    this.connections = 1;
    const answers = new Answers(
      exchange,
      new Uint8Array(BUFFER_BYTES),
      new RepeatedMessage(exchange.responseBytes, MAX_IN_FLIGHT),
    );
    const watch = this.#watch = peer.port.watch(this.scope, READABLE, (ready) => {
      this.answer(answers, peer, watch, ready);
      if (!answers.ended || answers.unsentBytes > 0) return;
      watch.close();
      onDone(this.receipt());
    });
  }

  override close(): void {
    this.#watch?.close();
  }
}

/**
 * Answers requests of which each has a connection of its own, TCP_CRR: to a port that only this client may connect to.
 */
export class ConnectionServer extends ServedTransactions {
  readonly #listener: StreamListener;
  readonly #client: string;
  /** For messages. */
  readonly #name: string;
  /** All connections read into it, one at a time. */
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #response: RepeatedMessage;
  readonly #pause: Timer;
  #watch: Watch | undefined;
  /** What closes each open connection. */
  readonly #open = new Set<() => void>();

  constructor(context: ServedContext) {
    super(context);
    const { ports, peer: { port }, request: { transactions: { requestBytes, responseBytes } } } = context;
    this.#buffer = new Uint8Array(Math.min(BUFFER_BYTES, requestBytes));
    this.#response = new RepeatedMessage(responseBytes);
    this.#listener = ports.listen(port.local.withPort(0), { listenAddr: "" });
    this.#client = port.remote.host;
    this.#name = `client ${this.#client}`;
    this.#pause = this.scope.timer(() => this.#watch!.interest = READABLE);
  }

  /** The port that it listens at. */
  get port(): number {
    return this.#listener.local.port;
  }

  override start(): void {
    const { peer, onDone } = this.context;
    this.#watch = this.#listener.watch(this.scope, () => this.#accept());
    const control = peer.port.watch(this.scope, READABLE, () => {
      if (peer.readFrame() === undefined) return;
      control.close();
      onDone(this.receipt());
    });
  }

  override close(): void {
    this.#listener.close();
    for (const close of this.#open) close();
  }

  #accept(): void {
    for (let i = 0; i < MAX_OPEN_CONNECTIONS; i++) {
      try {
        const port = this.#listener.accept();
        if (port === undefined) return;
        this.#welcome(port);
      } catch (error) {
        // A client that is gone already has no address; where the system has no room, the connection waits.
        if (!(error instanceof SystemError)) throw error;
        if (!NO_ROOM.includes(error.errnoName)) continue;
        this.#watch!.interest = 0;
        this.#pause.set(this.scope.now() + NO_ROOM_PAUSE_MS * 1e6);
        return;
      }
    }
  }

  #welcome(port: StreamPort): void {
    if (port.remote.host !== this.#client || this.#open.size >= MAX_OPEN_CONNECTIONS) {
      port.reset();
      return;
    }
    this.connections++;
    const { request } = this.context;
    // What goes wrong with one connection ends that alone: the client sees it, too.
    const scope = this.scope.scope(() => close());
    const close = () => {
      this.#open.delete(close);
      scope.close();
      port.close();
    };
    this.#open.add(close);
    // What fits one segment goes out at once anyway.
    if (request.transactions.responseBytes > ONE_SEGMENT_BYTES) port.setNoDelay(true);
    if (request.dscp !== undefined || request.sockopt !== undefined) {
      port.setUp(requestAt("server", socketRequest(request)));
    }
    const peer = new StreamPeer(port, this.#name);
    const answers = new Answers(request.transactions, this.#buffer, this.#response.again());
    // The client closes: its end, or its reset, is the end of the connection.
    const watch = port.watch(scope, READABLE, (ready) => this.answer(answers, peer, watch, ready));
  }
}
