import { TineError } from "../base/errors.ts";
import { Errno } from "./errno.ts";
import type { Socket } from "./socket.ts";
import { congestionControl } from "./socket_options.ts";
import { SystemError } from "./system_error.ts";

const SYSCTL = "/proc/sys/net/ipv4/";

/**
 * The congestion control algorithms that a socket may use, sorted: those the system has loaded, and without privileges
 * only those of them that it allows. Empty where the system does not let us look.
 *
 * @param privileged with CAP_NET_ADMIN
 */
export function congestionControls(privileged = false): string[] {
  try {
    const name = privileged ? "tcp_available_congestion_control" : "tcp_allowed_congestion_control";
    return Deno.readTextFileSync(SYSCTL + name).split(/\s+/).filter((word) => word !== "").sort();
  } catch {
    return []; // No /proc, or no permission to read it: there is no list to show.
  }
}

/**
 * Sets the congestion control algorithm of a TCP socket, or leaves it as it is.
 *
 * @param name e.g. `cubic`
 * @throws {TineError} `unknown-cca`, `forbidden-cca`: the message lists those that can be used
 */
export function setCongestionControl(socket: Socket, name: string): void {
  try {
    socket.set(congestionControl, name);
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    const { errno, errnoName } = cause;
    if (errno === Errno.ENOENT) {
      const usable = usableText(usableOn(socket));
      throw new TineError("unknown-cca", `the kernel has no congestion control "${name}" (${errnoName})${usable}`, {
        cause,
      });
    }
    if (errno !== Errno.EPERM) throw cause;
    const usable = usableText(usableOn(socket));
    const remedy = `; root may use it, and sysctl net.ipv4.tcp_allowed_congestion_control allows it to all`;
    throw new TineError(
      "forbidden-cca",
      `congestion control "${name}" is not allowed (${errnoName})${usable}${remedy}`,
      {
        cause,
      },
    );
  }
}

/** Those that the socket takes: what a process may use depends on its namespaces and capabilities, so it is tried. */
function usableOn(socket: Socket): string[] {
  const current = socket.get(congestionControl);
  const usable = congestionControls(true).filter((name) => {
    try {
      socket.set(congestionControl, name);
      return true;
    } catch (error) {
      if (error instanceof SystemError) return false;
      throw error;
    }
  });
  socket.set(congestionControl, current);
  return usable;
}

function usableText(names: readonly string[]): string {
  return names.length === 0 ? "" : `; usable: ${names.join(", ")}`;
}
