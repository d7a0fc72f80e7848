import { TineError } from "./errors.ts";
import { parseIPv6 } from "./ip_address.ts";

/** The parts of a TCP or UDP address, not resolved. */
export interface HostPort {
  /** A name or an IP address, without brackets; empty for `:PORT` and `PORT`. */
  readonly hostname: string;
  /** 0 to {@link MAX_PORT}. */
  readonly port: number;
}

/** The largest TCP or UDP port. */
export const MAX_PORT = 65_535;

/**
 * The form of `HOST:PORT`, `[IPv6]:PORT`, `[IPv6%zone]:PORT` and `:PORT`: the only grammar of addresses in plans and on the
 * command line. Its groups are the IPv6 address with its zone, any other host, and the port.
 *
 * A zone is the name of a Linux interface, or its index: up to 15 characters without blanks, slashes and colons.
 */
export const HOST_PORT_PATTERN = /^(?:\[([0-9A-Fa-f:.]+(?:%[^\s%/:[\]]{1,15})?)\]|([^\s:[\]]{0,253})):(\d{1,5})$/;

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT` or `:PORT`.
 *
 * @param options `barePort`: also reads `PORT`, which means the same as `:PORT`
 * @throws {TineError} `invalid-address`, also for what stands in brackets and is not an IPv6 address
 *
 * @example
 * ```ts
 * import { parseHostPort } from "./address.ts";
 * console.assert(parseHostPort("[::1]:7000").hostname === "::1");
 * console.assert(parseHostPort("7000", { barePort: true }).port === 7000);
 * ```
 */
export function parseHostPort(text: string, { barePort = false } = {}): HostPort {
  const match = HOST_PORT_PATTERN.exec(barePort && /^\d+$/.test(text) ? `:${text}` : text);
  const port = Number(match?.[3]);
  const ipv6 = match?.[1];
  if (match === null || port > MAX_PORT || ipv6 !== undefined && parseIPv6(ipv6.split("%")[0]) === undefined) {
    throw new TineError(
      "invalid-address",
      `"${text}" is not an address such as 10.0.0.1:7000, host.example:7000 or [::1]:7000`,
    );
  }
  return { hostname: ipv6 ?? match[2], port };
}

/**
 * Reads an address to connect to: with a host, and a port above 0.
 *
 * @throws {TineError} `invalid-address`
 */
export function parseDialAddress(text: string): HostPort {
  const parsed = parseHostPort(text);
  if (parsed.hostname !== "" && parsed.port !== 0) return parsed;
  throw new TineError("invalid-address", `"${text}" cannot be dialled: it needs a host, and a port above 0`);
}

/**
 * Writes `HOST:PORT`, with brackets around an IPv6 address.
 *
 * @example
 * ```ts
 * import { formatHostPort } from "./address.ts";
 * console.assert(formatHostPort({ hostname: "::1", port: 7000 }) === "[::1]:7000");
 * ```
 */
export function formatHostPort({ hostname, port }: HostPort): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Whether only this machine can reach the host: `localhost`, `::1` or 127.0.0.0/8. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
