import { TineError } from "../../base/errors.ts";

/**
 * Checks that an IP address is of the protocol's family. Which family a name has is left to the system: Deno's API
 * takes no wish.
 *
 * @param protocol e.g. `tcp4`
 * @throws {TineError} `invalid-address`
 */
export function checkFamily(host: string, protocol = ""): void {
  const wanted = protocol.endsWith("4") ? "IPv4" : protocol.endsWith("6") ? "IPv6" : undefined;
  const family = host.includes(":") ? "IPv6" : /^[\d.]+$/.test(host) ? "IPv4" : undefined;
  if (wanted === undefined || family === undefined || wanted === family) return;
  throw new TineError("invalid-address", `${host} is not an ${wanted} address`);
}
