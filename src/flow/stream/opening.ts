import { SystemError } from "../../sys/errno.ts";
import type { SockAddr } from "../../sys/address.ts";
import { WOULD_BLOCK } from "../../sys/socket.ts";
import { TineError } from "../../base/errors.ts";
import type { FlowHost, Timer } from "../engine/engine_flow.ts";
import { CONNECT_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS } from "./limits.ts";
import { acceptedBy, type StreamRequest } from "./messages.ts";
import { connectionError, type StreamPeer } from "./stream_peer.ts";
import type { StreamPort, StreamPorts } from "./stream_port.ts";
import { checkGreeting, type Greeting, GreetingReader } from "./wire.ts";

/**
 * How a client opens a flow: it connects, and reads the server's greeting and its answer.
 *
 * @module
 */

const MILLISECOND = 1e6;

/** What a connector works with. */
interface ConnectorOptions {
  readonly host: FlowHost;
  readonly ports: StreamPorts;
  readonly addresses: readonly SockAddr[];
  /** As it concerns the client. */
  readonly request: StreamRequest;
  /** Where it is bound. */
  readonly bind: string | undefined;
  /** Takes the connection over. */
  onConnected(port: StreamPort, address: SockAddr): void;
}

/** Connects to the first of some addresses that takes connections. */
export class Connector {
  readonly #options: ConnectorOptions;
  readonly #failures: TineError[] = [];
  #attempt: Disposable | undefined;

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /** Tries; if no address works, the flow fails with the errors of all of them. */
  start(): void {
    const { host, ports, addresses, request, bind, onConnected } = this.#options;
    const address = addresses[this.#failures.length];
    const scope = host.scope((error) => host.fail(error));
    const settle = (result: StreamPort | Error) => {
      scope.close();
      if (result instanceof Error) this.#next(address, result);
      else onConnected(result, address);
    };
    scope.timer(() => {
      this.close();
      settle(timeout(address));
    }).set(scope.now() + CONNECT_TIMEOUT_MS * MILLISECOND);
    this.#attempt = ports.connect(scope, address, { request, bind }, settle);
  }

  /** Stops trying. */
  close(): void {
    this.#attempt?.[Symbol.dispose]();
  }

  #next(address: SockAddr, error: Error): void {
    const refused = error instanceof SystemError && error.errnoName === "ECONNREFUSED";
    this.#failures.push(
      refused
        ? new TineError("connection-refused", `no server listens for TCP flows at ${address} (${error.errnoName})`, {
          cause: error,
        })
        : connectionError(error, `connect to ${address}`) as TineError,
    );
    if (this.#failures.length < this.#options.addresses.length) return this.start();
    const [{ code }] = this.#failures;
    throw new TineError(code, this.#failures.map(({ message }) => message).join("; "));
  }
}

function timeout(address: SockAddr): TineError {
  return new TineError(
    "connection-timeout",
    `connect to ${address}: no answer for ${CONNECT_TIMEOUT_MS / 1000} s`,
  );
}

/** Reads what a server sends before the transfer: its greeting, then its answer to the request. */
export class Opening {
  readonly #peer: StreamPeer;
  readonly #hasKey: boolean;
  readonly #reader: GreetingReader;
  #greeting: Greeting | undefined;
  #answer: Readonly<Record<string, unknown>> | undefined;

  /**
   * @param peer the server
   * @param hasKey whether the client has a key
   */
  constructor(peer: StreamPeer, hasKey: boolean) {
    this.#peer = peer;
    this.#hasKey = hasKey;
    this.#reader = new GreetingReader(peer.name);
  }

  /** What the server has still to send. */
  get awaited(): "greeting" | "answer" {
    return this.#greeting === undefined ? "greeting" : "answer";
  }

  /**
   * Reads on, up to the end of the greeting.
   *
   * @returns the greeting when it is complete
   * @throws {TineError} see {@linkcode GreetingReader} and {@linkcode checkGreeting}; `connection-closed`,
   *   `connection-reset`
   */
  readGreeting(): Greeting | undefined {
    while (this.#greeting === undefined) {
      const count = this.#peer.read(this.#reader.room);
      if (count === WOULD_BLOCK) return undefined;
      const greeting = this.#reader.filled(count);
      if (greeting !== undefined) checkGreeting(greeting, this.#hasKey, this.#peer.name);
      this.#greeting = greeting;
    }
    return this.#greeting;
  }

  /**
   * Reads on, up to the end of the answer.
   *
   * @returns the fields of the answer, when the server has taken the request
   * @throws {TineError} as {@linkcode Opening.readGreeting} does; what the server refused the request with
   */
  readAnswer(): Readonly<Record<string, unknown>> | undefined {
    if (this.#answer !== undefined) return this.#answer;
    if (this.readGreeting() === undefined) return undefined;
    const frame = this.#peer.readFrame();
    return this.#answer = frame && acceptedBy(this.#peer.name, frame.value);
  }
}

/**
 * Limits how long a message of the server is waited for: the flow fails after that, unless the timer is cleared.
 *
 * @param what returns the name of the message
 */
export function patience(host: FlowHost, { name }: StreamPeer, what: () => string): Timer {
  const timer = host.timer(() => {
    const seconds = HANDSHAKE_TIMEOUT_MS / 1000;
    throw new TineError("no-answer", `${name} gave no ${what()} of a tine server of TCP flows for ${seconds} s`);
  });
  timer.set(host.now() + HANDSHAKE_TIMEOUT_MS * MILLISECOND);
  return timer;
}
