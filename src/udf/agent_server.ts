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
        if (this.#stopping) break;
        // For instance a connection that was reset before it was accepted, or too many open files: others go on.
        this.#options.log?.(`cannot accept a connection: ${messageOf(error)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      if (connection.localAddr.transport === "tcp") (connection as Deno.TcpConn).setNoDelay();
      this.#run(connection, ++this.#accepted);
    }
    await Promise.all(this.#agents.values());
  }

  /** Stops listening and ends all agents as {@linkcode Agent.stop} does; waits for them. */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#listener.close();
      this.#room?.resolve();
      for (const agent of this.#agents.keys()) agent.stop();
    }
    await Promise.all(this.#agents.values());
  }

  #run(connection: Deno.Conn, number: number): void {
    const closing = closeOnce(connection);
    const wrapped = this.#options.wrap?.(closing, number) ?? closing;
    const agent = new Agent(wrapped, this.#createHandler, this.#options);
    const running = agent.run()
      .catch((error) => this.#options.log?.(`connection ${number} failed: ${messageOf(error)}`))
      .finally(() => {
        this.#agents.delete(agent);
        this.#room?.resolve();
      });
    this.#agents.set(agent, running);
  }
}

/** A connection whose end may be asked for twice. */
function closeOnce(connection: Deno.Conn): Connection {
  let closed = false;
  return {
    read: (buffer: Uint8Array) => connection.read(buffer),
    write: (bytes: Uint8Array) => connection.write(bytes),
    closeWrite: () => connection.closeWrite(),
    close() {
      if (closed) return;
      closed = true;
      connection.close();
    },
  };
}
