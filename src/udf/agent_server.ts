import { Condition } from "../base/condition.ts";
import type { Connection } from "../wire/connection.ts";
import { cannotListen, type HostPort } from "../base/address.ts";
import { messageOf } from "../base/errors.ts";

/** What serves one connection: an {@linkcode Agent}, or what acts like one. */
export interface ServingAgent {
  /** Serves until the end of the input, ends the connection, and throws what failed. */
  run(): Promise<void>;
  /** Makes {@linkcode run} end in order. */
  stop(): void;
}

/** How a server behaves; each has a default. */
export interface AgentServerOptions {
  /** Gets a sentence for each connection that failed. */
  log?: (message: string) => void;
  /** The maximum number of open connections; default 10,000. More wait in the kernel's queue. */
  maxConnections?: number;
  /** How long connections may take to end once the server is stopped, in ms; default 5,000. Then they are cut. */
  stopTimeoutMs?: number;
}

/** Where connections come from: a `Deno.Listener`, or what acts like one. */
export interface ConnectionListener {
  /** Waits for a connection; fails with `Deno.errors.BadResource` once it is closed. */
  accept(): Promise<Connection>;
  close(): void;
}

/** Makes what serves a connection; the first connection has the number 1. */
export type Accept = (connection: Connection, number: number) => ServingAgent;

/**
 * Serves UDFs on a socket: each connection is an agent with a handler of its own.
 *
 * @example
 * ```ts
 * import { Agent } from "./agent.ts";
 * import { AgentServer } from "./agent_server.ts";
 * import { createHandler } from "./handlers/mirror.ts";
 * const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const server = new AgentServer(listener, (connection) => new Agent(connection, createHandler));
 * const serving = server.serve();
 * await server.stop();
 * await serving;
 * ```
 */
export class AgentServer {
  readonly #listener: ConnectionListener;
  readonly #accept: Accept;
  readonly #options: AgentServerOptions;
  readonly #agents = new Map<ServingAgent, Promise<void>>();
  readonly #connections = new Set<Connection>();
  /** Settles when connections have been cut. */
  readonly #cut = Promise.withResolvers<void>();
  #stopping = false;
  readonly #room = new Condition();
  #accepted = 0;

  /**
   * @param listener closed by {@linkcode stop}
   * @param accept called once for each connection
   */
  constructor(listener: ConnectionListener, accept: Accept, options: AgentServerOptions = {}) {
    this.#listener = listener;
    this.#accept = accept;
    this.#options = options;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#agents.size;
  }

  /** Connections since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Accepts connections until {@linkcode stop}, then waits for the last one to end. */
  async serve(): Promise<void> {
    const most = this.#options.maxConnections ?? 10_000;
    while (!this.#stopping) {
      if (this.#agents.size >= most) {
        await this.#room.wait();
        continue;
      }
      let connection: Connection;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (this.#stopping || error instanceof Deno.errors.BadResource) break; // the listener is closed
        // For instance a connection that was reset before it was accepted, or too many open files: others go on.
        this.#options.log?.(`cannot accept a connection: ${messageOf(error)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      if (isTcp(connection)) connection.setNoDelay();
      this.#run(connection, ++this.#accepted);
    }
    await this.#ended();
  }

  /**
   * Stops listening and ends all agents as {@linkcode Agent.stop} does; waits for them, but not for ever: hosts that do
   * not read and handlers that do not end are left after {@linkcode AgentServerOptions.stopTimeoutMs}.
   */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      close(this.#listener);
      this.#room.notify();
      for (const agent of this.#agents.keys()) agent.stop();
    }
    const timer = setTimeout(() => {
      for (const connection of this.#connections) close(connection);
      this.#agents.clear();
      this.#cut.resolve();
    }, this.#options.stopTimeoutMs ?? 5_000);
    try {
      await this.#ended();
    } finally {
      clearTimeout(timer);
    }
  }

  async #ended(): Promise<void> {
    await Promise.race([Promise.all(this.#agents.values()), this.#cut.promise]);
  }

  #run(connection: Connection, number: number): void {
    this.#connections.add(connection);
    const agent = this.#accept(closeOnce(connection), number);
    const running = agent.run()
      .catch((error) => this.#options.log?.(`connection ${number} failed: ${messageOf(error)}`))
      .finally(() => {
        this.#agents.delete(agent);
        this.#connections.delete(connection);
        this.#room.notify();
      });
    this.#agents.set(agent, running);
  }
}

function isTcp(connection: Connection): connection is Deno.TcpConn {
  return "setNoDelay" in connection;
}

/** A connection whose end may be asked for twice. */
function closeOnce(connection: Connection): Connection {
  return {
    read: (buffer: Uint8Array) => connection.read(buffer),
    write: (bytes: Uint8Array) => connection.write(bytes),
    closeWrite: () => connection.closeWrite(),
    close: () => close(connection),
  };
}

/** Closes what may have been closed before. */
function close(resource: Connection | ConnectionListener): void {
  try {
    resource.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/**
 * Listens on TCP.
 *
 * @throws {TineError} `cannot-listen`
 */
export function listenTcp(address: HostPort): Deno.TcpListener {
  try {
    return Deno.listen(address);
  } catch (error) {
    throw cannotListen(address, error);
  }
}
