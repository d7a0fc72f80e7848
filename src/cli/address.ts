import { formatHostPort, type HostPort, parseHostPort } from "../base/address.ts";
import { UsageError } from "./errors.ts";
import { escape } from "./terminal.ts";

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT`, `:PORT` or `PORT`; without a host it is the loopback.
 *
 * @param name the flag or the argument, for the message
 * @throws {UsageError}
 *
 * @example
 * ```ts
 * import { parseAddress } from "./address.ts";
 * console.assert(parseAddress("9000", "--listen").hostname === "127.0.0.1");
 * ```
 */
export function parseAddress(text: string, name: string): HostPort {
  try {
    const { hostname, port } = parseHostPort(text, { barePort: true });
    return { hostname: hostname || "127.0.0.1", port };
  } catch (cause) {
    const label = name.startsWith("--") ? `${name} HOST:PORT` : name;
    const hint = /^[^:]+$/.test(text) ? "; the port is missing" : "";
    throw new UsageError(
      `${label}: expected e.g. 127.0.0.1:9000 or [::1]:9000, not "${escape(text)}"${hint}`,
      { cause },
    );
  }
}

/**
 * Adds a port to a host that has none.
 *
 * @example
 * ```ts
 * import { withPort } from "./address.ts";
 * console.assert(withPort("router", 862) === "router:862" && withPort("::1", 862) === "[::1]:862");
 * console.assert(withPort("[::1]:5000", 862) === "[::1]:5000");
 * ```
 */
export function withPort(text: string, port: number): string {
  // Two colons and no brackets: an address of IPv6 alone.
  if (/^[^[\]]*:[^[\]]*:/.test(text)) return formatHostPort({ hostname: text, port });
  return /:[^\]]*$|^\d+$/.test(text) ? text : `${text}:${port}`;
}

/**
 * Reads the server of a client, and returns it as flows dial it: `10.0.0.1:7000`, `[::1]:7000`.
 *
 * @throws {UsageError}
 */
export function parseServerAddress(text: string): string {
  const address = parseAddress(text, "HOST:PORT");
  if (address.port === 0) throw new UsageError(`HOST:PORT: port 0 cannot be dialled; servers print theirs`);
  return formatHostPort(address);
}
