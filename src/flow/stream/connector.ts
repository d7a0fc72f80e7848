import { SocketAddress } from "../../sys/address.ts";
import { WRITABLE } from "../../sys/poller.ts";
import { Socket } from "../../sys/socket.ts";
import { SystemError } from "../../sys/errno.ts";
import { TineError } from "../../base/errors.ts";
import type { FlowHost } from "../engine/engine_flow.ts";
import { CONNECT_TIMEOUT_MS } from "./limits.ts";

/** What to do with a socket before and after it is connected. */
export interface ConnectorHooks {
  /** Sets its options. */
  setUp(socket: Socket): void;
  /** It is connected, and no longer the connector's. */
  onConnected(socket: Socket, address: SocketAddress): void;
}

/** Connects to the first of some addresses that takes connections. */
export class Connector {
  readonly #host: FlowHost;
  readonly #addresses: readonly SocketAddress[];
  readonly #hooks: ConnectorHooks;
  readonly #failures: TineError[] = [];
  #socket: Socket | undefined;

  constructor(host: FlowHost, addresses: readonly string[], hooks: ConnectorHooks) {
    this.#host = host;
    this.#addresses = addresses.map((address) => SocketAddress.parse(address));
    this.#hooks = hooks;
  }

  /** Tries; if no address works, the flow fails with what each of them said. */
  start(): void {
    const address = this.#addresses[this.#failures.length];
    const socket = this.#socket = Socket.open("tcp", address.family);
    this.#hooks.setUp(socket);
    const scope = this.#host.scope((error) => this.#host.fail(error));
    const over = (error?: SystemError | TineError) => {
      scope.close();
      if (error !== undefined) return this.#next(socket, address, error);
      this.#socket = undefined;
      this.#hooks.onConnected(socket, address);
    };
    scope.timer(() => over(timeout(address))).set(scope.now() + CONNECT_TIMEOUT_MS * 1e6);
    let connected;
    try {
      connected = socket.connect(address);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      return over(error);
    }
    if (connected) over();
    else scope.watch(socket.fd, WRITABLE, () => over(socket.pendingError()));
  }

  /** Stops trying. */
  close(): void {
    this.#socket?.close();
  }

  #next(socket: Socket, address: SocketAddress, error: SystemError | TineError): void {
    socket.close();
    this.#failures.push(connectionError(error, `connect to ${address}`) as TineError);
    if (this.#failures.length < this.#addresses.length) return this.start();
    const [{ code }] = this.#failures;
    throw new TineError(code, this.#failures.map(({ message }) => message).join("; "));
  }
}

function timeout(address: SocketAddress): TineError {
  return new TineError(
    "connection-timeout",
    `connect to ${address}: no answer for ${CONNECT_TIMEOUT_MS / 1000} s`,
  );
}

/** Codes for what happens to connections, by the name of the error number. */
const codes: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection-refused",
  ECONNRESET: "connection-reset",
  EPIPE: "connection-reset",
  ENETUNREACH: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  ETIMEDOUT: "connection-timeout",
};

/**
 * An error of the kernel in the words of its user; others as they are.
 *
 * @param error what a call on the socket threw
 * @param what the text in front of the kernel's reason: `the connection to 10.0.0.1:5201 broke after 5 bytes`
 */
export function connectionError(error: unknown, what: string): unknown {
  if (!(error instanceof SystemError)) return error;
  const code = codes[error.errnoName];
  if (code === undefined) return error;
  // The call and the socket's own address say nothing that helps.
  const reason = error.message.slice(error.message.lastIndexOf(": ") + 2);
  return new TineError(code, `${what}: ${reason}`, { cause: error });
}
