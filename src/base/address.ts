import { TineError } from "./errors.ts";

/** The parts of an address, not resolved. */
export interface HostPort {
  /** A name or an IP address, without brackets; empty for `:PORT`. */
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT` or `:PORT`.
 *
 * @throws {TineError} `invalid-address`
 *
 * @example
 * ```ts
 * import { parseHostPort } from "./address.ts";
 * console.assert(parseHostPort("[::1]:7000").host === "::1");
 * ```
 */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^\s:[\]]{0,253})):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new TineError(
      "invalid-address",
      `"${text}" is not an address such as 10.0.0.1:7000, host.example:7000 or [::1]:7000`,
    );
  }
  return { host: match[1] ?? match[2], port };
}

/**
 * Reads an address to connect to: with a host, and a port above 0.
 *
 * @throws {TineError} `invalid-address`
 */
export function parseDialAddress(text: string): HostPort {
  const parsed = parseHostPort(text);
  if (parsed.host !== "" && parsed.port !== 0) return parsed;
  throw new TineError("invalid-address", `"${text}" cannot be dialled: it needs a host, and a port above 0`);
}
