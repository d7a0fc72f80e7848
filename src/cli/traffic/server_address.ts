import { parseAddress } from "../address.ts";
import { UsageError } from "../errors.ts";

/**
 * The server that a client was told, as flows dial it: `10.0.0.1:7000`, `[::1]:7000`.
 *
 * @throws {UsageError}
 */
export function serverAddress(text: string): string {
  const { hostname, port } = parseAddress(text, "client");
  if (port === 0) throw new UsageError(`client HOST:PORT: port 0 cannot be dialled; servers print theirs`);
  return joinAddress(hostname, port);
}

/** `HOST:PORT`, with brackets where they are needed. */
export function joinAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * Where a server is told to listen: the host alone, and the address as flows want it.
 *
 * @throws {UsageError}
 */
export function listenAddress(text: string): { hostname: string; listenAddr: string } {
  const { hostname, port } = parseAddress(text, "--listen");
  return { hostname, listenAddr: joinAddress(hostname, port) };
}
