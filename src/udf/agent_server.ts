import type { Connection } from "../wire/connection.ts";
import { messageOf } from "../wire/errors.ts";
import { Agent, type AgentOptions } from "./agent.ts";
import type { CreateHandler } from "./handler.ts";

/** How a server behaves; each has a default. */
export interface AgentServerOptions extends AgentOptions {
  /** Gets a sentence for each connection that failed. */
  log?: (message: string) => void;
  /** How many connections may be open at the same time; default 10,000. More wait in the kernel's queue. */
  maxConnections?: number;
  /** How long connections may take to end once the server is stopped, in ms; default 5,000. Then they are cut. */
  stopTimeoutMs?: number;
  /** Gets each connection with its number, from 1 on, before anything crosses it; the agent uses what it returns. */
  wrap?: (connection: Connection, number: number) => Connection;
}

/**
 * Serves UDFs on a socket: each connection is an agent with a handler of its own.
 *
 * @example
 * ```ts
 * import { AgentServer } from "./agent_server.ts";
 * import { createHandler } from "./handlers/mirror.ts";
 * const server = new AgentServer(Deno.listen({ hostname: "127.0.0.1", port: 0 }), createHandler);
 * const serving = server.serve();
 * await server.stop();
 * await serving;
 * ```
 */
export class AgentServer {
  readonly #listener: Deno.Listener;
  readonly #createHandler: CreateHandler;
  readonly #options: AgentServerOptions;
  readonly #agents = new Map<Agent, Promise<void>>();
  readonly #connections = new Set<Deno.Conn>();
  /** Settles when connections have been cut. */
  readonly #cut = Promise.withResolvers<void>();
  #stopping = false;
  #room: PromiseWithResolvers<void> | undefined;
  #accepted = 0;

  /**
   * @param listener closed by {@linkcode stop}
   * @param createHandler called once for each connection
   */
  constructor(listener: Deno.Listener, createHandler: CreateHandler, options: AgentServerOptions = {}) {
    this.#listener = listener;
    this.#createHandler = createHandler;
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
        this.#room = Promise.withResolvers();
        await this.#room.promise;
        continue;
      }
      let connection: Deno.Conn;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (this.#stopping || error instanceof Deno.errors.BadResource) break; // the listener is closed
        // For instance a connection that was reset before it was accepted, or too many open files: others go on.
        this.#options.log?.(`cannot accept a connection: ${messageOf(error)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      if (connection.localAddr.transport === "tcp") (connection as Deno.TcpConn).setNoDelay();
      this.#run(connection, ++this.#accepted);
    }
    await this.#ended();
  }

  /**
   * Stops listening and ends all agents as {@linkcode Agent.stop} does; waits for them, but not for ever: hosts that do not
   * read and handlers that do not end are left after {@linkcode AgentServerOptions.stopTimeoutMs}.
   */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      close(this.#listener);
      this.#room?.resolve();
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

  #run(connection: Deno.Conn, number: number): void {
    this.#connections.add(connection);
    const closing = closeOnce(connection);
    const wrapped = this.#options.wrap?.(closing, number) ?? closing;
    const agent = new Agent(wrapped, this.#createHandler, this.#options);
    const running = agent.run()
      .catch((error) => this.#options.log?.(`connection ${number} failed: ${messageOf(error)}`))
      .finally(() => {
        this.#agents.delete(agent);
        this.#connections.delete(connection);
        this.#room?.resolve();
      });
    this.#agents.set(agent, running);
  }
}

/** A connection whose end may be asked for twice. */
function closeOnce(connection: Deno.Conn): Connection {
  return {
    read: (buffer: Uint8Array) => connection.read(buffer),
    write: (bytes: Uint8Array) => connection.write(bytes),
    closeWrite: () => connection.closeWrite(),
    close: () => close(connection),
  };
}

/** Closes what somebody else may have closed before. */
function close(resource: Deno.Conn | Deno.Listener): void {
  try {
    resource.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
