import { isLoopback } from "../../base/address.ts";
import { parseAddress } from "../address.ts";
import { UsageError } from "../errors.ts";
import { escape } from "../terminal.ts";

/** A socket that listens. */
export interface Listening {
  listener: Deno.Listener;
  /** For messages. */
  place: string;
  /** Stops listening and removes what belongs to it. */
  close(): void;
}

/** Where to listen, as the command line says it: one of the first two. */
export interface ListenFlags {
  socket?: string;
  listen?: string;
  /** Permissions of a Unix socket, in octal. */
  socketMode: string;
}

/**
 * Listens on a Unix socket or on TCP.
 *
 * @param warn is told when other machines may reach the socket
 */
export async function openListener(flags: ListenFlags, warn: (message: string) => void): Promise<Listening> {
  if (flags.socket !== undefined) {
    if (!/^0?[0-7]{3}$/.test(flags.socketMode)) {
      throw new UsageError(
        `--socket-mode MODE: expected permissions in octal such as 0660, not "${escape(flags.socketMode)}"`,
      );
    }
    const { listenUnix } = await import("../../udf/unix_listener.ts");
    const unix = await listenUnix(flags.socket, parseInt(flags.socketMode, 8));
    return { listener: unix.listener, place: flags.socket, close: () => unix.close() };
  }
  const { hostname, port } = parseAddress(flags.listen!, "--listen");
  if (!isLoopback(hostname)) {
    warn(`${hostname} may be reached by other machines, and the UDF protocol has no authentication`);
  }
  const { listenTcp } = await import("../../udf/agent_server.ts");
  const { formatAddress } = await import("../../udf/udf_socket.ts");
  const listener = listenTcp({ hostname, port });
  return { listener, place: formatAddress(listener.addr as Deno.NetAddr), close: () => {} };
}
