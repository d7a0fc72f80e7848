import { createServer, type Socket } from "node:net";
import { Condition } from "../base/condition.ts";
import { messageOf, TineError } from "../base/errors.ts";
import type { Connection } from "../wire/connection.ts";
import type { ConnectionListener } from "./agent_server.ts";

/** A socket that the starter of this process listens on. */
export interface InheritedListener {
  readonly listener: ConnectionListener;
  /** Where it listens; undefined for a Unix socket. */
  readonly address: { hostname: string; port: number } | undefined;
}

/**
 * Listens on a TCP or Unix socket that this process was started with, as systemd and `systemd-socket-activate` pass
 * them. The file of a Unix socket belongs to the starter: it stays when the listener is closed.
 *
 * @param fd the number of the file descriptor; the first one that systemd passes is 3
 * @throws {TineError} `cannot-listen` if it is no socket that listens
 *
 * @example
 * ```ts
 * import { Agent } from "./agent.ts";
 * import { AgentServer } from "./agent_server.ts";
 * import { createHandler } from "./handlers/mirror.ts";
 * import { listenInherited } from "./inherited_listener.ts";
 * if (Deno.env.get("LISTEN_PID") === String(Deno.pid)) {
 *   const { listener } = await listenInherited(3);
 *   await new AgentServer(listener, (connection) => new Agent(connection, createHandler)).serve();
 * }
 * ```
 */
export async function listenInherited(fd: number): Promise<InheritedListener> {
  // Deno.listen() makes sockets only; the server of Node.js takes one that is there.
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const waiting: Socket[] = [];
  const change = new Condition();
  let closed = false;
  let failure: Error | undefined;
  server.on("connection", (socket) => {
    // What happens to a connection is noticed by its next read or write, also before anything waits for it.
    socket.on("error", () => {});
    waiting.push(socket);
    change.notify();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `cannot listen on the file descriptor ${fd}: it is no socket that listens`;
      reject(new TineError("cannot-listen", message, { cause }));
    });
    server.listen({ fd }, resolve);
  });
  server.removeAllListeners("error");
  server.on("error", (error) => {
    failure = error;
    change.notify();
  });
  const address = server.address();
  return {
    address: address === null || typeof address === "string"
      ? undefined
      : { hostname: address.address, port: address.port },
    listener: {
      async accept() {
        for (;;) {
          if (closed) throw new Deno.errors.BadResource("the listener is closed");
          const socket = waiting.shift();
          if (socket !== undefined) return socketConnection(socket);
          if (failure !== undefined) {
            const message = messageOf(failure);
            failure = undefined;
            throw new TineError("cannot-accept", message);
          }
          await change.wait();
        }
      },
      close() {
        if (closed) return;
        closed = true;
        server.close();
        for (const socket of waiting.splice(0)) socket.destroy();
        change.notify();
      },
    },
  };
}

function socketConnection(socket: Socket): Connection {
  const change = new Condition();
  for (const event of ["readable", "end", "error", "close"]) socket.on(event, () => change.notify());
  let rest: Uint8Array = new Uint8Array();
  return {
    async read(buffer) {
      while (rest.length === 0) {
        const bytes: Uint8Array | null = socket.read();
        if (bytes !== null) rest = bytes;
        else if (socket.errored) throw socket.errored;
        else if (socket.readableEnded) return null;
        else if (socket.destroyed) throw new Deno.errors.BadResource("the connection is closed");
        else await change.wait();
      }
      const count = Math.min(buffer.length, rest.length);
      buffer.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      return count;
    },
    write(bytes) {
      return new Promise((resolve, reject) => {
        socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
      });
    },
    closeWrite: () => new Promise((resolve) => void socket.end(resolve)),
    close: () => void socket.destroy(),
  };
}
