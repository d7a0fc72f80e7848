import { isLoopback } from "../../base/address.ts";
import { TineError } from "../../base/errors.ts";
import type { ConnectionListener } from "../../udf/agent_server.ts";
import { parseAddress } from "../address.ts";
import { UsageError } from "../errors.ts";
import { escape } from "../terminal.ts";

/** The first file descriptor that sd_listen_fds(3) passes. */
const FIRST_FD = 3;

/** A socket that listens. */
export interface Listening {
  listener: ConnectionListener;
  /** For messages. */
  place: string;
  /** Stops listening and removes what belongs to it. */
  close(): void;
}

/** Where to listen, as the command line gives it: one of the first three. */
export interface ListenFlags {
  socket?: string;
  listen?: string;
  /** A file descriptor. */
  listenFd?: number;
  /** Permissions of a Unix socket, in octal. */
  socketMode: string;
}

/** Whether the command line says where to listen; if not, the agent speaks on stdio. */
export function listens({ socket, listen, listenFd }: ListenFlags): boolean {
  return socket !== undefined || listen !== undefined || listenFd !== undefined;
}

/** @throws {UsageError} where the command line gives several places */
export function checkListenFlags({ socket, listen, listenFd }: ListenFlags): void {
  const given = [socket && "--socket", listen && "--listen", listenFd !== undefined && "--listen-fd"].filter((x) => x);
  if (given.length > 1) throw new UsageError(`${given.join(" and ")} exclude each other: give one of them`);
}

/**
 * Listens on a Unix socket, on TCP, or on a socket that was passed to this process.
 *
 * @param warn gets a sentence where other machines may reach the socket
 * @throws {UsageError} for a mode or an address that is not valid
 * @throws {TineError} `cannot-listen`, and those of Unix sockets
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
  if (flags.listenFd !== undefined) return await listenOnFd(flags.listenFd, warn);
  const { hostname, port } = parseAddress(flags.listen!, "--listen");
  warnOfOthers(hostname, warn);
  const { listenTcp } = await import("../../udf/agent_server.ts");
  const { formatAddress } = await import("../../udf/udf_socket.ts");
  const listener = listenTcp({ hostname, port });
  return { listener, place: formatAddress(listener.addr as Deno.NetAddr), close: () => {} };
}

async function listenOnFd(fd: number, warn: (message: string) => void): Promise<Listening> {
  checkPassed(fd, { pid: Deno.env.get("LISTEN_PID"), count: Deno.env.get("LISTEN_FDS") });
  const { listenInherited } = await import("../../udf/inherited_listener.ts");
  const { formatAddress } = await import("../../udf/udf_socket.ts");
  const { listener, address } = await listenInherited(fd);
  if (address !== undefined) warnOfOthers(address.hostname, warn);
  const place = `the file descriptor ${fd}` + (address === undefined ? "" : `, ${formatAddress(address)}`);
  return { listener, place, close: () => listener.close() };
}

/**
 * Makes sure that a file descriptor is meant for this process, where the environment says for which one it is.
 *
 * Protocol: sd_listen_fds(3)
 */
function checkPassed(fd: number, { pid, count }: { pid: string | undefined; count: string | undefined }): void {
  if (pid === undefined) return; // another program than systemd may have passed it
  if (Number(pid) !== Deno.pid) {
    throw new TineError(
      "cannot-listen",
      `cannot listen on the file descriptor ${fd}: LISTEN_PID=${escape(pid)} passes it to another process, and this ` +
        `is ${Deno.pid}; a script that starts tine must do so by exec`,
    );
  }
  const end = FIRST_FD + Number(count);
  if (fd >= FIRST_FD && fd < end) return;
  const passed = end === FIRST_FD + 1 ? `${FIRST_FD} alone` : end > FIRST_FD ? `${FIRST_FD} to ${end - 1}` : "none";
  throw new TineError(
    "cannot-listen",
    `cannot listen on the file descriptor ${fd}: LISTEN_FDS=${escape(count ?? "")} passes ${passed}`,
  );
}

function warnOfOthers(hostname: string, warn: (message: string) => void): void {
  if (isLoopback(hostname)) return;
  warn(`${hostname} may be reached by other machines, and the UDF protocol has no authentication`);
}
