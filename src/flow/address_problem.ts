import { HOST_PORT_PATTERN, ipFamily, MAX_PORT, parseIPv4, parseIPv6 } from "../base/address.ts";
import { needsZone } from "../sys/address.ts";

/**
 * Returns what is wrong with an address that has the form of one; undefined: nothing.
 *
 * @param text `HOST:PORT`, `[IPv6]:PORT`, `:PORT`
 * @param protocol such as `tcp6`: the addresses that it takes
 * @param dialled whether it is the address of a server, for a client
 */
export function addressProblem(text: string, protocol: string | undefined, dialled: boolean): string | undefined {
  const match = HOST_PORT_PATTERN.exec(text);
  if (match === null) return undefined; // The pattern of the schema reports it.
  const [, bracketed, name, digits] = match;
  const port = Number(digits);
  if (port > MAX_PORT) return `has the port ${port}, expected at most ${MAX_PORT}`;
  if (dialled && port === 0) return "has the port 0, which no client can dial";
  if (dialled && name === "") return "has no host, which a client needs";
  const isIPv6 = bracketed !== undefined;
  const [ip, zone] = (bracketed ?? name).split("%");
  const isIPv4 = !isIPv6 && ipFamily(name) === "ipv4";
  const ipv6 = isIPv6 ? parseIPv6(ip) : undefined;
  if (isIPv6 ? ipv6 === undefined : isIPv4 && parseIPv4(name) === undefined) return `has ${ip}, which is no IP address`;
  if (ipv6 !== undefined && zone === undefined && needsZone(ipv6)) {
    return `has a link-local address without its interface, expected e.g. [${ip}%eth0]:${port}`;
  }
  if (isIPv6 && protocol?.endsWith("4")) return `has an IPv6 address, but protocol is ${protocol}`;
  if (isIPv4 && protocol?.endsWith("6")) return `has an IPv4 address, but protocol is ${protocol}`;
}
