import { UsageError } from "./errors.ts";
import { escape } from "./terminal.ts";

/** A TCP address. */
export interface Address {
  hostname: string;
  port: number;
}

/**
 * Reads `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; without a host it is the loopback.
 *
 * @param name the flag, for the message
 * @throws {UsageError}
 *
 * @example
 * ```ts
 * import { parseAddress } from "./address.ts";
 * console.assert(parseAddress("[::1]:9000", "--listen").hostname === "::1");
 * ```
 */
export function parseAddress(text: string, name: string): Address {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new UsageError(`${name} HOST:PORT: expected e.g. 127.0.0.1:9000 or [::1]:9000, not "${escape(text)}"`);
  }
  return { hostname: match[1] ?? (match[2] || "127.0.0.1"), port };
}

/** Whether only this machine can reach the address. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
